"""The official Python SDKs behind one face, so that every case is written once.

`turn(model, turns, wish)` makes one call. `turns` is the conversation so far:

  {"user": text, "image": bool, "pdf": bool}
  {"answer": native}                          an earlier answer, as the SDK wants it back
  {"results": [[call, text], …]}              results, in this order

`wish` has what is asked for beside it: stream, plain (system and sampling), tools, think, schema. The
answer is {text, thoughts, calls: [{id, name, arguments}], stop, usage: [input, cached, output, thoughts],
native}, with null for what the format cannot say.
"""

import base64
import json

import anthropic
import cohere
import ollama
import openai
from cohere.core.api_error import ApiError
from google import genai
from google.genai import types as gtypes

KEY = "client-key-that-byok-ignores"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
IMAGE, DOCUMENT = None, None  # base64, set by whoever drives this


def answer(text, thoughts, calls, stop, usage, native):
    return {"text": text or "", "thoughts": thoughts or "", "calls": calls, "stop": stop, "usage": usage, "native": native}


def call(id, name, arguments):
    return {"id": id, "name": name, "arguments": json.loads(arguments) if isinstance(arguments, str) else arguments}


class Adapter:
    shows_thoughts = True   # the SDK shows what the model thought
    returns_tokens = True   # the SDK sends opaque tokens back
    sends_pdf = True
    waits = True            # errors carry how long to wait

    def error(self, error):
        """(status, words, wait) of an error that the SDK raised for an answer with an error status."""
        response = getattr(error, "response", None)
        wait = response.headers.get("retry-after") if response is not None else None
        return error.status_code, str(error), wait


class OpenAI(Adapter):
    name = "openai (Python)"
    family = "openai"
    errors = openai.APIStatusError

    def __init__(self, base):
        self.client = openai.OpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0)

    def turn(self, model, turns, wish):
        messages = [{"role": "system", "content": "Be kind."}] if wish.get("plain") else []
        for turn in turns:
            if "answer" in turn:
                messages.append(turn["answer"])
            elif "results" in turn:
                messages += [{"role": "tool", "tool_call_id": of["id"], "content": text} for of, text in turn["results"]]
            else:
                parts = [{"type": "text", "text": turn["user"]}]
                if turn.get("image"):
                    parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}})
                if turn.get("pdf"):
                    parts.append({"type": "file", "file": {"filename": "paper.pdf", "file_data": f"data:application/pdf;base64,{DOCUMENT}"}})
                messages.append({"role": "user", "content": parts if len(parts) > 1 else turn["user"]})
        more = {"temperature": 0.5, "max_tokens": 100} if wish.get("plain") else {}
        if wish.get("tools"):
            more["tools"] = [{"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": SCHEMA}}]
        if wish.get("think"):
            more["reasoning_effort"] = "medium"
        if wish.get("schema"):
            more["response_format"] = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}
        if wish.get("stream"):
            with self.client.chat.completions.stream(model=model, messages=messages, stream_options={"include_usage": True}, **more) as stream:
                done = stream.get_final_completion()
        else:
            done = self.client.chat.completions.create(model=model, messages=messages, **more)
        message, usage = done.choices[0].message, done.usage
        native = message.to_dict()
        native.pop("parsed", None)
        for item in native.get("tool_calls") or []:
            item.pop("index", None)
            item["function"].pop("parsed_arguments", None)
        native = {key: value for key, value in native.items() if value is not None}
        return answer(message.content, getattr(message, "reasoning_content", None),
                      [call(item.id, item.function.name, item.function.arguments) for item in message.tool_calls or []],
                      {"stop": "end", "tool_calls": "tools", "length": "length"}.get(done.choices[0].finish_reason),
                      [usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens,
                       usage.completion_tokens_details.reasoning_tokens if usage.completion_tokens_details else 0], native)


