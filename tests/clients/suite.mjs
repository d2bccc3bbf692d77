// The JavaScript half of suite.py: prints one JSON array of {client, family, case, error}.

import Anthropic from "@anthropic-ai/sdk";
import assert from "node:assert/strict";
import OpenAI from "openai";

const { base, key, models, png, cases } = JSON.parse(process.argv[2]);
const HELLO = "Hello there, wörld.";
const FINAL = "It is snowing in Oslo and sunny in Rome.";
const WEATHER = { Oslo: "snowing", Rome: "sunny" };
const SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };

async function rejects(work, check) {
  try {
    await work();
  } catch (error) {
    return check(error);
  }
  throw new Error("it should have failed");
}

function openaiCases() {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
  const tools = [{ type: "function", function: { name: "weather", description: "The weather", parameters: SCHEMA } }];
  const ask = (model, messages, more = {}) => client.chat.completions.create({ model, messages, ...more });
  const hi = [{ role: "user", content: "Hi" }];
  const loop = async (answer) => {
    const messages = [{ role: "user", content: "Weather?" }];
    const first = await answer(messages);
    assert.equal(first.content || "Let me see.", "Let me see.");
    assert.equal(first.tool_calls.length, 2);
    messages.push({ role: "assistant", content: first.content, tool_calls: first.tool_calls });
    for (const call of first.tool_calls.toReversed()) {
      const { city } = JSON.parse(call.function.arguments);
      messages.push({ role: "tool", tool_call_id: call.id, content: WEATHER[city] });
    }
    assert.equal((await answer(messages)).content, FINAL);
  };
  return {
    async chat(model) {
      const answer = await ask(model, hi, { max_tokens: 100 });
      assert.equal(answer.choices[0].message.content, HELLO);
      assert.deepEqual([answer.usage.prompt_tokens, answer.usage.completion_tokens], [20, 15]);
    },
    async stream(model) {
      let text = "";
      for await (const chunk of await ask(model, hi, { stream: true })) text += chunk.choices[0].delta.content ?? "";
      assert.equal(text, HELLO);
    },
    tools_whole: (model) => loop(async (messages) => (await ask(model, messages, { tools })).choices[0].message),
    tools_stream: (model) =>
      loop((messages) => client.chat.completions.stream({ model, messages, tools }).finalMessage()),
    async image(model) {
      const content = [{ type: "text", text: "What?" }, { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } }];
      assert.equal((await ask(model, [{ role: "user", content }])).choices[0].message.content, "A red pixel.");
    },
    error: (model) =>
      rejects(() => ask(model, [{ role: "user", content: "fail" }]), (error) => {
        assert.ok(error instanceof OpenAI.RateLimitError, String(error));
        assert.match(error.message, /Slow down, please\./);
      }),
    cut: (model) =>
      rejects(async () => {
        for await (const _ of await ask(model, [{ role: "user", content: "cut" }], { stream: true }));
      }, () => {}),
  };
}

