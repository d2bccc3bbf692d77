"""Scripted upstreams, one per wire format, as strict as the vendors' own endpoints.

Each reads a request in its own format, refuses what the vendor would refuse, and plays the same small
script in its own shapes:

  the text holds "fail"        429 with a wait of 7 seconds
  the text holds "cut"         half an answer, then the connection breaks
  an image is there            says what it sees, if the bytes are the ones that were sent
  tools, no result yet         says "Let me see." and asks for the weather in Oslo and in Rome, in parallel
  a tool result is there       answers with it
  otherwise                    "Hello there, wörld."
"""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.genai import types as genai
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming as AnthropicParams
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as ChatParams
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming as ResponsesParams
import strict

# A 1x1 red PNG.
PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")

HELLO = ["Hello", " there,", " wörld."]
CALLS = [("Oslo", '{"city":"Oslo"}'), ("Rome", '{"city":"Rome"}')]
# 20 input tokens, 8 of them cached; 15 output tokens.


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status, self.message = status, message


def demand(condition, message, status=400):
    if not condition:
        raise Refused(status, message)


def plan(text, images, tools, results):
    """What to answer: a list of words and calls."""
    if "fail" in text:
        raise Refused(429, "Slow down, please.")
    if images:
        demand(all(image == PNG for image in images), "the image arrived damaged")
        return ["A red", " pixel."], []
    if results:
        demand(len(results) == 2, f"two results expected, got {len(results)}")
        return [f"It is {results[0]} in Oslo", f" and {results[1]} in Rome."], []
    if tools:
        return ["Let me", " see."], CALLS
    return HELLO, []


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            demand(self.headers.get("content-type", "").startswith("application/json"), "content type", 415)
            self.check_key()
            request = json.loads(body)
            self.server.requests.append((self.path, dict(self.headers), request))
            stream, text, images, tools, results, calls = self.read(request)
            words, wanted = plan(text, images, tools, results)
            if stream:
                self.start(200, "text/event-stream")
                frames = self.frames(words, wanted)
                if "cut" in text:
                    frames = frames[: len(frames) // 2]
                for frame in frames:
                    self.chunk(frame.encode())
                    self.wfile.flush()
                if "cut" in text:
                    self.close_connection = True
                    return
                self.chunk(b"")
            else:
                self.json(200, self.whole(words, wanted))
        except Refused as refused:
            extra = {"retry-after": "7"} if refused.status == 429 else {}
            self.server.refusals.append(f"{self.path}: {refused.status} {refused.message}")
            self.json(refused.status, self.fault(refused.status, refused.message), extra)

    def check_key(self):
        name, value = self.key
        demand(self.headers.get(name) == value, f"bad credential in {name}", 401)
        everything = " ".join(f"{k}: {v}" for k, v in self.headers.items()) + self.path
        demand("client-key" not in everything, "the client's key leaked", 401)

    def start(self, status, content_type, extra=None):
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def json(self, status, value, extra=None):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, text in (extra or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)


def sse(value, event=None):
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(value, ensure_ascii=False)}\n\n"


def texts(content):
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content or [] if isinstance(part, dict))


