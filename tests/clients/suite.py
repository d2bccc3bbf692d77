"""Drives byok with the official SDKs, in front of strict scripted upstreams of every family.

Every SDK × every upstream × {chat, stream, tools, tools in a stream, image, error, cut stream}. Started by
./run, which installs what is pinned. Ends with a table and the line "N passed, N failed".
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

import anthropic
import cohere
import ollama
import openai
from google import genai
from google.genai import types as gtypes

import upstreams

HERE = pathlib.Path(__file__).parent
KEY = "client-key-that-byok-ignores"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
WEATHER = {"Oslo": "snowing", "Rome": "sunny"}
FINAL = "It is snowing in Oslo and sunny in Rome."
HELLO = "Hello there, wörld."


def same(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def refuses(kind, work):
    """The upstream's 429 arrives as the SDK's own error, with the upstream's words."""
    try:
        work()
    except kind as error:
        same(error.status_code, 429)
        assert "Slow down, please." in str(error), str(error)
    else:
        raise AssertionError("no error")


class OpenAI:
    """openai, Chat Completions."""

    name = "openai (Python)"

    def __init__(self, base):
        self.client = openai.OpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0)
        self.tools = [{"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": SCHEMA}}]

    def ask(self, model, messages, **more):
        return self.client.chat.completions.create(model=model, messages=messages, **more)

    def chat(self, model):
        answer = self.ask(model, [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}], temperature=0.5, max_tokens=100)
        same(answer.choices[0].message.content, HELLO)
        same(answer.choices[0].finish_reason, "stop")
        same((answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.prompt_tokens_details.cached_tokens), (20, 15, 8))
        # In its own format the answer's bytes pass, so the model is the upstream's word for it.
        assert answer.model == model or answer.model.startswith(model.split("/")[1]), answer.model

    def stream(self, model):
        chunks = list(self.ask(model, [{"role": "user", "content": "Hi"}], stream=True, stream_options={"include_usage": True}))
        same("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), HELLO)
        same([c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason], ["stop"])
        same((chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens), (20, 15))

    def tools_loop(self, model, answer):
        messages = [{"role": "user", "content": "Weather?"}]
        message = answer(messages)
        # Cohere's upstream calls this text a plan, which is reasoning to everyone else.
        same(message.content or "Let me see.", "Let me see.")
        same(len(message.tool_calls), 2)
        messages.append({"role": "assistant", "content": message.content, "tool_calls": [
            {"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": call.function.arguments}}
            for call in message.tool_calls]})
        # The results come back in another order than the calls.
        for call in reversed(message.tool_calls):
            city = json.loads(call.function.arguments)["city"]
            messages.append({"role": "tool", "tool_call_id": call.id, "content": WEATHER[city]})
        same(answer(messages).content, FINAL)

    def tools_whole(self, model):
        self.tools_loop(model, lambda messages: self.ask(model, messages, tools=self.tools).choices[0].message)

    def tools_stream(self, model):
        def answer(messages):
            with self.client.chat.completions.stream(model=model, messages=messages, tools=self.tools) as stream:
                completion = stream.get_final_completion()
            same(completion.choices[0].finish_reason, "tool_calls" if completion.choices[0].message.tool_calls else "stop")
            return completion.choices[0].message
        self.tools_loop(model, answer)

    def image(self, model):
        url = "data:image/png;base64," + upstreams.PNG
        content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
        same(self.ask(model, [{"role": "user", "content": content}]).choices[0].message.content, "A red pixel.")

    def error(self, model):
        try:
            self.ask(model, [{"role": "user", "content": "fail"}])
        except openai.RateLimitError as error:
            assert "Slow down, please." in str(error), str(error)
            same(error.response.headers.get("retry-after"), "7")
        else:
            raise AssertionError("no error")

    def cut(self, model):
        try:
            for _ in self.ask(model, [{"role": "user", "content": "cut"}], stream=True):
                pass
        except Exception:
            return
        raise AssertionError("a cut stream looked complete")


