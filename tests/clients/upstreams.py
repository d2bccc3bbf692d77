"""Scripted upstreams, one per wire format, as strict as the vendors' own endpoints.

Each reads a request in its own format, refuses what the vendor would refuse, and plays the same small
script in its own shapes:

  the text holds "fail"        429 with a wait of 7 seconds
  the text holds "cut"         half an answer, then the connection breaks
  an image or a PDF is there   says what it sees, if the bytes are the ones that were sent
  a JSON schema is asked for   answers by it
  tools, no result yet         says "Let me see." and asks for the weather in Oslo and in Rome, in parallel;
                               where the text names Oslo, only for that; a tool that takes the whole answer is called with it
  a tool result is there       answers with it
  otherwise                    "Hello there, wörld."; where the text holds "length" or "filtered", it stops for that

Where the request asks to think, the thinking model thinks first, and wants its thoughts back as its vendor does.
"""

import base64
import dataclasses
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

PDF = base64.b64encode(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n").decode()

HELLO = ["Hello", " there,", " wörld."]
CALLS = [("weather", '{"city":"Oslo"}'), ("weather", '{"city":"Rome"}')]
THOUGHTS = ["Oslo and", " Rome, then."]
# What only the vendor can read, and wants back as it was. The characters differ between the two base64 alphabets.
TOKEN = "AbC+/+/0AbC+/w=="
# 20 input tokens, 8 of them cached; 15 output tokens, 6 of them thoughts where there are any.


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status, self.message = status, message


def demand(condition, message, status=400):
    if not condition:
        raise Refused(status, message)


@dataclasses.dataclass
class Asked:
    """What a request says, in no format's terms."""

    stream: bool
    text: str
    images: list
    documents: list
    tools: list | None
    results: list
    schema: dict | None
    thinks: bool


@dataclasses.dataclass
class Script:
    """What to answer."""

    words: list
    calls: list = dataclasses.field(default_factory=list)
    thoughts: list = dataclasses.field(default_factory=list)
    stop: str | None = None  # "length" or "filtered"; else the format's word for a good end


def plan(asked):
    if "fail" in asked.text:
        raise Refused(429, "Slow down, please.")
    thoughts = THOUGHTS if asked.thinks else []
    if asked.images:
        demand(all(image == PNG for image in asked.images), "the image arrived damaged")
        return Script(["A red", " pixel."])
    if asked.documents:
        demand(all(document == PDF for document in asked.documents), "the document arrived damaged")
        return Script(["An empty", " paper."])
    if asked.results:
        cities = [f"{weather} in {city}" for city, weather in asked.results]
        return Script([f"It is {cities[0]}", *(f" and {city}" for city in cities[1:]), "."], thoughts=thoughts)
    if asked.schema:
        demand("city" in asked.schema["properties"] and asked.schema["required"] == ["city"], "the schema arrived damaged")
        return Script(['{"city":', '"Oslo"}'])
    others = [name for name in names(asked.tools) if name != "weather"]
    if others:
        return Script([], [(others[0], '{"city":"Oslo"}')])
    if asked.tools:
        return Script(["Let me", " see."], CALLS[:1] if "Oslo" in asked.text else CALLS, thoughts)
    stops = [stop for stop in ("length", "filtered") if stop in asked.text]
    return Script(HELLO, thoughts=thoughts, stop=stops[0] if stops else None)


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
            self.token = None
            asked = self.read(request)
            script = plan(asked)
            if self.token is not None:
                self.server.tokens.append(self.token)
            if asked.stream:
                self.start(200, "text/event-stream")
                frames = self.frames(script)
                if "cut" in asked.text:
                    frames = frames[: len(frames) // 2]
                for frame in frames:
                    self.chunk(frame.encode())
                    self.wfile.flush()
                if "cut" in asked.text:
                    self.close_connection = True
                    return
                self.chunk(b"")
            else:
                self.json(200, self.whole(script))
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


def names(tools):
    """What the tools of a request in any format are called."""
    flat = [one for tool in tools or [] for one in tool.get("functionDeclarations", [tool])]
    return [tool.get("function", tool)["name"] for tool in flat]


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
    thinker = "deepseek-reasoner"
    key = ("authorization", "Bearer real-openai-key")

    def read(self, request):
        demand(self.path == "/v1/chat/completions", f"no such path {self.path}", 404)
        stream = request.pop("stream", False)
        thinks = request["model"] == self.thinker
        for message in request["messages"] if thinks else []:
            # This vendor's own field, beside OpenAI's.
            thoughts = message.pop("reasoning_content", None)
            if message.get("tool_calls"):
                self.token = thoughts == "".join(THOUGHTS)
                demand(thoughts is None or self.token, "the thoughts came back altered")
        found = strict.errors(request, ChatParams)
        demand(not found, "; ".join(found[:3]))
        demand(not (request.get("stream_options") and not stream), "stream_options without stream")
        self.include_usage = (request.get("stream_options") or {}).get("include_usage")
        demand(request.get("tools") != [], "tools: [] is too short")
        open_calls, results, images, documents = {}, [], [], []
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
                    if part["type"] == "file":
                        documents.append(part["file"]["file_data"].removeprefix("data:application/pdf;base64,"))
        demand(not open_calls, "a call without its result")
        users = [message for message in request["messages"] if message["role"] == "user"]
        schema = (request.get("response_format") or {}).get("json_schema", {}).get("schema")
        return Asked(stream, texts(users[-1]["content"]), images, documents, request.get("tools"), ordered(results), schema, thinks)

    def usage(self, thoughts):
        return {"prompt_tokens": 20, "completion_tokens": 15, "total_tokens": 35, "prompt_tokens_details": {"cached_tokens": 8},
                "completion_tokens_details": {"reasoning_tokens": 6 if thoughts else 0}}

    def whole(self, script):
        calls, thoughts = script.calls, script.thoughts
        message = {"role": "assistant", "content": "".join(script.words), "refusal": None}
        if thoughts:
            message["reasoning_content"] = "".join(thoughts)
        if calls:
            message["tool_calls"] = [
                {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
                for i, (name, arguments) in enumerate(calls)
            ]
        return {"id": "chatcmpl-up", "object": "chat.completion", "created": 1790000000, "model": "gpt-4.1-2026",
                "choices": [{"index": 0, "message": message, "logprobs": None,
                             "finish_reason": self.reason(script)}], "usage": self.usage(thoughts)}

    def reason(self, script):
        return {"length": "length", "filtered": "content_filter"}.get(script.stop, "tool_calls" if script.calls else "stop")

    def frames(self, script):
        words, calls, thoughts = script.words, script.calls, script.thoughts

        def chunk(delta, finish=None):
            return sse({"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1790000000,
                        "model": "gpt-4.1-2026", "usage": None,
                        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})
        out = [chunk({"role": "assistant", "content": ""})]
        out += [chunk({"content": None, "reasoning_content": word}) for word in thoughts]
        out += [chunk({"content": word}) for word in words]
        for i, (name, _) in enumerate(calls):
            out.append(chunk({"tool_calls": [{"index": i, "id": f"call_{i}", "type": "function",
                                              "function": {"name": name, "arguments": ""}}]}))
        # The pieces of parallel calls interleave, as the service may do.
        halves = [(i, piece) for cut in (slice(0, 7), slice(7, None)) for i, (_, a) in enumerate(calls) for piece in [a[cut]]]
        out += [chunk({"tool_calls": [{"index": i, "function": {"arguments": piece}}]}) for i, piece in halves]
        out.append(chunk({}, self.reason(script)))
        if self.include_usage:
            out.append(sse({"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1790000000,
                            "model": "gpt-4.1-2026", "choices": [], "usage": self.usage(thoughts)}))
        return out + ["data: [DONE]\n\n"]

    def fault(self, status, message):
        kind = {401: "authentication_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
        return {"error": {"message": message, "type": kind, "param": None, "code": "rate_limit_exceeded" if status == 429 else None}}


class Anthropic(Upstream):
    family = "anthropic"
    model = thinker = "claude-sonnet-4-5"
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
        thinks = (request.get("thinking") or {}).get("type") in ("enabled", "adaptive")
        if thinks:
            demand(request["thinking"].get("budget_tokens", 0) < request["max_tokens"], "max_tokens must be greater than the budget")
        open_calls, results, images, documents, last = {}, [], [], [], None
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
                    if block["type"] == "document":
                        demand(block["source"]["media_type"] == "application/pdf", "media type does not match")
                        documents.append(block["source"]["data"])
                demand(not open_calls, "tool_use ids were found without tool_result blocks immediately after")
            if message["role"] == "assistant" and any(block["type"] == "tool_use" for block in blocks):
                self.token = blocks[0]["type"] == "thinking"
                demand(self.token or not thinks, "Expected `thinking` or `redacted_thinking`, but found `tool_use`")
            for block in blocks:
                if block["type"] == "thinking":
                    whole = block["signature"] == TOKEN and block["thinking"] == "".join(THOUGHTS)
                    demand(whole, "Invalid `signature` in `thinking` block")
                if block["type"] == "text":
                    demand(block["text"].strip(), "text content blocks must be non-empty")
                if block["type"] == "tool_use":
                    demand(re.fullmatch(r"[A-Za-z0-9_-]+", block["id"]), "tool_use.id: pattern")
                    open_calls[block["id"]] = block["input"].get("city")
        demand(not open_calls, "tool_use without result")
        users = [message for message in request["messages"] if message["role"] == "user"]
        schema = ((request.get("output_config") or {}).get("format") or {}).get("schema")
        demand(not schema or schema.get("additionalProperties") is False, "output_config.format.schema: additionalProperties must be false")
        return Asked(stream, texts(users[-1]["content"]), images, documents, request.get("tools"), ordered(results), schema, thinks)

    def usage(self, thoughts):
        usage = {"input_tokens": 12, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 0, "output_tokens": 15}
        return {**usage, "output_tokens_details": {"thinking_tokens": 6}} if thoughts else usage

    def whole(self, script):
        calls, thoughts = script.calls, script.thoughts
        content = [{"type": "thinking", "thinking": "".join(thoughts), "signature": TOKEN}] if thoughts else []
        content.append({"type": "text", "text": "".join(script.words)})
        content += [{"type": "tool_use", "id": f"toolu_{i}", "name": name, "input": json.loads(arguments)}
                    for i, (name, arguments) in enumerate(calls)]
        return {"id": "msg_up", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
                "content": content, "stop_reason": self.reason(script), "stop_sequence": None, "usage": self.usage(thoughts)}

    def reason(self, script):
        return {"length": "max_tokens", "filtered": "refusal"}.get(script.stop, "tool_use" if script.calls else "end_turn")

    def frames(self, script):
        words, calls, thoughts = script.words, script.calls, script.thoughts

        def event(kind, **fields):
            return sse({"type": kind, **fields}, kind)
        start = {**self.whole(Script([])), "content": [], "stop_reason": None, "usage": {**self.usage([]), "output_tokens": 1}}
        out = [event("message_start", message=start)]
        if thoughts:
            out.append(event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}))
            out += [event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": word}) for word in thoughts]
            out.append(event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": TOKEN}))
            out.append(event("content_block_stop", index=0))
        at = 1 if thoughts else 0
        out += [event("content_block_start", index=at, content_block={"type": "text", "text": ""}), event("ping")]
        out += [event("content_block_delta", index=at, delta={"type": "text_delta", "text": word}) for word in words]
        out.append(event("content_block_stop", index=at))
        for i, (name, arguments) in enumerate(calls, at + 1):
            block = {"type": "tool_use", "id": f"toolu_{i - at - 1}", "name": name, "input": {}}
            out.append(event("content_block_start", index=i, content_block=block))
            out += [event("content_block_delta", index=i, delta={"type": "input_json_delta", "partial_json": piece})
                    for piece in ("", arguments[:7], arguments[7:])]
            out.append(event("content_block_stop", index=i))
        out.append(event("message_delta", delta={"stop_reason": self.reason(script), "stop_sequence": None},
                         usage=self.usage(thoughts)))
        return out + [event("message_stop")]

    def fault(self, status, message):
        kind = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_up"}


class Gemini(Upstream):
    family = "gemini"
    model = "gemini-2.5-flash"
    thinker = "gemini-3-pro-preview"
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
        config = request.get("generationConfig", {})
        thinks = config.get("thinkingConfig", {}).get("includeThoughts", config.get("thinkingConfig", {}).get("include_thoughts", False))
        demand("responseSchema" not in config or "responseJsonSchema" not in config, "only one of the schemas")
        calls, results, images, documents, last = [], [], [], [], None
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
                    results.append((call["args"].get("city"), str(value.get("output", value.get("content", value)))))
            with_calls = [part for part in content["parts"] if "functionCall" in part]
            calls = [part["functionCall"] for part in with_calls]
            if with_calls and match[1] == self.thinker:
                signature = with_calls[0].get("thoughtSignature", "").replace("-", "+").replace("_", "/")
                self.token = signature == TOKEN
                demand(self.token or signature == "skip/thought/signature/validator", "Function call is missing a thought_signature")
                demand(not any("thoughtSignature" in part for part in with_calls[1:]), "Thought signature is not valid")
            for part in content["parts"]:
                # Google's own clients write some names in snake case.
                media = part.get("inlineData", part.get("inline_data", {}))
                kind = media.get("mimeType", media.get("mime_type", ""))
                data = media.get("data", "").replace("-", "+").replace("_", "/")
                documents += [data] if kind == "application/pdf" else []
                images += [data] if kind.startswith("image/") else []
        demand(not calls, "a call without its response")
        users = [content for content in request["contents"] if content.get("role", "user") == "user"]
        text = texts(users[-1]["parts"])
        schema = config.get("responseJsonSchema") or config.get("responseSchema")
        demand(not schema or not request.get("tools") or match[1] == self.thinker,
               "Function calling with a response mime type: 'application/json' is unsupported")
        demand(not schema or config.get("responseMimeType") == "application/json", "a schema needs the type application/json")
        return Asked("stream" in match[2], text, images, documents, request.get("tools"), ordered(results), schema, thinks)

    def usage(self, thoughts):
        usage = {"promptTokenCount": 20, "cachedContentTokenCount": 8, "candidatesTokenCount": 15, "totalTokenCount": 35}
        return {**usage, "candidatesTokenCount": 9, "thoughtsTokenCount": 6} if thoughts else usage

    def answer(self, parts, finish, thoughts):
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return {"candidates": [candidate], "usageMetadata": self.usage(thoughts), "modelVersion": "gemini-2.5-flash", "responseId": "up"}

    def parts(self, script):
        parts = [{"functionCall": {"name": name, "args": json.loads(arguments)}} for name, arguments in script.calls]
        if parts and script.thoughts:
            parts[0]["thoughtSignature"] = TOKEN
        return parts

    def whole(self, script):
        thoughts = [{"text": "".join(script.thoughts), "thought": True}] if script.thoughts else []
        return self.answer([*thoughts, {"text": "".join(script.words)}, *self.parts(script)], self.reason(script), script.thoughts)

    def reason(self, script):
        return {"length": "MAX_TOKENS", "filtered": "SAFETY"}.get(script.stop, "STOP")

    def frames(self, script):
        thoughts = script.thoughts
        out = [self.answer([{"text": word, "thought": True}], None, thoughts) for word in thoughts]
        out += [self.answer([{"text": word}], None, thoughts) for word in script.words]
        if script.calls:
            out.append(self.answer(self.parts(script), None, thoughts))
        out.append(self.answer([{"text": ""}], self.reason(script), thoughts))
        return [sse(value).replace("\n", "\r\n") for value in out]

    def fault(self, status, message):
        word = {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}.get(status, "INVALID_ARGUMENT")
        error = {"code": status, "message": message, "status": word}
        if status == 429:
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]
        return {"error": error}


class Responses(Upstream):
    family = "openai-responses"
    model = thinker = "gpt-5.6-sol"
    key = ("authorization", "Bearer real-responses-key")

    def read(self, request):
        demand(self.path == "/v1/responses", f"no such path {self.path}", 404)
        stream = request.pop("stream", False)
        found = strict.errors(request, ResponsesParams)
        demand(not found, "; ".join(found[:3]))
        demand(request.get("store") is False or "previous_response_id" in request, "a translated call must say store: false")
        demand((request.get("max_output_tokens") or 16) >= 16, "max_output_tokens: integer below minimum value")
        for tool in request.get("tools", []) if self.server.translated else []:
            demand(tool["type"] != "function" or "strict" in tool, "a translated function says whether it is strict")
        wish = request.get("reasoning") or {}
        thinks = wish.get("effort", "none") != "none" or ("summary" in wish and "effort" not in wish)
        demand(not thinks or "temperature" not in request, "Unsupported parameter: 'temperature' is not supported with this model")
        items = request["input"]
        if isinstance(items, str):
            items = [{"type": "message", "role": "user", "content": items}]
        open_calls, results, images, documents, text = {}, [], [], [], ""
        for at, item in enumerate(items):
            kind = item.get("type", "message")
            if kind == "reasoning":
                demand(item["id"] == "rs_up" and item.get("encrypted_content") == TOKEN, "invalid_encrypted_content")
                follows = items[at + 1] if at + 1 < len(items) else {}
                demand(follows.get("type") == "function_call" or follows.get("role") == "assistant",
                       "Item 'rs_up' of type 'reasoning' was provided without its required following item")
                self.token = True
            if kind == "function_call":
                self.token = bool(self.token)
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
                    documents += [part["file_data"].removeprefix("data:application/pdf;base64,") for part in parts if part["type"] == "input_file"]
        demand(not open_calls, "No tool output found for function call")
        self.encrypted = "reasoning.encrypted_content" in (request.get("include") or [])
        self.summary = (request.get("reasoning") or {}).get("summary")
        schema = ((request.get("text") or {}).get("format") or {}).get("schema")
        return Asked(stream, text, images, documents, request.get("tools"), ordered(results), schema, thinks)

    def usage(self, thoughts):
        return {"input_tokens": 20, "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 0}, "output_tokens": 15,
                "output_tokens_details": {"reasoning_tokens": 6 if thoughts else 0}, "total_tokens": 35}

    def thoughts(self, script):
        if not script.thoughts:
            return []
        item = {"id": "rs_up", "type": "reasoning", "summary": []}
        if self.summary:
            item["summary"] = [{"type": "summary_text", "text": "".join(script.thoughts)}]
        if self.encrypted:
            item["encrypted_content"] = TOKEN
        return [item]

    def items(self, script):
        calls = script.calls
        content = [{"type": "output_text", "text": "".join(script.words), "annotations": [], "logprobs": []}]
        out = [{"id": "msg_up", "type": "message", "status": "completed", "role": "assistant", "content": content}]
        return out + [{"id": f"fc_{i}", "type": "function_call", "status": "completed", "call_id": f"call_{i}",
                       "name": name, "arguments": arguments} for i, (name, arguments) in enumerate(calls)]

    def response(self, status, output, usage):
        return {"id": "resp_up", "object": "response", "created_at": 1790000000, "status": status, "error": None,
                "incomplete_details": None, "instructions": None, "metadata": {}, "model": "gpt-5.6-sol-2026", "output": output,
                "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0, "usage": usage}

    def whole(self, script):
        why = {"length": "max_output_tokens", "filtered": "content_filter"}.get(script.stop)
        answer = self.response("incomplete" if why else "completed", self.thoughts(script) + self.items(script), self.usage(script.thoughts))
        return {**answer, "incomplete_details": {"reason": why} if why else None}

    def frames(self, script):
        words, events = script.words, []
        def event(kind, **fields):
            events.append(sse({"type": kind, "sequence_number": len(events), **fields}, kind))
        items, thoughts = self.items(script), self.thoughts(script)
        event("response.created", response=self.response("in_progress", [], None))
        event("response.in_progress", response=self.response("in_progress", [], None))
        for item in thoughts:
            event("response.output_item.added", output_index=0, item={**item, "summary": [], "encrypted_content": "of no use yet"})
            for part in item["summary"]:
                at = {"item_id": "rs_up", "output_index": 0, "summary_index": 0}
                event("response.reasoning_summary_part.added", **at, part={**part, "text": ""})
                for word in script.thoughts:
                    event("response.reasoning_summary_text.delta", **at, delta=word)
                event("response.reasoning_summary_text.done", **at, text=part["text"])
                event("response.reasoning_summary_part.done", **at, part=part)
            event("response.output_item.done", output_index=0, item=item)
        first = len(thoughts)
        at = {"item_id": "msg_up", "output_index": first, "content_index": 0}
        event("response.output_item.added", output_index=first, item={**items[0], "status": "in_progress", "content": []})
        event("response.content_part.added", **at, part={"type": "output_text", "text": "", "annotations": [], "logprobs": []})
        for word in words:
            event("response.output_text.delta", **at, delta=word, logprobs=[])
        event("response.output_text.done", **at, text="".join(words), logprobs=[])
        event("response.content_part.done", **at, part=items[0]["content"][0])
        event("response.output_item.done", output_index=first, item=items[0])
        def begin(i, item):
            event("response.output_item.added", output_index=i, item={**item, "status": "in_progress", "arguments": ""})
        def grow(i, item, cut):
            event("response.function_call_arguments.delta", item_id=item["id"], output_index=i, delta=item["arguments"][cut])
        def end(i, item):
            event("response.function_call_arguments.done", item_id=item["id"], output_index=i, name=item["name"], arguments=item["arguments"])
            event("response.output_item.done", output_index=i, item=item)
        calls = list(enumerate(items[1:], first + 1))
        # Parallel calls may interleave. LangChain's own reader cannot take that, so only byok has to.
        steps = [begin, lambda i, item: grow(i, item, slice(0, 7)), lambda i, item: grow(i, item, slice(7, None)), end]
        order = [(step, call) for step in steps for call in calls] if self.server.translated else [(step, call) for call in calls for step in steps]
        for step, call in order:
            step(*call)
        answer = self.whole(script)
        event(f"response.{answer['status']}", response=answer)
        return events

    fault = Chat.fault


class Cohere(Upstream):
    family = "cohere"
    model = "command-a-03-2025"
    thinker = "command-a-reasoning-08-2025"
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
        thinks = request["model"] == self.thinker and (request.get("thinking") or {}).get("type", "enabled") == "enabled"
        answer = request.get("response_format") or {}
        demand(set(answer) <= {"type", "json_schema"}, "invalid response_format")
        demand(not answer or not request.get("tools"), "cannot specify both response_format and tools")
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
            parts = content if isinstance(content, list) else []
            wanted = {"user": ("text", "image_url"), "assistant": ("text", "thinking")}.get(role, ("text",))
            demand(all(part["type"] in wanted for part in parts), "invalid content part")
            spoken = [part for part in parts if part["type"] != "thinking"] if parts else content
            demand(not (spoken and message.get("tool_calls")), "a message with tool calls has no content")
            for call in message.get("tool_calls") or []:
                open_calls[call["id"]] = json.loads(call["function"]["arguments"]).get("city")
            if role == "user":
                text = texts(content)
                images += [part["image_url"]["url"].removeprefix("data:image/png;base64,")
                           for part in content if isinstance(part, dict) and part["type"] == "image_url"]
        demand(not open_calls, "a call without its result")
        return Asked(request.get("stream", False), text, images, [], request.get("tools"), ordered(results), answer.get("json_schema"), thinks)

    usage = {"billed_units": {"input_tokens": 12.0, "output_tokens": 15.0},
             "tokens": {"input_tokens": 20.0, "output_tokens": 15.0}, "cached_tokens": 8.0}

    def calls(self, calls):
        return [{"id": f"weather_{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
                for i, (name, arguments) in enumerate(calls)]

    def whole(self, script):
        calls, words = script.calls, script.words
        message = {"role": "assistant"}
        content = [{"type": "thinking", "thinking": "".join(script.thoughts)}] if script.thoughts else []
        if calls:
            message |= {"tool_plan": "".join(words), "tool_calls": self.calls(calls)}
        else:
            content.append({"type": "text", "text": "".join(words)})
        if content:
            message["content"] = content
        return {"id": "c-up", "finish_reason": self.reason(script), "message": message, "usage": self.usage}

    def reason(self, script):
        return {"length": "MAX_TOKENS"}.get(script.stop, "TOOL_CALL" if script.calls else "COMPLETE")

    def frames(self, script):
        words, calls, at = script.words, script.calls, 0
        def event(kind, **fields):
            return sse({"type": kind, **fields}, kind)
        def delta(**message):
            return {"delta": {"message": message}}
        out = [event("message-start", id="c-up", **delta(role="assistant", content=[], tool_plan="", tool_calls=[], citations=[]))]
        if script.thoughts:
            out.append(event("content-start", index=0, **delta(content={"type": "thinking", "thinking": ""})))
            out += [event("content-delta", index=0, **delta(content={"thinking": word})) for word in script.thoughts]
            out.append(event("content-end", index=0))
            at = 1
        if calls:
            out += [event("tool-plan-delta", **delta(tool_plan=word)) for word in words]
        else:
            out.append(event("content-start", index=at, **delta(content={"type": "text", "text": ""})))
            out += [event("content-delta", index=at, **delta(content={"text": word})) for word in words]
            out.append(event("content-end", index=at))
        for i, call in enumerate(self.calls(calls)):
            start = {**call, "function": {**call["function"], "arguments": ""}}
            arguments = call["function"]["arguments"]
            out.append(event("tool-call-start", index=i, **delta(tool_calls=start)))
            out += [event("tool-call-delta", index=i, **delta(tool_calls={"function": {"arguments": piece}}))
                    for piece in (arguments[:7], arguments[7:])]
            out.append(event("tool-call-end", index=i))
        ending = {"finish_reason": self.reason(script), "usage": self.usage}
        return out + [event("message-end", delta=ending)]

    def fault(self, status, message):
        return {"id": "r-up", "message": message}


def ordered(results):
    """Cities and results in the calls' order, so that a permutation on the way is noticed."""
    by_city = dict(results)
    return [(city, by_city[city]) for city in ("Oslo", "Rome") if city in by_city]


FAMILIES = [Chat, Responses, Anthropic, Gemini, Cohere]


def serve():
    """Starts every upstream on a free port. Returns {family: server}."""
    servers = {}
    for handler in FAMILIES:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        server.requests, server.refusals, server.tokens = [], [], []
        server.translated = True  # whether the client speaks another format
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