function responsesCases() {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
  const tools = [{ type: "function", name: "weather", description: "The weather", parameters: SCHEMA, strict: false }];
  const ask = (model, input, more = {}) => client.responses.create({ model, input, store: false, ...more });
  const loop = async (answer) => {
    const input = [{ role: "user", content: "Weather?" }];
    const first = await answer(input);
    const calls = first.output.filter((item) => item.type === "function_call");
    assert.deepEqual(calls.map((call) => JSON.parse(call.arguments).city), ["Oslo", "Rome"]);
    input.push(...first.output.map(({ parsed_arguments, ...item }) => item));
    for (const item of input) if (Array.isArray(item.content)) for (const part of item.content) delete part.parsed;
    for (const call of calls.toReversed()) {
      input.push({ type: "function_call_output", call_id: call.call_id, output: WEATHER[JSON.parse(call.arguments).city] });
    }
    assert.equal((await answer(input)).output_text, FINAL);
  };
  return {
    async chat(model) {
      const answer = await ask(model, "Hi");
      assert.equal(answer.output_text, HELLO);
      assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [20, 15]);
    },
    async stream(model) {
      let text = "";
      for await (const event of await ask(model, "Hi", { stream: true })) if (event.type === "response.output_text.delta") text += event.delta;
      assert.equal(text, HELLO);
    },
    tools_whole: (model) => loop((input) => ask(model, input, { tools })),
    tools_stream: (model) => loop((input) => client.responses.stream({ model, input, tools, store: false }).finalResponse()),
    async image(model) {
      const content = [{ type: "input_text", text: "What?" }, { type: "input_image", image_url: `data:image/png;base64,${png}`, detail: "auto" }];
      assert.equal((await ask(model, [{ role: "user", content }])).output_text, "A red pixel.");
    },
    error: (model) =>
      rejects(() => ask(model, "fail"), (error) => {
        assert.ok(error instanceof OpenAI.RateLimitError, String(error));
        assert.match(error.message, /Slow down, please\./);
      }),
    async cut(model) {
      let last;
      try {
        for await (const event of await ask(model, "cut", { stream: true })) last = event;
      } catch {
        return;
      }
      assert.equal(last.type, "response.failed");
    },
  };
}

function anthropicCases() {
  const client = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0 });
  const tools = [{ name: "weather", description: "The weather", input_schema: SCHEMA }];
  const body = (model, messages, more = {}) => ({ model, max_tokens: 100, messages, ...more });
  const hi = [{ role: "user", content: "Hi" }];
  const loop = async (answer) => {
    const messages = [{ role: "user", content: "Weather?" }];
    const first = await answer(messages);
    assert.equal(first.stop_reason, "tool_use");
    const calls = first.content.filter((block) => block.type === "tool_use");
    assert.deepEqual(calls.map((call) => call.input.city), ["Oslo", "Rome"]);
    messages.push({ role: "assistant", content: first.content });
    const results = calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: WEATHER[call.input.city] }));
    messages.push({ role: "user", content: results.toReversed() });
    assert.equal((await answer(messages)).content[0].text, FINAL);
  };
  return {
    async chat(model) {
      const answer = await client.messages.create(body(model, hi, { system: "Be kind." }));
      assert.equal(answer.content[0].text, HELLO);
      assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [12, 15]);
    },
    async stream(model) {
      const stream = client.messages.stream(body(model, hi));
      assert.equal(await stream.finalText(), HELLO);
    },
    tools_whole: (model) => loop((messages) => client.messages.create(body(model, messages, { tools }))),
    tools_stream: (model) => loop((messages) => client.messages.stream(body(model, messages, { tools })).finalMessage()),
    async image(model) {
      const content = [{ type: "image", source: { type: "base64", media_type: "image/png", data: png } }, { type: "text", text: "What?" }];
      assert.equal((await client.messages.create(body(model, [{ role: "user", content }]))).content[0].text, "A red pixel.");
    },
    error: (model) =>
      rejects(() => client.messages.create(body(model, [{ role: "user", content: "fail" }])), (error) => {
        assert.ok(error instanceof Anthropic.RateLimitError, String(error));
        assert.match(error.message, /Slow down, please\./);
      }),
    cut: (model) =>
      rejects(() => client.messages.stream(body(model, [{ role: "user", content: "cut" }])).finalMessage(), () => {}),
  };
}

const rows = [];
for (const [client, suite] of [
  ["openai (JS)", openaiCases()],
  ["openai Responses (JS)", responsesCases()],
  ["anthropic (JS)", anthropicCases()],
]) {
  for (const [family, model] of Object.entries(models)) {
    for (const name of cases) {
      let error = null;
      try {
        await suite[name](model);
      } catch (caught) {
        error = String(caught?.stack ?? caught).slice(0, 600);
      }
      rows.push({ client, family, case: name, error });
    }
  }
}
console.log(JSON.stringify(rows));