class Responses(Adapter):
    name = "openai Responses (Python)"
    family = "openai-responses"
    errors = openai.APIStatusError

    def __init__(self, base):
        self.client = openai.OpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0)

    def turn(self, model, turns, wish):
        items = []
        for turn in turns:
            if "answer" in turn:
                items += turn["answer"]
            elif "results" in turn:
                items += [{"type": "function_call_output", "call_id": of["id"], "output": text} for of, text in turn["results"]]
            else:
                parts = [{"type": "input_text", "text": turn["user"]}]
                if turn.get("image"):
                    parts.append({"type": "input_image", "image_url": f"data:image/png;base64,{IMAGE}", "detail": "auto"})
                if turn.get("pdf"):
                    parts.append({"type": "input_file", "filename": "paper.pdf", "file_data": f"data:application/pdf;base64,{DOCUMENT}"})
                items.append({"role": "user", "content": parts if len(parts) > 1 else turn["user"]})
        more = {"instructions": "Be kind.", "max_output_tokens": 100} if wish.get("plain") else {}
        if wish.get("tools"):
            more["tools"] = [{"type": "function", "name": "weather", "description": "The weather", "parameters": SCHEMA, "strict": False}]
        if wish.get("think"):
            more |= {"reasoning": {"effort": "medium", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
        if wish.get("schema"):
            more["text"] = {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}}
        if wish.get("stream"):
            with self.client.responses.stream(model=model, input=items, store=False, **more) as stream:
                done = stream.get_final_response()
        else:
            done = self.client.responses.create(model=model, input=items, store=False, **more)
        native = [item.to_dict() for item in done.output]
        for item in native:
            item.pop("parsed_arguments", None)
            for part in item["content"] if isinstance(item.get("content"), list) else []:
                part.pop("parsed", None)
        calls = [call(item.call_id, item.name, item.arguments) for item in done.output if item.type == "function_call"]
        thoughts = [part.text for item in done.output if item.type == "reasoning" for part in item.summary]
        stop = {"completed": "tools" if calls else "end", "incomplete": "length"}.get(done.status)
        usage = done.usage
        return answer(done.output_text, "".join(thoughts), calls, stop,
                      [usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens,
                       usage.output_tokens_details.reasoning_tokens], native)


class Anthropic(Adapter):
    name = "anthropic (Python)"
    family = "anthropic"
    errors = anthropic.APIStatusError

    def __init__(self, base):
        self.client = anthropic.Anthropic(base_url=base, api_key=KEY, max_retries=0)

    def turn(self, model, turns, wish):
        messages = []
        for turn in turns:
            if "answer" in turn:
                messages.append({"role": "assistant", "content": turn["answer"]})
            elif "results" in turn:
                blocks = [{"type": "tool_result", "tool_use_id": of["id"], "content": text} for of, text in turn["results"]]
                messages.append({"role": "user", "content": blocks})
            else:
                blocks = [{"type": "text", "text": turn["user"]}]
                if turn.get("image"):
                    blocks.insert(0, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}})
                if turn.get("pdf"):
                    blocks.insert(0, {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": DOCUMENT}})
                messages.append({"role": "user", "content": blocks if len(blocks) > 1 else turn["user"]})
        more = {"system": "Be kind."} if wish.get("plain") else {}
        if wish.get("tools"):
            more["tools"] = [{"name": "weather", "description": "The weather", "input_schema": SCHEMA}]
        if wish.get("think"):
            more["thinking"] = {"type": "enabled", "budget_tokens": 2048}
        if wish.get("schema"):
            more["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        asked = {"model": model, "max_tokens": 4096 if wish.get("think") else 100, "messages": messages, **more}
        if wish.get("stream"):
            with self.client.messages.stream(**asked) as stream:
                done = stream.get_final_message()
        else:
            done = self.client.messages.create(**asked)
        native = [block.to_dict() for block in done.content]
        for block in native:
            block.pop("parsed_output", None)
        usage, details = done.usage, done.usage.output_tokens_details
        cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
        return answer("".join(block.text for block in done.content if block.type == "text"),
                      "".join(block.thinking for block in done.content if block.type == "thinking"),
                      [call(block.id, block.name, block.input) for block in done.content if block.type == "tool_use"],
                      {"end_turn": "end", "tool_use": "tools", "max_tokens": "length"}.get(done.stop_reason),
                      [usage.input_tokens + cached + written, cached, usage.output_tokens,
                       details.thinking_tokens if details else 0], native)


class Google(Adapter):
    name = "google-genai (Python)"
    family = "gemini"
    errors = genai.errors.APIError

    def __init__(self, base):
        self.client = genai.Client(api_key=KEY, vertexai=False, http_options={"base_url": base})

    def turn(self, model, turns, wish):
        contents = []
        for turn in turns:
            if "answer" in turn:
                contents.append(gtypes.Content.model_validate(turn["answer"]))
            elif "results" in turn:
                # Without ids the order is all that pairs them.
                results = sorted(turn["results"], key=lambda result: result[0]["at"])
                contents.append(gtypes.Content(role="user", parts=[
                    gtypes.Part(function_response=gtypes.FunctionResponse(id=of["id"], name=of["name"], response={"output": text}))
                    for of, text in results]))
            else:
                parts = [gtypes.Part(text=turn["user"])]
                if turn.get("image"):
                    parts.append(gtypes.Part.from_bytes(data=base64.b64decode(IMAGE), mime_type="image/png"))
                if turn.get("pdf"):
                    parts.append(gtypes.Part.from_bytes(data=base64.b64decode(DOCUMENT), mime_type="application/pdf"))
                contents.append(gtypes.Content(role="user", parts=parts))
        more = {"system_instruction": "Be kind.", "temperature": 0.5, "max_output_tokens": 100} if wish.get("plain") else {}
        if wish.get("tools"):
            more["tools"] = [gtypes.Tool(function_declarations=[{"name": "weather", "description": "The weather", "parameters_json_schema": SCHEMA}])]
        if wish.get("think"):
            more["thinking_config"] = gtypes.ThinkingConfig(include_thoughts=True, thinking_budget=2048)
        if wish.get("schema"):
            more |= {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
        config = gtypes.GenerateContentConfig(automatic_function_calling=gtypes.AutomaticFunctionCallingConfig(disable=True), **more)
        asked = {"model": model, "contents": contents, "config": config}
        if wish.get("stream"):
            chunks = list(self.client.models.generate_content_stream(**asked))
        else:
            chunks = [self.client.models.generate_content(**asked)]
        candidates = [candidate for chunk in chunks for candidate in chunk.candidates or []]
        parts = [part for candidate in candidates if candidate.content for part in candidate.content.parts or []]
        reasons = [candidate.finish_reason for candidate in candidates if candidate.finish_reason]
        assert len(reasons) == 1, f"finish reasons: {reasons}"
        assert all(not candidate.content or candidate.content.role == "model" for candidate in candidates)
        kept = [part for part in parts if part.text or part.function_call or part.thought_signature]
        calls = [{**call(part.function_call.id, part.function_call.name, part.function_call.args), "at": at}
                 for at, part in enumerate(kept) if part.function_call]
        usage = chunks[-1].usage_metadata
        stop = {"STOP": "tools" if calls else "end", "MAX_TOKENS": "length"}.get(reasons[0].value)
        return answer("".join(part.text or "" for part in parts if not part.thought),
                      "".join(part.text or "" for part in parts if part.thought), calls, stop,
                      [usage.prompt_token_count, usage.cached_content_token_count,
                       usage.candidates_token_count + (usage.thoughts_token_count or 0), usage.thoughts_token_count],
                      gtypes.Content(role="model", parts=kept).model_dump(mode="json", exclude_none=True))

    def error(self, error):
        details = error.details["error"]
        waits = [detail["retryDelay"].removesuffix("s") for detail in details.get("details", []) if "retryDelay" in detail]
        return error.code, str(error), (waits or [None])[0]


class Cohere(Adapter):
    name = "cohere (Python)"
    family = "cohere"
    errors = ApiError
    sends_pdf = False
    returns_tokens = False

    def __init__(self, base):
        self.client = cohere.ClientV2(api_key=KEY, base_url=base)

    def turn(self, model, turns, wish):
        messages = [{"role": "system", "content": "Be kind."}] if wish.get("plain") else []
        for turn in turns:
            if "answer" in turn:
                messages.append(turn["answer"])
            elif "results" in turn:
                messages += [{"role": "tool", "tool_call_id": of["id"], "content": text} for of, text in turn["results"]]
            else:
                parts = [{"type": "text", "text": turn["user"]}]
                if turn.get("image"):
                    parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}})
                messages.append({"role": "user", "content": parts if len(parts) > 1 else turn["user"]})
        more = {"temperature": 0.5, "max_tokens": 100} if wish.get("plain") else {}
        if wish.get("tools"):
            more["tools"] = [{"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": SCHEMA}}]
        if wish.get("think"):
            more["thinking"] = {"type": "enabled", "token_budget": 2048}
        if wish.get("schema"):
            more["response_format"] = {"type": "json_object", "json_schema": SCHEMA}
        asked = {"model": model, "messages": messages, "request_options": {"max_retries": 0}, **more}
        if wish.get("stream"):
            content, plan, calls, usage, reason = {}, "", {}, None, None
            for event in self.client.chat_stream(**asked):
                if event.type == "content-start":
                    content[event.index] = {"type": event.delta.message.content.type, "text": ""}
                elif event.type == "content-delta":
                    delta = event.delta.message.content
                    content[event.index]["text"] += delta.text or delta.thinking or ""
                elif event.type == "tool-plan-delta":
                    plan += event.delta.message.tool_plan
                elif event.type == "tool-call-start":
                    made = event.delta.message.tool_calls
                    calls[event.index] = [made.id, made.function.name, made.function.arguments or ""]
                elif event.type == "tool-call-delta":
                    calls[event.index][2] += event.delta.message.tool_calls.function.arguments
                elif event.type == "message-end":
                    usage, reason = event.delta.usage, event.delta.finish_reason
                    if reason == "ERROR":
                        raise Broken("ERROR")
            blocks, calls = list(content.values()), list(calls.values())
        else:
            done = self.client.chat(**asked)
            usage, reason, plan = done.usage, done.finish_reason, done.message.tool_plan or ""
            blocks = [{"type": part.type, "text": part.text if part.type == "text" else part.thinking} for part in done.message.content or []]
            calls = [[made.id, made.function.name, made.function.arguments] for made in done.message.tool_calls or []]
        native = {"role": "assistant", "content": [{"type": block["type"], block["type"]: block["text"]} for block in blocks]}
        if calls:
            native |= {"tool_plan": plan, "tool_calls": [
                {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}} for id, name, arguments in calls]}
        native = {key: value for key, value in native.items() if value}
        return answer("".join(block["text"] for block in blocks if block["type"] == "text"),
                      "".join(block["text"] for block in blocks if block["type"] == "thinking") + plan,
                      [call(*made) for made in calls], {"COMPLETE": "end", "TOOL_CALL": "tools", "MAX_TOKENS": "length"}.get(reason),
                      [usage.tokens.input_tokens, getattr(usage, "cached_tokens", None), usage.tokens.output_tokens, None], native)

    def error(self, error):
        return error.status_code, str(error.body), (error.headers or {}).get("retry-after")