class Anthropic:
    """anthropic, Messages."""

    name = "anthropic (Python)"

    def __init__(self, base):
        self.client = anthropic.Anthropic(base_url=base, api_key=KEY, max_retries=0)
        self.tools = [{"name": "weather", "description": "The weather", "input_schema": SCHEMA}]

    def ask(self, model, messages, **more):
        return self.client.messages.create(model=model, max_tokens=100, messages=messages, **more)

    def chat(self, model):
        answer = self.ask(model, [{"role": "user", "content": "Hi"}], system="Be kind.")
        same(answer.content[0].text, HELLO)
        same(answer.stop_reason, "end_turn")
        same((answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens), (12, 8, 15))
        # In its own format the answer's bytes pass, so the model is the upstream's word for it.
        assert answer.model == model or answer.model.startswith(model.split("/")[1]), answer.model

    def stream(self, model):
        with self.client.messages.stream(model=model, max_tokens=100, messages=[{"role": "user", "content": "Hi"}]) as stream:
            same("".join(stream.text_stream), HELLO)
            final = stream.get_final_message()
        same(final.stop_reason, "end_turn")
        same((final.usage.input_tokens, final.usage.cache_read_input_tokens, final.usage.output_tokens), (12, 8, 15))

    def tools_loop(self, answer):
        messages = [{"role": "user", "content": "Weather?"}]
        message = answer(messages)
        same(message.stop_reason, "tool_use")
        calls = [block for block in message.content if block.type == "tool_use"]
        same([getattr(block, block.type) for block in message.content if block.type in ("text", "thinking")], ["Let me see."])
        same([call.input["city"] for call in calls], ["Oslo", "Rome"])
        messages.append({"role": "assistant", "content": [block.to_dict() for block in message.content]})
        messages.append({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call.id, "content": WEATHER[call.input["city"]]} for call in reversed(calls)]})
        same(answer(messages).content[0].text, FINAL)

    def tools_whole(self, model):
        self.tools_loop(lambda messages: self.ask(model, messages, tools=self.tools))

    def tools_stream(self, model):
        def answer(messages):
            with self.client.messages.stream(model=model, max_tokens=100, messages=messages, tools=self.tools) as stream:
                return stream.get_final_message()
        self.tools_loop(answer)

    def image(self, model):
        source = {"type": "base64", "media_type": "image/png", "data": upstreams.PNG}
        content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
        same(self.ask(model, [{"role": "user", "content": content}]).content[0].text, "A red pixel.")

    def error(self, model):
        try:
            self.ask(model, [{"role": "user", "content": "fail"}])
        except anthropic.RateLimitError as error:
            assert "Slow down, please." in str(error), str(error)
            same(error.response.headers.get("retry-after"), "7")
        else:
            raise AssertionError("no error")

    def cut(self, model):
        try:
            with self.client.messages.stream(model=model, max_tokens=100, messages=[{"role": "user", "content": "cut"}]) as stream:
                for _ in stream:
                    pass
        except Exception:
            return
        raise AssertionError("a cut stream looked complete")


