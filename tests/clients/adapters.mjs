// The official JavaScript SDKs and Vercel's AI SDK behind the face of adapters.py. A worker: one JSON request
// per line in, one JSON answer per line out.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogle } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { APICallError, generateText, jsonSchema, Output, streamText, tool } from "ai";
import OpenAI from "openai";
import { createInterface } from "node:readline";

const { base, image, pdf } = JSON.parse(process.argv[2]);
// They name each model that the SDK does not know, which is every one here.
globalThis.AI_SDK_LOG_WARNINGS = false;
const KEY = "client-key-that-byok-ignores";
const SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const PNG = `data:image/png;base64,${image}`;
const PDF = `data:application/pdf;base64,${pdf}`;
const without = (object, ...keys) => Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));

const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey: KEY, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: base, apiKey: KEY, maxRetries: 0 });

async function chat(model, turns, wish) {
  const messages = wish.plain ? [{ role: "system", content: "Be kind." }] : [];
  for (const turn of turns) {
    if (turn.answer) messages.push(turn.answer);
    else if (turn.results) for (const [of, content] of turn.results) messages.push({ role: "tool", tool_call_id: of.id, content });
    else {
      const parts = [{ type: "text", text: turn.user }];
      if (turn.image) parts.push({ type: "image_url", image_url: { url: PNG } });
      if (turn.pdf) parts.push({ type: "file", file: { filename: "paper.pdf", file_data: PDF } });
      messages.push({ role: "user", content: parts.length > 1 ? parts : turn.user });
    }
  }
  const body = { model, messages };
  if (wish.plain) Object.assign(body, { temperature: 0.5, max_tokens: 100 });
  if (wish.tools) body.tools = [{ type: "function", function: { name: "weather", description: "The weather", parameters: SCHEMA } }];
  if (wish.think) body.reasoning_effort = "medium";
  if (wish.schema) body.response_format = { type: "json_schema", json_schema: { name: "place", schema: SCHEMA, strict: true } };
  let done;
  if (wish.stream) {
    const stream = openai.chat.completions.stream({ ...body, stream_options: { include_usage: true } });
    // The SDK joins the pieces of the fields it knows only.
    let thoughts = "";
    stream.on("chunk", (chunk) => (thoughts += chunk.choices[0]?.delta.reasoning_content ?? ""));
    done = await stream.finalChatCompletion();
    if (thoughts) done.choices[0].message.reasoning_content = thoughts;
  } else done = await openai.chat.completions.create(body);
  const { message, finish_reason } = done.choices[0];
  const native = without(message, "parsed", "refusal");
  if (native.tool_calls) native.tool_calls = native.tool_calls.map((call) => ({ ...without(call, "index"), function: without(call.function, "parsed_arguments") }));
  return {
    text: message.content ?? "",
    thoughts: message.reasoning_content ?? "",
    calls: (message.tool_calls ?? []).map((call) => ({ id: call.id, name: call.function.name, arguments: JSON.parse(call.function.arguments) })),
    stop: { stop: "end", tool_calls: "tools" }[finish_reason],
    usage: [done.usage.prompt_tokens, done.usage.prompt_tokens_details.cached_tokens, done.usage.completion_tokens, done.usage.completion_tokens_details?.reasoning_tokens],
    native,
  };
}

