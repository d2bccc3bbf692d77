"""LangChain's models behind the face of adapters.py. Runs in an environment of its own (see langchain.in), as a
worker: one JSON request per line in, one JSON answer per line out."""

import json
import logging
import sys

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage, ToolMessage, messages_from_dict, messages_to_dict
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import ChatOpenAI

KEY = "client-key-that-byok-ignores"
SCHEMA = {"title": "place", "description": "A place", "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": {
    key: value for key, value in SCHEMA.items() if key not in ("title", "description")}}}


def chat(base, model, wish):
    plain = {"temperature": 0.5, "max_tokens": 100} if wish.get("plain") else {}
    think = {"reasoning_effort": "medium"} if wish.get("think") else {}
    return ChatOpenAI(base_url=f"{base}/v1", api_key=KEY, model=model, max_retries=0, stream_usage=True, use_responses_api=False, **plain, **think)


def responses(base, model, wish):
    plain = {"max_tokens": 100} if wish.get("plain") else {}
    think = {"reasoning": {"effort": "medium", "summary": "auto"}, "include": ["reasoning.encrypted_content"]} if wish.get("think") else {}
    return ChatOpenAI(base_url=f"{base}/v1", api_key=KEY, model=model, max_retries=0, use_responses_api=True, store=False, **plain, **think)


def claude(base, model, wish):
    think = {"thinking": {"type": "enabled", "budget_tokens": 2048}} if wish.get("think") else {}
    return ChatAnthropic(base_url=base, api_key=KEY, model=model, max_retries=0, max_tokens=4096 if think else 100, **think)


def gemini(base, model, wish):
    plain = {"temperature": 0.5, "max_output_tokens": 100} if wish.get("plain") else {}
    think = {"include_thoughts": True, "thinking_budget": 2048} if wish.get("think") else {}
    return ChatGoogleGenerativeAI(base_url=base, api_key=KEY, model=model, max_retries=1, vertexai=False, **plain, **think)


MODELS = {"langchain-openai": chat, "langchain-openai Responses": responses, "langchain-anthropic": claude, "langchain-google-genai": gemini}


def conversation(turns, wish, setting):
    messages = [SystemMessage("Be kind.")] if wish.get("plain") else []
    for turn in turns:
        if "answer" in turn:
            messages += messages_from_dict(turn["answer"])
        elif "results" in turn:
            messages += [ToolMessage(text, tool_call_id=of["id"], name=of["name"]) for of, text in turn["results"]]
        else:
            parts = [{"type": "text", "text": turn["user"]}]
            if turn.get("image"):
                parts.append({"type": "image", "base64": setting["image"], "mime_type": "image/png"})
            if turn.get("pdf"):
                parts.append({"type": "file", "base64": setting["pdf"], "mime_type": "application/pdf", "filename": "paper.pdf"})
            messages.append(HumanMessage(parts if len(parts) > 1 else turn["user"]))
    return messages


def turn(setting, client, model, turns, wish):
    chosen = MODELS[client](setting["base"], model, wish)
    messages = conversation(turns, wish, setting)
    if wish.get("tools") and wish.get("schema"):
        raise ValueError("LangChain does not ask for both")
    if wish.get("tools"):
        chosen = chosen.bind_tools([TOOL])
    if wish.get("schema"):
        chosen = chosen.with_structured_output(SCHEMA, method="json_schema", include_raw=True)
    if wish.get("stream"):
        message, parsed = None, None
        for chunk in chosen.stream(messages):
            if wish.get("schema"):
                parsed = chunk.get("parsed", parsed)
                chunk = chunk.get("raw")
            if chunk is not None:
                message = chunk if message is None or not isinstance(chunk, AIMessageChunk) else message + chunk
    else:
        message = chosen.invoke(messages)
        if wish.get("schema"):
            message, parsed = message["raw"], message["parsed"]
    if wish.get("schema") and parsed != {"city": "Oslo"}:
        raise ValueError(f"parsed as {parsed}")
    blocks = message.content_blocks
    calls = [{"id": item["id"], "name": item["name"], "arguments": item["args"]} for item in message.tool_calls]
    said = message.response_metadata
    reason = said.get("finish_reason") or said.get("stop_reason") or said.get("status")
    stop = {"stop": "end", "STOP": "tools" if calls else "end", "tool_calls": "tools", "tool_use": "tools", "end_turn": "end",
            "completed": "tools" if calls else "end"}.get(reason)
    usage = message.usage_metadata
    return {"text": "".join(block["text"] for block in blocks if block["type"] == "text"),
            "thoughts": "".join(block.get("reasoning", "") for block in blocks if block["type"] == "reasoning"),
            "calls": calls, "stop": stop,
            "usage": [usage["input_tokens"], usage["input_token_details"].get("cache_read"), usage["output_tokens"],
                      usage.get("output_token_details", {}).get("reasoning")],
            "native": messages_to_dict([message])}


def failure(error):
    """The SDK's own error stands behind LangChain's at times."""
    cause = error
    while cause is not None and not hasattr(cause, "status_code") and not hasattr(cause, "code"):
        cause = cause.__cause__
    status = getattr(cause, "status_code", None) or getattr(cause, "code", None)
    response = getattr(cause, "response", None)
    wait = response.headers.get("retry-after") if response is not None and hasattr(response, "headers") else None
    return {"error": [status if isinstance(status, int) else None, f"{type(error).__name__}: {error}"[:600], wait]}


def main():
    setting = json.loads(sys.argv[1])
    logging.disable(logging.WARNING)  # it says of each schema what it leaves out
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            reply = turn(setting, asked["client"], asked["model"], asked["turns"], asked["wish"])
        except Exception as error:
            reply = failure(error)
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