class Google:
    """google-genai."""

    name = "google-genai (Python)"

    def __init__(self, base):
        self.client = genai.Client(api_key=KEY, vertexai=False, http_options={"base_url": base})
        declaration = {"name": "weather", "description": "The weather", "parameters_json_schema": SCHEMA}
        self.tools = [gtypes.Tool(function_declarations=[declaration])]

    def config(self, **more):
        return gtypes.GenerateContentConfig(
            automatic_function_calling=gtypes.AutomaticFunctionCallingConfig(disable=True), **more)

    def chat(self, model):
        answer = self.client.models.generate_content(
            model=model, contents="Hi", config=self.config(system_instruction="Be kind.", temperature=0.5, max_output_tokens=100))
        same(answer.text, HELLO)
        same(answer.candidates[0].finish_reason, gtypes.FinishReason.STOP)
        usage = answer.usage_metadata
        same((usage.prompt_token_count, usage.cached_content_token_count, usage.candidates_token_count), (20, 8, 15))

    def stream(self, model):
        chunks = list(self.client.models.generate_content_stream(model=model, contents="Hi"))
        same("".join(chunk.text or "" for chunk in chunks), HELLO)
        same([c.candidates[0].finish_reason for c in chunks if c.candidates and c.candidates[0].finish_reason], [gtypes.FinishReason.STOP])
        same(chunks[-1].usage_metadata.prompt_token_count, 20)

    def tools_loop(self, answer):
        contents = [gtypes.Content(role="user", parts=[gtypes.Part(text="Weather?")])]
        parts = answer(contents)
        calls = [part.function_call for part in parts if part.function_call]
        same([call.args["city"] for call in calls], ["Oslo", "Rome"])
        contents.append(gtypes.Content(role="model", parts=parts))
        contents.append(gtypes.Content(role="user", parts=[
            gtypes.Part(function_response=gtypes.FunctionResponse(id=call.id, name=call.name, response={"output": WEATHER[call.args["city"]]}))
            for call in calls]))
        same("".join(part.text or "" for part in answer(contents)), FINAL)

    def tools_whole(self, model):
        self.tools_loop(lambda contents: self.client.models.generate_content(
            model=model, contents=contents, config=self.config(tools=self.tools)).candidates[0].content.parts)

    def tools_stream(self, model):
        def answer(contents):
            chunks = self.client.models.generate_content_stream(model=model, contents=contents, config=self.config(tools=self.tools))
            parts = [part for chunk in chunks for part in (chunk.candidates[0].content.parts or [] if chunk.candidates[0].content else [])]
            return [part for part in parts if part.text or part.function_call]
        self.tools_loop(answer)

    def image(self, model):
        import base64
        part = gtypes.Part.from_bytes(data=base64.b64decode(upstreams.PNG), mime_type="image/png")
        same(self.client.models.generate_content(model=model, contents=["What is it?", part]).text, "A red pixel.")

    def error(self, model):
        try:
            self.client.models.generate_content(model=model, contents="fail")
        except genai.errors.ClientError as error:
            same((error.code, error.status), (429, "RESOURCE_EXHAUSTED"))
            assert "Slow down, please." in str(error), str(error)
        else:
            raise AssertionError("no error")

    def cut(self, model):
        try:
            for _ in self.client.models.generate_content_stream(model=model, contents="cut"):
                pass
        except Exception:
            return
        raise AssertionError("a cut stream looked complete")


class Responses:
    """openai, Responses."""

    name = "openai Responses (Python)"

    def __init__(self, base):
        self.client = openai.OpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0)
        self.tools = [{"type": "function", "name": "weather", "description": "The weather", "parameters": SCHEMA, "strict": False}]

    def ask(self, model, items, **more):
        return self.client.responses.create(model=model, input=items, store=False, **more)

    def chat(self, model):
        answer = self.ask(model, "Hi", instructions="Be kind.", max_output_tokens=100)
        same(answer.output_text, HELLO)
        same(answer.status, "completed")
        same((answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.input_tokens_details.cached_tokens), (20, 15, 8))

    def stream(self, model):
        with self.client.responses.stream(model=model, input="Hi", store=False) as stream:
            text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
            final = stream.get_final_response()
        same(text, HELLO)
        same((final.output_text, final.usage.input_tokens, final.usage.output_tokens), (HELLO, 20, 15))

    def tools_loop(self, answer):
        items = [{"role": "user", "content": "Weather?"}]
        response = answer(items)
        calls = [item for item in response.output if item.type == "function_call"]
        same([json.loads(call.arguments)["city"] for call in calls], ["Oslo", "Rome"])
        items += [item.to_dict() for item in response.output]
        for item in items:
            item.pop("parsed_arguments", None)
            for part in item["content"] if isinstance(item.get("content"), list) else []:
                part.pop("parsed", None)
        for call in reversed(calls):
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": WEATHER[json.loads(call.arguments)["city"]]})
        same(answer(items).output_text, FINAL)

    def tools_whole(self, model):
        self.tools_loop(lambda items: self.ask(model, items, tools=self.tools))

    def tools_stream(self, model):
        def answer(items):
            with self.client.responses.stream(model=model, input=items, tools=self.tools, store=False) as stream:
                return stream.get_final_response()
        self.tools_loop(answer)

    def image(self, model):
        content = [{"type": "input_text", "text": "What is it?"},
                   {"type": "input_image", "image_url": "data:image/png;base64," + upstreams.PNG, "detail": "auto"}]
        same(self.ask(model, [{"role": "user", "content": content}]).output_text, "A red pixel.")

    def error(self, model):
        refuses(openai.RateLimitError, lambda: self.ask(model, "fail"))

    def cut(self, model):
        try:
            events = list(self.ask(model, "cut", stream=True))
        except Exception:
            return
        assert events[-1].type in ("response.failed", "error"), "a cut stream looked complete"


