"""Checks every event and every whole answer that byok emits against the official SDKs' own models, strictly.

The SDKs forgive much when they read; here an unknown discriminator, a missing required field, a wrong type and a
field that the model does not have are all errors. So are breaches of the framing that their stream readers need
(`event:` lines where they are wanted and nowhere else, one `data: ` line per event, the right end).
"""

import http.client
import json
import typing
import urllib.error
import urllib.request

import pydantic
from anthropic.types import ErrorResponse as AnthropicError
from anthropic.types import Message, RawMessageStreamEvent
from cohere import V2ChatResponse, V2ChatStreamResponse
from google.genai.types import GenerateContentResponse
from ollama import ChatResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

import adapters
import upstreams

SCHEMA = adapters.SCHEMA
checked = 0  # how many events and answers have been looked at

# Fields that OpenAI's models do not have, and that clients of this format read all the same.
EXTENSIONS = {"reasoning_content", "reasoning_details", "extra_content"}
# What the service sends although its SDK has no such field.
SENT = {
    "ChatMessageStartEventDeltaMessage.citations", "ChatMessageStartEventDeltaMessage.content",
    "ChatMessageStartEventDeltaMessage.tool_calls", "ChatMessageStartEventDeltaMessage.tool_plan",
    "Response.store", "ResponseFunctionCallArgumentsDoneEvent.name", "ToolCall.id",
}
# byok's own word for an error, in every format.
OWN = {"code", "details"}


def strictly(model, value):
    """What is wrong with a JSON value by a model, or by the member of a union that its `type` names."""
    global checked
    checked += 1
    members = [member for member in typing.get_args(model) if isinstance(member, type)]
    members += [member for union in typing.get_args(model) for member in typing.get_args(union) if isinstance(member, type)]
    if members:
        kinds = {kind: member for member in members for kind in literals(member, "type")}
        if value.get("type") not in kinds:
            return [f"unknown type {value.get('type')!r}"]
        model = kinds[value["type"]]
    try:
        read = pydantic.TypeAdapter(model).validate_json(json.dumps(value), strict=True)
    except pydantic.ValidationError as error:
        return [f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors()]
    return extra(read, value, model.__name__)


def literals(model, field):
    return typing.get_args(model.model_fields[field].annotation) if field in model.model_fields else ()


def extra(read, value, path):
    """The fields that the model does not know."""
    if isinstance(read, pydantic.BaseModel) and isinstance(value, dict):
        names = {}
        for name, field in type(read).model_fields.items():
            for alias in (name, field.alias, field.serialization_alias):
                names[alias] = name
        found = [f"{path}.{key}: unknown field" for key in value
                 if key not in names and key not in EXTENSIONS and f"{type(read).__name__}.{key}" not in SENT
                 and not (key in OWN and path.endswith("error"))]
        return found + [error for key, item in value.items() if key in names for error in extra(getattr(read, names[key]), item, f"{path}.{key}")]
    if isinstance(read, list) and isinstance(value, list):
        return [error for one, item in zip(read, value) for error in extra(one, item, path)]
    return []


class Chat:
    name, path, terminator, names = "openai chat", "/v1/chat/completions", "[DONE]", False
    family, whole, event = "openai", ChatCompletion, ChatCompletionChunk

    def body(self, model, text, wish):
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": wish["stream"]}
        if wish["stream"]:
            body["stream_options"] = {"include_usage": True}
        if wish["tools"]:
            body["tools"] = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
        if wish["think"]:
            body["reasoning_effort"] = "medium"
        if wish["schema"]:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
        return body

    def failure(self, value):
        error = value.get("error", {})
        return [] if set(value) == {"error"} and set(error) == {"message", "type", "param", "code"} else [f"error event {value}"]

    def order(self, events):
        finishes = [choice for event in events for choice in event["choices"] if choice.get("finish_reason")]
        roles = [choice for event in events for choice in event["choices"] if choice["delta"].get("role")]
        found = [] if len(finishes) == 1 else [f"{len(finishes)} finish reasons"]
        found += [] if len(roles) == 1 else [f"{len(roles)} roles"]
        found += [] if len({(event["id"], event["created"], event["model"]) for event in events}) == 1 else ["the id changes"]
        return found + ([] if events[-1].get("usage") and not events[-1]["choices"] else ["no usage chunk at the end"])