class Broken(Exception):
    """The format's own word for an answer that broke off."""


class Ollama(Adapter):
    name = "ollama (Python)"
    family = None
    errors = ollama.ResponseError
    sends_pdf = False
    returns_tokens = False
    waits = False

    def __init__(self, base):
        self.client = ollama.Client(host=base)

    def turn(self, model, turns, wish):
        messages = [{"role": "system", "content": "Be kind."}] if wish.get("plain") else []
        for turn in turns:
            if "answer" in turn:
                messages.append(turn["answer"])
            elif "results" in turn:
                # The format has no ids: tools of one name are told apart by their order.
                results = sorted(turn["results"], key=lambda result: result[0]["at"])
                messages += [{"role": "tool", "tool_name": of["name"], "content": text} for of, text in results]
            else:
                messages.append({"role": "user", "content": turn["user"], **({"images": [base64.b64decode(IMAGE)]} if turn.get("image") else {})})
        more = {"options": {"temperature": 0.5, "num_predict": 100}} if wish.get("plain") else {}
        if wish.get("tools"):
            more["tools"] = [{"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": SCHEMA}}]
        if wish.get("think"):
            more["think"] = True
        if wish.get("schema"):
            more["format"] = SCHEMA
        if wish.get("stream"):
            chunks = list(self.client.chat(model=model, messages=messages, stream=True, **more))
            if not chunks[-1].done:
                raise Broken("not done")
        else:
            chunks = [self.client.chat(model=model, messages=messages, **more)]
        text = "".join(chunk.message.content or "" for chunk in chunks)
        thoughts = "".join(chunk.message.thinking or "" for chunk in chunks)
        made = [item.model_dump() for chunk in chunks for item in chunk.message.tool_calls or []]
        calls = [{"id": None, "name": item["function"]["name"], "arguments": item["function"]["arguments"], "at": at} for at, item in enumerate(made)]
        last = chunks[-1]
        native = {"role": "assistant", "content": text, "thinking": thoughts, "tool_calls": made}
        return answer(text, thoughts, calls, {"stop": "tools" if calls else "end", "length": "length"}.get(last.done_reason),
                      [last.prompt_eval_count, None, last.eval_count, None], {key: value for key, value in native.items() if value or key == "content"})

    def error(self, error):
        return error.status_code, str(error), None


ADAPTERS = [OpenAI, Responses, Anthropic, Google, Cohere, Ollama]