class Cohere:
    """cohere, v2."""

    name = "cohere (Python)"

    def __init__(self, base):
        self.client = cohere.ClientV2(api_key=KEY, base_url=base)
        self.tools = [{"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": SCHEMA}}]

    def ask(self, model, messages, **more):
        return self.client.chat(model=model, messages=messages, request_options={"max_retries": 0}, **more)

    def chat(self, model):
        answer = self.ask(model, [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}], temperature=0.5, max_tokens=100)
        same(answer.message.content[0].text, HELLO)
        same(answer.finish_reason, "COMPLETE")
        same((answer.usage.tokens.input_tokens, answer.usage.tokens.output_tokens), (20, 15))

    def stream(self, model):
        events = list(self.client.chat_stream(model=model, messages=[{"role": "user", "content": "Hi"}]))
        same("".join(event.delta.message.content.text for event in events if event.type == "content-delta"), HELLO)
        same((events[-1].type, events[-1].delta.finish_reason), ("message-end", "COMPLETE"))
        same(events[-1].delta.usage.tokens.input_tokens, 20)

    def tools_loop(self, answer):
        messages = [{"role": "user", "content": "Weather?"}]
        calls = answer(messages)
        same([json.loads(arguments)["city"] for _, arguments in calls], ["Oslo", "Rome"])
        messages.append({"role": "assistant", "tool_calls": [
            {"id": id, "type": "function", "function": {"name": "weather", "arguments": arguments}} for id, arguments in calls]})
        for id, arguments in reversed(calls):
            messages.append({"role": "tool", "tool_call_id": id, "content": WEATHER[json.loads(arguments)["city"]]})
        same(answer(messages), FINAL)

    def tools_whole(self, model):
        def answer(messages):
            message = self.ask(model, messages, tools=self.tools).message
            return [(call.id, call.function.arguments) for call in message.tool_calls or []] or message.content[0].text
        self.tools_loop(answer)

    def tools_stream(self, model):
        def answer(messages):
            calls, text = {}, ""
            for event in self.client.chat_stream(model=model, messages=messages, tools=self.tools):
                if event.type == "tool-call-start":
                    calls[event.index] = [event.delta.message.tool_calls.id, event.delta.message.tool_calls.function.arguments or ""]
                elif event.type == "tool-call-delta":
                    calls[event.index][1] += event.delta.message.tool_calls.function.arguments
                elif event.type == "content-delta":
                    text += event.delta.message.content.text
            return [tuple(call) for call in calls.values()] or text
        self.tools_loop(answer)

    def image(self, model):
        content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + upstreams.PNG}}]
        same(self.ask(model, [{"role": "user", "content": content}]).message.content[0].text, "A red pixel.")

    def error(self, model):
        refuses(cohere.TooManyRequestsError, lambda: self.ask(model, [{"role": "user", "content": "fail"}]))

    def cut(self, model):
        try:
            events = list(self.client.chat_stream(model=model, messages=[{"role": "user", "content": "cut"}]))
        except Exception:
            return
        same((events[-1].type, events[-1].delta.finish_reason), ("message-end", "ERROR"))