class Responses:
    name, path, terminator, names = "openai responses", "/v1/responses", None, True
    family, whole, event = "openai-responses", Response, ResponseStreamEvent

    def body(self, model, text, wish):
        body = {"model": model, "input": text, "stream": wish["stream"], "store": False}
        if wish["tools"]:
            body["tools"] = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
        if wish["think"]:
            body |= {"reasoning": {"effort": "medium", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
        if wish["schema"]:
            body["text"] = {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}
        return body

    def failure(self, value):
        if value.get("type") != "response.failed":
            return [f"ends with {value.get('type')}"]
        error = value["response"]["error"]
        return strictly(self.event, value) + ([] if error["message"] else ["no message"])

    def order(self, events):
        found = [] if [event["sequence_number"] for event in events] == list(range(len(events))) else ["sequence numbers"]
        found += [] if events[0]["type"] == "response.created" else ["does not begin with response.created"]
        last = events[-1]
        if last["type"] not in ("response.completed", "response.incomplete"):
            return found + [f"ends with {last['type']}"]
        done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
        return found + ([] if last["response"]["output"] == done else ["the output differs from its items"])


class Anthropic:
    name, path, terminator, names = "anthropic", "/v1/messages", None, True
    family, whole, event = "anthropic", Message, RawMessageStreamEvent

    def body(self, model, text, wish):
        body = {"model": model, "max_tokens": 4096, "messages": [{"role": "user", "content": text}], "stream": wish["stream"]}
        if wish["tools"]:
            body["tools"] = [{"name": "weather", "input_schema": SCHEMA}]
        if wish["think"]:
            body["thinking"] = {"type": "enabled", "budget_tokens": 2048}
        if wish["schema"]:
            body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        return body

    def failure(self, value):
        return strictly(AnthropicError, value)

    def order(self, events):
        kinds = [event["type"] for event in events if event["type"] != "ping"]
        found = [] if kinds[0] == "message_start" and kinds.count("message_start") == 1 else ["message_start"]
        found += [] if kinds[-2:] == ["message_delta", "message_stop"] else ["does not end with message_delta and message_stop"]
        open_block, count = None, 0
        for event in events:
            if event["type"] == "content_block_start":
                found += [] if open_block is None and event["index"] == count else ["blocks overlap or skip a number"]
                open_block, count = event["index"], count + 1
            elif event["type"].startswith("content_block_"):
                found += [] if event["index"] == open_block else ["a delta of no open block"]
                open_block = None if event["type"] == "content_block_stop" else open_block
        return found


class Gemini:
    name, terminator, names = "gemini", None, False
    family, whole, event = "gemini", GenerateContentResponse, GenerateContentResponse

    def body(self, model, text, wish):
        method = "streamGenerateContent?alt=sse" if wish["stream"] else "generateContent"
        self.path = f"/v1beta/models/{model}:{method}"
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": {}}
        if wish["tools"]:
            body["tools"] = [{"functionDeclarations": [{"name": "weather", "parametersJsonSchema": SCHEMA}]}]
        if wish["think"]:
            body["generationConfig"]["thinkingConfig"] = {"includeThoughts": True}
        if wish["schema"]:
            body["generationConfig"] |= {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
        return body

    def failure(self, value):
        error = value.get("error", {})
        right = list(value) == ["error"] and isinstance(error.get("code"), int) and {"message", "status"} <= set(error)
        return [] if right else [f"error event {value}"]

    def order(self, events):
        reasons = [candidate["finishReason"] for event in events for candidate in event.get("candidates", []) if "finishReason" in candidate]
        return [] if len(reasons) == 1 and "finishReason" in events[-1]["candidates"][0] else [f"finish reasons {reasons}"]


class Cohere:
    name, path, terminator, names = "cohere", "/v2/chat", None, True
    family, whole, event = "cohere", V2ChatResponse, V2ChatStreamResponse

    def body(self, model, text, wish):
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": wish["stream"]}
        if wish["tools"]:
            body["tools"] = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
        if wish["think"]:
            body["thinking"] = {"type": "enabled", "token_budget": 2048}
        if wish["schema"]:
            body["response_format"] = {"type": "json_object", "json_schema": SCHEMA}
        return body

    def failure(self, value):
        right = value.get("type") == "message-end" and value["delta"].get("finish_reason") == "ERROR" and value["delta"].get("error")
        return strictly(self.event, value) if right else [f"ends with {value}"]

    def order(self, events):
        kinds = [event["type"] for event in events]
        return [] if kinds[0] == "message-start" and kinds[-1] == "message-end" else [f"goes from {kinds[0]} to {kinds[-1]}"]


class Ollama:
    name, path, terminator, names = "ollama", "/api/chat", None, None
    family, whole, event = None, ChatResponse, ChatResponse

    def body(self, model, text, wish):
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": wish["stream"]}
        if wish["tools"]:
            body["tools"] = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
        if wish["think"]:
            body["think"] = True
        if wish["schema"]:
            body["format"] = SCHEMA
        return body

    def failure(self, value):
        return [] if set(value) <= {"error", "code"} and isinstance(value["error"], str) else [f"error line {value}"]

    def order(self, events):
        return [] if [event["done"] for event in events] == [False] * (len(events) - 1) + [True] else ["done"]


def frames(form, raw):
    """The events of a stream, and what is wrong with its framing. An end marker is not among them."""
    if form.names is None:
        return [json.loads(line) for line in raw.splitlines()], []
    found, values = [], []
    text = raw.decode()
    if "\r" in text or not text.endswith("\n\n"):
        found.append("line ends")
    blocks = text.removesuffix("\n\n").split("\n\n")
    for block in blocks:
        lines = block.split("\n")
        name = lines.pop(0).removeprefix("event: ") if lines[0].startswith("event: ") else None
        if len(lines) != 1 or not lines[0].startswith("data: "):
            found.append(f"frame {block[:80]!r}")
            continue
        data = lines[0].removeprefix("data: ")
        if form.terminator and data == form.terminator:
            found += [] if block is blocks[-1] else ["something follows the end marker"]
            values.append(None)
            continue
        value = json.loads(data)
        found += [] if (name == value["type"] if form.names else name is None) else [f"event line {name!r}"]
        values.append(value)
    return values, found


def check_stream(form, raw, fails):
    events, found = frames(form, raw)
    ended = None in events
    events = [event for event in events if event is not None]
    if fails:
        found += ["an end marker after an error"] if ended else []
        found += form.failure(events.pop())
    elif form.terminator and not ended:
        found.append("no end marker")
    for event in events:
        if event.get("type") != "ping":
            found += [f"{event.get('type', '')}: {error}" for error in strictly(form.event, event)]
    return found if fails else found + form.order(events)


SCRIPTS = {  # case: (text, wishes)
    "text": ("Hi", []),
    "one tool": ("Weather in Oslo?", ["tools"]),
    "parallel tools": ("Weather?", ["tools"]),
    "thinking": ("Weather?", ["tools", "think"]),
    "structured": ("Where?", ["schema"]),
    "length": ("length", []),
    "filtered": ("filtered", []),
    "cut": ("cut", []),
}


def check(base, servers):
    """Everything wrong with what byok emits, one line each."""
    failures = []
    for form in (Chat(), Responses(), Anthropic(), Gemini(), Cohere(), Ollama()):
        for handler in upstreams.FAMILIES:
            for case, (text, wishes) in SCRIPTS.items():
                for stream in (True, False):
                    fails = case == "cut" and stream
                    servers[handler.family].translated = form.family != handler.family
                    if case == "cut" and (not stream or form.family == handler.family):
                        continue  # in its own format a broken answer breaks off
                    wish = {key: key in wishes for key in ("tools", "think", "schema")} | {"stream": stream}
                    model = f"up-{handler.family}/" + (handler.thinker if wish["think"] else handler.model)
                    body = json.dumps(form.body(model, text, wish)).encode()
                    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
                    request = urllib.request.Request(base + form.path, data=body, headers=headers)
                    where = f"{form.name} on {handler.family}, {case}, {'stream' if stream else 'whole'}"
                    try:
                        raw = urllib.request.urlopen(request, timeout=30).read()
                    except http.client.IncompleteRead as broken:
                        raw = broken.partial  # after an error the connection breaks too
                        if not fails:
                            failures.append(f"{where}: the connection broke")
                            continue
                    except urllib.error.HTTPError as error:
                        failures.append(f"{where}: {error.code} {error.read()[:300]}")
                        continue
                    if form.family == handler.family:
                        raw = raw.replace(b"\r\n", b"\n")  # Gemini's own line ends pass
                    found = check_stream(form, raw, fails) if stream else strictly(form.whole, json.loads(raw))
                    failures += [f"{where}: {error}" for error in dict.fromkeys(found)]
    return failures