async function responses(model, turns, wish) {
  const input = [];
  for (const turn of turns) {
    if (turn.answer) input.push(...turn.answer);
    else if (turn.results) for (const [of, output] of turn.results) input.push({ type: "function_call_output", call_id: of.id, output });
    else {
      const content = [{ type: "input_text", text: turn.user }];
      if (turn.image) content.push({ type: "input_image", image_url: PNG, detail: "auto" });
      if (turn.pdf) content.push({ type: "input_file", filename: "paper.pdf", file_data: PDF });
      input.push({ role: "user", content: content.length > 1 ? content : turn.user });
    }
  }
  const body = { model, input, store: false };
  if (wish.plain) Object.assign(body, { instructions: "Be kind.", max_output_tokens: 100 });
  if (wish.tools) body.tools = [{ type: "function", name: "weather", description: "The weather", parameters: SCHEMA, strict: false }];
  if (wish.think) Object.assign(body, { reasoning: { effort: "medium", summary: "auto" }, include: ["reasoning.encrypted_content"] });
  if (wish.schema) body.text = { format: { type: "json_schema", name: "place", schema: SCHEMA, strict: true } };
  const done = wish.stream ? await openai.responses.stream(body).finalResponse() : await openai.responses.create(body);
  const native = done.output.map((item) => {
    const kept = without(item, "parsed_arguments");
    if (Array.isArray(kept.content)) kept.content = kept.content.map((part) => without(part, "parsed"));
    return kept;
  });
  const calls = done.output
    .filter((item) => item.type === "function_call")
    .map((call) => ({ id: call.call_id, name: call.name, arguments: JSON.parse(call.arguments) }));
  const thoughts = done.output.filter((item) => item.type === "reasoning").flatMap((item) => item.summary);
  return {
    text: done.output_text,
    thoughts: thoughts.map((part) => part.text).join(""),
    calls,
    stop: done.status === "completed" ? (calls.length ? "tools" : "end") : done.status,
    usage: [done.usage.input_tokens, done.usage.input_tokens_details.cached_tokens, done.usage.output_tokens, done.usage.output_tokens_details.reasoning_tokens],
    native,
  };
}

async function messages(model, turns, wish) {
  const list = [];
  for (const turn of turns) {
    if (turn.answer) list.push({ role: "assistant", content: turn.answer });
    else if (turn.results) {
      const content = turn.results.map(([of, text]) => ({ type: "tool_result", tool_use_id: of.id, content: text }));
      list.push({ role: "user", content });
    } else {
      const content = [{ type: "text", text: turn.user }];
      if (turn.image) content.unshift({ type: "image", source: { type: "base64", media_type: "image/png", data: image } });
      if (turn.pdf) content.unshift({ type: "document", source: { type: "base64", media_type: "application/pdf", data: pdf } });
      list.push({ role: "user", content: content.length > 1 ? content : turn.user });
    }
  }
  const body = { model, max_tokens: wish.think ? 4096 : 100, messages: list };
  if (wish.plain) body.system = "Be kind.";
  if (wish.tools) body.tools = [{ name: "weather", description: "The weather", input_schema: SCHEMA }];
  if (wish.think) body.thinking = { type: "enabled", budget_tokens: 2048 };
  if (wish.schema) body.output_config = { format: { type: "json_schema", schema: SCHEMA } };
  const done = wish.stream ? await anthropic.messages.stream(body).finalMessage() : await anthropic.messages.create(body);
  const all = (kind) => done.content.filter((block) => block.type === kind);
  const cached = done.usage.cache_read_input_tokens ?? 0;
  return {
    text: all("text").map((block) => block.text).join(""),
    thoughts: all("thinking").map((block) => block.thinking).join(""),
    calls: all("tool_use").map(({ id, name, input }) => ({ id, name, arguments: input })),
    stop: { end_turn: "end", tool_use: "tools" }[done.stop_reason],
    usage: [done.usage.input_tokens + cached + (done.usage.cache_creation_input_tokens ?? 0), cached, done.usage.output_tokens, done.usage.output_tokens_details?.thinking_tokens],
    native: done.content.map((block) => without(block, "parsed_output")),
  };
}

// The AI SDK: one face for all providers, so one adapter for all of them.
const maker = createOpenAI({ baseURL: `${base}/v1`, apiKey: KEY });
const claude = createAnthropic({ baseURL: `${base}/v1`, apiKey: KEY });
const google = createGoogle({ baseURL: `${base}/v1beta`, apiKey: KEY });