class Ollama:
    """ollama."""

    name = "ollama (Python)"

    def __init__(self, base):
        self.client = ollama.Client(host=base)
        self.tools = [{"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": SCHEMA}}]

    def ask(self, model, messages, **more):
        return self.client.chat(model=model, messages=messages, **more)

    def chat(self, model):
        answer = self.ask(model, [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}], options={"temperature": 0.5, "num_predict": 100})
        same((answer.message.content, answer.done_reason), (HELLO, "stop"))
        same((answer.prompt_eval_count, answer.eval_count), (20, 15))
        same(self.client.generate(model=model, prompt="Hi").response, HELLO)

    def stream(self, model):
        chunks = list(self.ask(model, [{"role": "user", "content": "Hi"}], stream=True))
        same("".join(chunk.message.content or "" for chunk in chunks), HELLO)
        same([chunk.done for chunk in chunks].index(True), len(chunks) - 1)

    def tools_loop(self, answer):
        messages = [{"role": "user", "content": "Weather?"}]
        calls, _ = answer(messages)
        same([call.function.arguments["city"] for call in calls], ["Oslo", "Rome"])
        messages.append({"role": "assistant", "content": "", "tool_calls": [call.model_dump() for call in calls]})
        for call in calls:
            messages.append({"role": "tool", "tool_name": "weather", "content": WEATHER[call.function.arguments["city"]]})
        same(answer(messages)[1], FINAL)

    def tools_whole(self, model):
        def answer(messages):
            message = self.ask(model, messages, tools=self.tools).message
            return message.tool_calls or [], message.content
        self.tools_loop(answer)

    def tools_stream(self, model):
        def answer(messages):
            chunks = list(self.ask(model, messages, tools=self.tools, stream=True))
            calls = [call for chunk in chunks for call in chunk.message.tool_calls or []]
            return calls, "".join(chunk.message.content or "" for chunk in chunks)
        self.tools_loop(answer)

    def image(self, model):
        import base64
        messages = [{"role": "user", "content": "What is it?", "images": [base64.b64decode(upstreams.PNG)]}]
        same(self.ask(model, messages).message.content, "A red pixel.")

    def error(self, model):
        refuses(ollama.ResponseError, lambda: self.ask(model, [{"role": "user", "content": "fail"}]))

    def cut(self, model):
        try:
            chunks = list(self.ask(model, [{"role": "user", "content": "cut"}], stream=True))
        except Exception:
            return
        assert not chunks[-1].done, "a cut stream looked complete"


CASES = ["chat", "stream", "tools_whole", "tools_stream", "image", "error", "cut"]


def start_byok(binary, config):
    """The real binary on a free port; returns the process and its base address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tempfile.mkdtemp(prefix="byok-clients-")
    path = pathlib.Path(home, "config.yaml")
    path.touch(mode=0o600)
    path.write_text(config)
    log = open(pathlib.Path(home, "log"), "wb")
    process = subprocess.Popen([binary, "serve", "-c", str(path), "-p", str(port), "--db", ":memory:"],
                               env={**os.environ, "BYOK_HOME": home}, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"{base}/healthz", timeout=1).read()
            return process, base, pathlib.Path(home, "log")
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("byok did not start:\n" + pathlib.Path(home, "log").read_text())


def python_results(base, results):
    for kind in (OpenAI, Responses, Anthropic, Google, Cohere, Ollama):
        for handler in upstreams.FAMILIES:
            client = kind(base)
            for case in CASES:
                model = f"up-{handler.family}/{handler.model}"
                try:
                    getattr(client, case)(model)
                    results[kind.name, handler.family, case] = None
                except Exception as error:
                    where = traceback.extract_tb(error.__traceback__)
                    ours = [frame.lineno for frame in where if frame.filename == __file__]
                    results[kind.name, handler.family, case] = f"{type(error).__name__}: {error} (suite.py:{ours[-1]})"[:600]


def node_results(base, results):
    models = {handler.family: f"up-{handler.family}/{handler.model}" for handler in upstreams.FAMILIES}
    setting = json.dumps({"base": base, "key": KEY, "models": models, "png": upstreams.PNG, "cases": CASES})
    done = subprocess.run(["node", str(HERE / "suite.mjs"), setting], capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit("suite.mjs failed:\n" + done.stderr)
    for row in json.loads(done.stdout):
        results[row["client"], row["family"], row["case"]] = row["error"]


def main():
    servers = upstreams.serve()
    process, base, log = start_byok(sys.argv[1], upstreams.config(servers))
    results = {}
    try:
        python_results(base, results)
        node_results(base, results)
    finally:
        process.terminate()
        process.wait(timeout=30)
    families = [handler.family for handler in upstreams.FAMILIES]
    print("| client | upstream | " + " | ".join(CASES) + " |")
    print("| --- " * (len(CASES) + 2) + "|")
    for client in dict.fromkeys(key[0] for key in results):
        for family in families:
            marks = ["ok" if results[client, family, case] is None else "FAILED" for case in CASES]
            print(f"| {client} | {family} | " + " | ".join(marks) + " |")
    failed = {key: error for key, error in results.items() if error}
    for key, error in failed.items():
        print("FAILED", *key, "-", error)
    if failed:
        for family, server in servers.items():
            for refusal in dict.fromkeys(server.refusals):
                print(f"refused by {family}: {refusal}")
        print(log.read_text()[-4000:])
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(bool(failed))


main()