class Chat(Upstream):
    family = "openai"
    model = "gpt-4.1"
    key = ("authorization", "Bearer real-openai-key")

    def read(self, request):
        demand(self.path == "/v1/chat/completions", f"no such path {self.path}", 404)
        stream = request.pop("stream", False)
        found = strict.errors(request, ChatParams)
        demand(not found, "; ".join(found[:3]))
        demand(not (request.get("stream_options") and not stream), "stream_options without stream")
        self.include_usage = (request.get("stream_options") or {}).get("include_usage")
        demand(request.get("tools") != [], "tools: [] is too short")
        open_calls, results, images = {}, [], []
        for message in request["messages"]:
            role = message["role"]
            if role == "tool":
                demand(message["tool_call_id"] in open_calls, "a result without its call")
                results.append((open_calls.pop(message["tool_call_id"]), texts(message["content"])))
                continue
            demand(not open_calls, "a call without its result")
            for call in message.get("tool_calls") or []:
                json.loads(call["function"]["arguments"])
                open_calls[call["id"]] = json.loads(call["function"]["arguments"]).get("city")
            if role == "user" and isinstance(message["content"], list):
                for part in message["content"]:
                    if part["type"] == "image_url":
                        images.append(part["image_url"]["url"].removeprefix("data:image/png;base64,"))
        demand(not open_calls, "a call without its result")
        users = [message for message in request["messages"] if message["role"] == "user"]
        return stream, texts(users[-1]["content"]), images, request.get("tools"), ordered(results), None

    usage = {"prompt_tokens": 20, "completion_tokens": 15, "total_tokens": 35,
             "prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 0}}

    def whole(self, words, calls):
        message = {"role": "assistant", "content": "".join(words), "refusal": None}
        if calls:
            message["tool_calls"] = [
                {"id": f"call_{i}", "type": "function", "function": {"name": "weather", "arguments": arguments}}
                for i, (_, arguments) in enumerate(calls)
            ]
        return {"id": "chatcmpl-up", "object": "chat.completion", "created": 1790000000, "model": "gpt-4.1-2026",
                "choices": [{"index": 0, "message": message, "logprobs": None,
                             "finish_reason": "tool_calls" if calls else "stop"}], "usage": self.usage}

    def frames(self, words, calls):
        def chunk(delta, finish=None):
            return sse({"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1790000000,
                        "model": "gpt-4.1-2026", "usage": None,
                        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})
        out = [chunk({"role": "assistant", "content": ""})] + [chunk({"content": word}) for word in words]
        for i, (_, arguments) in enumerate(calls):
            out.append(chunk({"tool_calls": [{"index": i, "id": f"call_{i}", "type": "function",
                                              "function": {"name": "weather", "arguments": ""}}]}))
        # The pieces of parallel calls interleave, as the service may do.
        halves = [(i, piece) for cut in (slice(0, 7), slice(7, None)) for i, (_, a) in enumerate(calls) for piece in [a[cut]]]
        out += [chunk({"tool_calls": [{"index": i, "function": {"arguments": piece}}]}) for i, piece in halves]
        out.append(chunk({}, "tool_calls" if calls else "stop"))
        if self.include_usage:
            out.append(sse({"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1790000000,
                            "model": "gpt-4.1-2026", "choices": [], "usage": self.usage}))
        return out + ["data: [DONE]\n\n"]

    def fault(self, status, message):
        kind = {401: "authentication_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
        return {"error": {"message": message, "type": kind, "param": None, "code": "rate_limit_exceeded" if status == 429 else None}}


class Anthropic(Upstream):
    family = "anthropic"
    model = "claude-sonnet-4-5"
    key = ("x-api-key", "real-anthropic-key")

    def read(self, request):
        demand(self.path.split("?")[0] == "/v1/messages", f"no such path {self.path}", 404)
        version = self.headers.get("anthropic-version")
        demand(version in ("2023-06-01", "2026-10-21"), f"anthropic-version {version}")
        stream = request.pop("stream", False)
        if version == "2023-06-01":
            for name in ("temperature", "top_p", "top_k"):
                request.pop(name, None)
        found = strict.errors(request, AnthropicParams)
        demand(not found, "; ".join(found[:3]))
        for tool in request.get("tools", []):
            demand(tool["input_schema"].get("type") == "object", "tools.input_schema.type: Field required")
        demand(request["messages"][0]["role"] == "user", "first message must use the user role")
        open_calls, results, images, last = {}, [], [], None
        for message in request["messages"]:
            demand(message["role"] != last or last == "user", "roles must alternate")
            last = message["role"]
            content = message["content"]
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            demand(blocks, "content must be non-empty")
            if message["role"] == "user":
                answered, rest = [], False
                for block in blocks:
                    if block["type"] == "tool_result":
                        demand(not rest, "tool_result blocks must come first")
                        demand(block["tool_use_id"] in open_calls, "unexpected tool_use_id")
                        results.append((open_calls.pop(block["tool_use_id"]), texts(block.get("content"))))
                    else:
                        rest = True
                    if block["type"] == "image":
                        demand(block["source"]["media_type"] == "image/png", "media type does not match")
                        images.append(block["source"]["data"])
                demand(not open_calls, "tool_use ids were found without tool_result blocks immediately after")
            for block in blocks:
                if block["type"] == "text":
                    demand(block["text"].strip(), "text content blocks must be non-empty")
                if block["type"] == "tool_use":
                    demand(re.fullmatch(r"[A-Za-z0-9_-]+", block["id"]), "tool_use.id: pattern")
                    open_calls[block["id"]] = block["input"].get("city")
        demand(not open_calls, "tool_use without result")
        users = [message for message in request["messages"] if message["role"] == "user"]
        return stream, texts(users[-1]["content"]), images, request.get("tools"), ordered(results), None

    usage = {"input_tokens": 12, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 0, "output_tokens": 15}

    def whole(self, words, calls):
        content = [{"type": "text", "text": "".join(words)}]
        content += [{"type": "tool_use", "id": f"toolu_{i}", "name": "weather", "input": json.loads(arguments)}
                    for i, (_, arguments) in enumerate(calls)]
        return {"id": "msg_up", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
                "content": content, "stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None,
                "usage": self.usage}

    def frames(self, words, calls):
        def event(kind, **fields):
            return sse({"type": kind, **fields}, kind)
        start = {**self.whole([], []), "content": [], "stop_reason": None, "usage": {**self.usage, "output_tokens": 1}}
        out = [event("message_start", message=start),
               event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
               event("ping")]
        out += [event("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in words]
        out.append(event("content_block_stop", index=0))
        for i, (_, arguments) in enumerate(calls, 1):
            block = {"type": "tool_use", "id": f"toolu_{i - 1}", "name": "weather", "input": {}}
            out.append(event("content_block_start", index=i, content_block=block))
            out += [event("content_block_delta", index=i, delta={"type": "input_json_delta", "partial_json": piece})
                    for piece in ("", arguments[:7], arguments[7:])]
            out.append(event("content_block_stop", index=i))
        out.append(event("message_delta", delta={"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None},
                         usage={"output_tokens": 15}))
        return out + [event("message_stop")]

    def fault(self, status, message):
        kind = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_up"}


class Gemini(Upstream):
    family = "gemini"
    model = "gemini-2.5-flash"
    key = ("x-goog-api-key", "real-gemini-key")
    fields = {"contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig", "cachedContent",
              "labels", "serviceTier"}

    def read(self, request):
        match = re.fullmatch(r"/v1(?:beta)?/models/([^/:]+):(generateContent|streamGenerateContent\?alt=sse)", self.path)
        demand(match, f"no such path {self.path}", 404)
        unknown = set(request) - self.fields
        demand(not unknown, f"Unknown name {unknown}: Cannot find field.")
        try:
            for content in request["contents"]:
                genai.Content.model_validate(content)
            for tool in request.get("tools", []):
                genai.Tool.model_validate(tool)
            genai.GenerationConfig.model_validate(request.get("generationConfig", {}))
            genai.ToolConfig.model_validate(request.get("toolConfig", {}))
            if "systemInstruction" in request:
                genai.Content.model_validate(request["systemInstruction"])
        except ValueError as error:
            raise Refused(400, str(error)[:400]) from error
        calls, results, images, last = [], [], [], None
        demand(request["contents"] and request["contents"][0].get("role", "user") == "user", "history must start with user")
        for content in request["contents"]:
            role = content.get("role", "user")
            demand(role != last, "turns must alternate")
            demand(content.get("parts"), "parts must not be empty")
            last = role
            answers = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
            if calls or answers:
                demand(len(calls) == len(answers), "the number of function response parts must equal that of the call parts")
                for call, answer in zip(calls, answers):
                    demand(call["name"] == answer["name"], "function response name does not match")
                    demand(isinstance(answer["response"], dict), "response must be an object")
                    value = answer["response"]
                    results.append((call["args"].get("city"), str(value.get("output", value.get("result", value)))))
            calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
            images += [part["inlineData"]["data"] for part in content["parts"] if "inlineData" in part]
        demand(not calls, "a call without its response")
        users = [content for content in request["contents"] if content.get("role", "user") == "user"]
        text = texts(users[-1]["parts"])
        return "stream" in match[2], text, images, request.get("tools"), ordered(results), None

    usage = {"promptTokenCount": 20, "cachedContentTokenCount": 8, "candidatesTokenCount": 15, "totalTokenCount": 35}

    def answer(self, parts, finish):
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return {"candidates": [candidate], "usageMetadata": self.usage, "modelVersion": "gemini-2.5-flash", "responseId": "up"}

    def parts(self, calls):
        return [{"functionCall": {"name": "weather", "args": json.loads(arguments)}} for _, arguments in calls]

    def whole(self, words, calls):
        return self.answer([{"text": "".join(words)}, *self.parts(calls)], "STOP")

    def frames(self, words, calls):
        out = [self.answer([{"text": word}], None) for word in words]
        if calls:
            out.append(self.answer(self.parts(calls), None))
        out.append(self.answer([{"text": ""}], "STOP"))
        return [sse(value).replace("\n", "\r\n") for value in out]

    def fault(self, status, message):
        word = {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}.get(status, "INVALID_ARGUMENT")
        error = {"code": status, "message": message, "status": word}
        if status == 429:
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]
        return {"error": error}


class Responses(Upstream):
    family = "openai-responses"
    model = "gpt-5.6-sol"
    key = ("authorization", "Bearer real-responses-key")

    def read(self, request):
        demand(self.path == "/v1/responses", f"no such path {self.path}", 404)
        stream = request.pop("stream", False)
        found = strict.errors(request, ResponsesParams)
        demand(not found, "; ".join(found[:3]))
        demand(request.get("store") is False or "previous_response_id" in request, "a translated call must say store: false")
        demand((request.get("max_output_tokens") or 16) >= 16, "max_output_tokens: integer below minimum value")
        for tool in request.get("tools", []):
            demand(tool["type"] != "function" or "strict" in tool, "a translated function says whether it is strict")
        items = request["input"]
        if isinstance(items, str):
            items = [{"type": "message", "role": "user", "content": items}]
        open_calls, results, images, text = {}, [], [], ""
        for item in items:
            kind = item.get("type", "message")
            if kind == "function_call":
                open_calls[item["call_id"]] = json.loads(item["arguments"]).get("city")
            elif kind == "function_call_output":
                demand(item["call_id"] in open_calls, "No tool call found for function call output")
                output = item["output"]
                output = output if isinstance(output, str) else texts(output)
                results.append((open_calls.pop(item["call_id"]), output))
            elif kind == "message":
                demand(item["role"] != "user" or not open_calls, "No tool output found for function call")
                content = item["content"]
                parts = [] if isinstance(content, str) else content
                wanted = {"output_text", "refusal"} if item["role"] == "assistant" else {"input_text", "input_image", "input_file"}
                demand(all(part["type"] in wanted for part in parts), f"Invalid content for {item['role']}")
                if item["role"] == "user":
                    text = texts(content)
                    images += [part["image_url"].removeprefix("data:image/png;base64,") for part in parts if part["type"] == "input_image"]
        demand(not open_calls, "No tool output found for function call")
        return stream, text, images, request.get("tools"), ordered(results), None

    usage = {"input_tokens": 20, "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 0}, "output_tokens": 15,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 35}

    def items(self, words, calls):
        content = [{"type": "output_text", "text": "".join(words), "annotations": [], "logprobs": []}]
        out = [{"id": "msg_up", "type": "message", "status": "completed", "role": "assistant", "content": content}]
        return out + [{"id": f"fc_{i}", "type": "function_call", "status": "completed", "call_id": f"call_{i}",
                       "name": "weather", "arguments": arguments} for i, (_, arguments) in enumerate(calls)]

    def response(self, status, output, usage):
        return {"id": "resp_up", "object": "response", "created_at": 1790000000, "status": status, "error": None,
                "incomplete_details": None, "instructions": None, "metadata": {}, "model": "gpt-5.6-sol-2026", "output": output,
                "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0, "usage": usage}

    def whole(self, words, calls):
        return self.response("completed", self.items(words, calls), self.usage)

    def frames(self, words, calls):
        events = []
        def event(kind, **fields):
            events.append(sse({"type": kind, "sequence_number": len(events), **fields}, kind))
        items = self.items(words, calls)
        event("response.created", response=self.response("in_progress", [], None))
        event("response.in_progress", response=self.response("in_progress", [], None))
        at = {"item_id": "msg_up", "output_index": 0, "content_index": 0}
        event("response.output_item.added", output_index=0, item={**items[0], "status": "in_progress", "content": []})
        event("response.content_part.added", **at, part={"type": "output_text", "text": "", "annotations": [], "logprobs": []})
        for word in words:
            event("response.output_text.delta", **at, delta=word, logprobs=[])
        event("response.output_text.done", **at, text="".join(words), logprobs=[])
        event("response.content_part.done", **at, part=items[0]["content"][0])
        event("response.output_item.done", output_index=0, item=items[0])
        for i, item in enumerate(items[1:], 1):
            event("response.output_item.added", output_index=i, item={**item, "status": "in_progress", "arguments": ""})
        # The pieces of parallel calls interleave, as the service may do.
        for cut in (slice(0, 7), slice(7, None)):
            for i, item in enumerate(items[1:], 1):
                event("response.function_call_arguments.delta", item_id=item["id"], output_index=i, delta=item["arguments"][cut])
        for i, item in enumerate(items[1:], 1):
            event("response.function_call_arguments.done", item_id=item["id"], output_index=i, name="weather", arguments=item["arguments"])
            event("response.output_item.done", output_index=i, item=item)
        event("response.completed", response=self.whole(words, calls))
        return events

    fault = Chat.fault


class Cohere(Upstream):
    family = "cohere"
    model = "command-a-03-2025"
    key = ("authorization", "Bearer real-cohere-key")
    fields = {"model", "messages", "stream", "tools", "tool_choice", "strict_tools", "documents", "citation_options",
              "response_format", "safety_mode", "max_tokens", "stop_sequences", "temperature", "p", "k", "frequency_penalty",
              "presence_penalty", "seed", "logprobs", "thinking", "priority"}

    def read(self, request):
        demand(self.path == "/v2/chat", f"no such path {self.path}", 404)
        unknown = set(request) - self.fields
        demand(not unknown, f"unknown field: parameter {unknown} is not a valid field")
        demand(request.get("tool_choice") in (None, "REQUIRED", "NONE"), "invalid tool_choice")
        demand(request.get("tools") != [], "tools must not be empty")
        for tool in request.get("tools", []):
            demand(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", tool["function"]["name"]), "invalid tool name")
        open_calls, results, images, text = {}, [], [], ""
        for message in request["messages"]:
            role, content = message["role"], message.get("content")
            demand(role in ("system", "user", "assistant", "tool"), f"invalid role {role}")
            if role == "tool":
                demand(message["tool_call_id"] in open_calls, "tool_call_id not found in the previous message")
                content = content if isinstance(content, str) else " ".join(
                    part.get("text") or str(part["document"]["data"]) for part in content)
                results.append((open_calls.pop(message["tool_call_id"]), content))
                continue
            demand(not open_calls, "tool messages must follow the calls")
            demand(content or message.get("tool_calls"), "all elements in messages must have content")
            demand(not (content and message.get("tool_calls")), "a message with tool calls has no content")
            for call in message.get("tool_calls") or []:
                open_calls[call["id"]] = json.loads(call["function"]["arguments"]).get("city")
            if role == "user":
                text = texts(content)
                images += [part["image_url"]["url"].removeprefix("data:image/png;base64,")
                           for part in content if isinstance(part, dict) and part["type"] == "image_url"]
        demand(not open_calls, "a call without its result")
        return request.get("stream", False), text, images, request.get("tools"), ordered(results), None

    usage = {"billed_units": {"input_tokens": 12.0, "output_tokens": 15.0},
             "tokens": {"input_tokens": 20.0, "output_tokens": 15.0}, "cached_tokens": 8.0}

    def calls(self, calls):
        return [{"id": f"weather_{i}", "type": "function", "function": {"name": "weather", "arguments": arguments}}
                for i, (_, arguments) in enumerate(calls)]

    def whole(self, words, calls):
        message = {"role": "assistant"}
        if calls:
            message |= {"tool_plan": "".join(words), "tool_calls": self.calls(calls)}
        else:
            message["content"] = [{"type": "text", "text": "".join(words)}]
        return {"id": "c-up", "finish_reason": "TOOL_CALL" if calls else "COMPLETE", "message": message, "usage": self.usage}

    def frames(self, words, calls):
        def event(kind, **fields):
            return sse({"type": kind, **fields}, kind)
        def delta(**message):
            return {"delta": {"message": message}}
        out = [event("message-start", id="c-up", **delta(role="assistant", content=[], tool_plan="", tool_calls=[], citations=[]))]
        if calls:
            out += [event("tool-plan-delta", **delta(tool_plan=word)) for word in words]
        else:
            out.append(event("content-start", index=0, **delta(content={"type": "text", "text": ""})))
            out += [event("content-delta", index=0, **delta(content={"text": word})) for word in words]
            out.append(event("content-end", index=0))
        for i, call in enumerate(self.calls(calls)):
            start = {**call, "function": {"name": "weather", "arguments": ""}}
            arguments = call["function"]["arguments"]
            out.append(event("tool-call-start", index=i, **delta(tool_calls=start)))
            out += [event("tool-call-delta", index=i, **delta(tool_calls={"function": {"arguments": piece}}))
                    for piece in (arguments[:7], arguments[7:])]
            out.append(event("tool-call-end", index=i))
        ending = {"finish_reason": "TOOL_CALL" if calls else "COMPLETE", "usage": self.usage}
        return out + [event("message-end", delta=ending)]

    def fault(self, status, message):
        return {"id": "r-up", "message": message}


def ordered(results):
    """Results by the city that was asked for, so that a permutation on the way is noticed."""
    by_city = dict(results)
    return [by_city[city] for city, _ in CALLS if city in by_city] if results else []


FAMILIES = [Chat, Responses, Anthropic, Gemini, Cohere]


def serve():
    """Starts every upstream on a free port. Returns {family: server}."""
    servers = {}
    for handler in FAMILIES:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        server.requests, server.refusals = [], []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers[handler.family] = server
    return servers


def config(servers):
    """byok's config for them."""
    lines = ["providers:"]
    for handler in FAMILIES:
        port = servers[handler.family].server_address[1]
        base = f"http://127.0.0.1:{port}" + ("/v1" if handler.family.startswith("openai") else "")
        key = handler.key[1].removeprefix("Bearer ")
        lines.append(f'  up-{handler.family}: {{ family: {handler.family}, base_url: "{base}", api_key: "{key}" }}')
    return "\n".join(lines) + "\n"