const vercel = (provider, think) => async (model, turns, wish) => {
  const list = [];
  for (const turn of turns) {
    if (turn.answer) list.push(...turn.answer);
    else if (turn.results) {
      const content = turn.results.map(([of, value]) => ({ type: "tool-result", toolCallId: of.id, toolName: of.name, output: { type: "text", value } }));
      list.push({ role: "tool", content });
    } else {
      const content = [{ type: "text", text: turn.user }];
      if (turn.image) content.push({ type: "file", mediaType: "image/png", data: image });
      if (turn.pdf) content.push({ type: "file", mediaType: "application/pdf", data: pdf, filename: "paper.pdf" });
      list.push({ role: "user", content });
    }
  }
  const asked = { model: provider(model), messages: list, maxRetries: 0 };
  if (wish.plain) Object.assign(asked, { instructions: "Be kind.", temperature: 0.5, maxOutputTokens: 100 });
  if (wish.tools) asked.tools = { weather: tool({ description: "The weather", inputSchema: jsonSchema(SCHEMA) }) };
  asked.providerOptions = wish.think ? think : without(think, "anthropic", "google");
  if (!wish.think && asked.providerOptions.openai) asked.providerOptions = { openai: { store: false } };
  if (wish.schema) asked.output = Output.object({ schema: jsonSchema(SCHEMA), name: "place" });
  let done, failed;
  if (wish.stream) {
    const stream = streamText({ ...asked, onError: ({ error }) => (failed ??= error) });
    await stream.consumeStream({ onError: (error) => (failed ??= error) });
    if (failed) throw failed;
    const [text, reasoningText, toolCalls, finishReason, usage, response] = await Promise.all([
      stream.text, stream.reasoningText, stream.toolCalls, stream.finishReason, stream.totalUsage, stream.response,
    ]);
    done = { text, reasoningText, toolCalls, finishReason, usage, messages: response.messages };
    if (wish.schema && !wish.tools) await stream.output;
  } else {
    const whole = await generateText(asked);
    done = { ...Object.fromEntries(["text", "reasoningText", "toolCalls", "finishReason"].map((key) => [key, whole[key]])), usage: whole.totalUsage, messages: whole.response.messages };
    if (wish.schema && !wish.tools) void whole.output;
  }
  return {
    text: done.text,
    thoughts: done.reasoningText ?? "",
    calls: done.toolCalls.map((call) => ({ id: call.toolCallId, name: call.toolName, arguments: call.input })),
    stop: { stop: "end", "tool-calls": "tools" }[done.finishReason] ?? done.finishReason,
    usage: [done.usage.inputTokens, done.usage.inputTokenDetails?.cacheReadTokens, done.usage.outputTokens, done.usage.outputTokenDetails?.reasoningTokens],
    native: done.messages,
  };
};

const clients = {
  "openai (JS)": chat,
  "openai Responses (JS)": responses,
  "anthropic (JS)": messages,
  "ai-sdk openai chat": vercel((model) => maker.chat(model), { openai: { reasoningEffort: "medium", store: false } }),
  "ai-sdk openai responses": vercel((model) => maker.responses(model), {
    openai: { reasoningEffort: "medium", reasoningSummary: "auto", forceReasoning: true, store: false, include: ["reasoning.encrypted_content"] },
  }),
  "ai-sdk anthropic": vercel((model) => claude(model), { anthropic: { thinking: { type: "enabled", budgetTokens: 2048 } } }),
  "ai-sdk google": vercel((model) => google(model), { google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 } } }),
};

function failure(error) {
  for (let cause = error; cause; cause = cause.cause ?? cause.lastError) {
    if (APICallError.isInstance(cause)) return [cause.statusCode, `${cause.message} ${cause.responseBody ?? ""}`, cause.responseHeaders?.["retry-after"] ?? null];
    if (cause instanceof OpenAI.APIError || cause instanceof Anthropic.APIError) return [cause.status ?? null, cause.message, cause.headers?.get("retry-after") ?? null];
  }
  return [null, String(error?.stack ?? error).slice(0, 600), null];
}

for await (const line of createInterface({ input: process.stdin })) {
  const { client, model, turns, wish } = JSON.parse(line);
  let reply;
  try {
    reply = await clients[client](model, turns, wish);
  } catch (error) {
    reply = { error: failure(error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
