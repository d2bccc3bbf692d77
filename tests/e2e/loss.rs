//! What cannot be said in another format: served in silence, served and reported, or refused by name
//! before the upstream is called (wire-format facts, section 9).

use byok_e2e::matrix::{FAMILIES, Matrix, tool, usual_model};
use serde_json::{Value, json};

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// Served, nothing reported.
    Silent,
    /// Served, and named in `x-byok-dropped`.
    Reported,
    /// 400, naming the field; reported instead where the config says `on_lossy: drop`.
    Refused,
}

use Fate::{Refused, Reported, Silent};

/// A client's extra fields, the families they go to, and their fate. `name` is how the field is named, by
/// any of the words between bars.
struct Row {
    client: &'static str,
    extra: Value,
    families: &'static [&'static str],
    fate: Fate,
    name: &'static str,
    model: Option<&'static str>,
}

fn row(
    client: &'static str,
    extra: Value,
    families: &'static [&'static str],
    fate: Fate,
    name: &'static str,
) -> Row {
    Row { client, extra, families, fate, name, model: None }
}

impl Row {
    fn model(self, model: &'static str) -> Self {
        Self { model: Some(model), ..self }
    }
}

const CHAT: &str = "openai-chat";
const RESPONSES: &str = "openai-responses";
const ANTHROPIC: &str = "anthropic";
const GEMINI: &str = "gemini";
const COHERE: &str = "cohere";
const OLLAMA: &str = "ollama";
const ALL: &[&str] = &FAMILIES;

/// Where the place of a part in the conversation is named: each format has its own word for it.
const FIRST_PART: &str = "messages[0]|input[0]|contents[0]";

fn said(parts: &Value) -> Value {
    json!({"messages": [{"role": "user", "content": parts}]})
}

fn config(field: &str, value: &Value) -> Value {
    json!({"generationConfig": {field: value}})
}

fn sampling() -> Vec<Row> {
    let mut rows = vec![
        row(CHAT, json!({"n": 2}), &[RESPONSES, ANTHROPIC, COHERE], Refused, "n"),
        row(CHAT, json!({"n": 2}), &[GEMINI], Silent, ""),
        row(CHAT, json!({"n": 1}), ALL, Silent, ""),
        row(
            GEMINI,
            config("candidateCount", &json!(2)),
            &[RESPONSES, ANTHROPIC, COHERE],
            Refused,
            "candidateCount|n",
        ),
        row(CHAT, json!({"logprobs": true, "top_logprobs": 3}), &[ANTHROPIC], Reported, "logprobs"),
        row(
            CHAT,
            json!({"logprobs": true, "top_logprobs": 3}),
            &[ANTHROPIC, COHERE],
            Reported,
            "top_logprobs",
        ),
        row(CHAT, json!({"logprobs": false, "top_logprobs": 0}), ALL, Silent, ""),
        row(COHERE, json!({"logprobs": true}), &[ANTHROPIC], Reported, "logprobs"),
        row(
            CHAT,
            json!({"logit_bias": {"1": 5}}),
            &[RESPONSES, ANTHROPIC, GEMINI, COHERE],
            Reported,
            "logit_bias",
        ),
        row(CHAT, json!({"seed": 7}), &[ANTHROPIC, RESPONSES], Reported, "seed"),
        row(COHERE, json!({"seed": 7}), &[ANTHROPIC, RESPONSES], Reported, "seed"),
        row(GEMINI, config("seed", &json!(7)), &[ANTHROPIC, RESPONSES], Reported, "seed"),
        row(OLLAMA, json!({"options": {"seed": 7}}), &[ANTHROPIC, RESPONSES], Reported, "seed"),
        row(CHAT, json!({"seed": 7}), &[GEMINI, COHERE], Silent, ""),
        row(CHAT, json!({"frequency_penalty": -1}), &[COHERE], Reported, "frequency_penalty"),
        row(CHAT, json!({"frequency_penalty": 1.5}), &[COHERE], Reported, "frequency_penalty"),
        row(CHAT, json!({"frequency_penalty": 0, "presence_penalty": 0}), ALL, Silent, ""),
        row(ANTHROPIC, json!({"top_k": 5}), &[RESPONSES, CHAT], Reported, "top_k"),
        row(ANTHROPIC, json!({"top_k": 5}), &[GEMINI, COHERE], Silent, ""),
        row(CHAT, json!({"temperature": 0.5}), &[RESPONSES], Reported, "temperature").model("gpt-5"),
        row(CHAT, json!({"temperature": 0.5}), &[ANTHROPIC], Reported, "temperature").model("claude-opus-5"),
        row(CHAT, json!({"temperature": 1, "top_p": 1}), &[RESPONSES], Silent, "").model("gpt-5"),
        row(CHAT, json!({"temperature": 1, "top_p": 1}), &[ANTHROPIC], Silent, "").model("claude-opus-5"),
        row(CHAT, json!({"temperature": 1.5}), &[ANTHROPIC, COHERE], Reported, "temperature"),
        row(
            ANTHROPIC,
            json!({"stop_sequences": ["a", "b", "c", "d", "e", "f"]}),
            &[CHAT, GEMINI, COHERE],
            Reported,
            "stop",
        ),
        row(CHAT, json!({"max_tokens": 1_000_000}), &[ANTHROPIC], Reported, "max_tokens"),
    ];
    let both = || json!({"frequency_penalty": 0.5, "presence_penalty": 0.5});
    rows.push(row(CHAT, both(), &[ANTHROPIC, RESPONSES], Reported, "frequency_penalty"));
    rows.push(row(CHAT, both(), &[ANTHROPIC, RESPONSES], Reported, "presence_penalty"));
    rows.push(row(CHAT, both(), &[GEMINI], Silent, ""));
    rows
}

fn output() -> Vec<Row> {
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "string", "minLength": 3}}, "required": ["a"]});
    let format = |strict: bool| json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": strict}}});
    let mut beside_tools = format(false);
    beside_tools["tools"] = json!([tool(CHAT, "f")]);
    vec![
        row(
            CHAT,
            json!({"response_format": {"type": "json_object"}}),
            &[ANTHROPIC],
            Reported,
            "response_format",
        ),
        row(
            CHAT,
            json!({"response_format": {"type": "json_object"}}),
            &[RESPONSES, GEMINI, COHERE],
            Silent,
            "",
        ),
        row(CHAT, format(false), &[RESPONSES, ANTHROPIC, GEMINI, COHERE], Silent, ""),
        row(CHAT, format(true), &[ANTHROPIC, COHERE], Reported, "strict"),
        row(CHAT, beside_tools.clone(), &[COHERE], Refused, "response_format"),
        row(CHAT, beside_tools.clone(), &[GEMINI], Refused, "response_format").model("gemini-2.5-pro"),
        row(CHAT, beside_tools, &[GEMINI], Silent, ""),
        row(
            CHAT,
            json!({"modalities": ["text", "audio"], "audio": {"voice": "a", "format": "wav"}}),
            &[RESPONSES, ANTHROPIC, COHERE],
            Refused,
            "modalities|audio",
        ),
        row(
            GEMINI,
            config("responseModalities", &json!(["IMAGE"])),
            &[RESPONSES, ANTHROPIC, COHERE],
            Refused,
            "modalities|responseModalities",
        ),
        row(
            CHAT,
            json!({"modalities": ["text"], "verbosity": "low"}),
            &[ANTHROPIC, GEMINI, COHERE],
            Silent,
            "",
        ),
    ]
}

fn tools() -> Vec<Row> {
    let one = || json!([tool(CHAT, "f")]);
    let beside = |hosted: Value| json!([tool(RESPONSES, "f"), hosted]);
    let search = json!({"type": "file_search"});
    let grammar = json!({"type": "grammar", "syntax": "lark", "definition": "start: \"a\""});
    let others = &[CHAT, ANTHROPIC, GEMINI, COHERE];
    vec![
        row(CHAT, json!({"tools": one(), "tool_choice": "required"}), &[ANTHROPIC], Reported, "tool_choice")
            .model("claude-sonnet-5-5"),
        row(CHAT, json!({"tools": one(), "tool_choice": "required"}), ALL, Silent, ""),
        row(
            CHAT,
            json!({"tools": one(), "tool_choice": "required", "reasoning_effort": "low"}),
            &[ANTHROPIC],
            Reported,
            "tool_choice",
        ),
        row(
            CHAT,
            json!({"tools": one(), "parallel_tool_calls": false}),
            &[GEMINI, COHERE],
            Reported,
            "parallel_tool_calls",
        ),
        row(CHAT, json!({"tools": one(), "parallel_tool_calls": false}), &[RESPONSES, ANTHROPIC], Silent, ""),
        row(
            RESPONSES,
            json!({"tools": [{"type": "custom", "name": "p", "format": grammar}]}),
            &[ANTHROPIC, GEMINI, COHERE],
            Reported,
            "tools",
        ),
        row(RESPONSES, json!({"tools": [search]}), others, Refused, "tools[0]"),
        row(RESPONSES, json!({"tools": beside(search.clone())}), others, Reported, "tools[1]"),
        row(
            RESPONSES,
            json!({"tools": beside(search), "tool_choice": {"type": "file_search"}}),
            others,
            Refused,
            "tools[1]|tool_choice",
        ),
        row(
            ANTHROPIC,
            json!({"tools": [{"type": "bash_20250124", "name": "bash"}]}),
            &[CHAT, RESPONSES, GEMINI, COHERE],
            Silent,
            "",
        ),
    ]
}

fn state() -> Vec<Row> {
    let others = &[CHAT, ANTHROPIC, GEMINI, COHERE];
    vec![
        row(RESPONSES, json!({"previous_response_id": "resp_1"}), others, Refused, "previous_response_id"),
        row(RESPONSES, json!({"conversation": "conv_1"}), others, Refused, "conversation"),
        row(RESPONSES, json!({"prompt": {"id": "p"}}), others, Refused, "prompt"),
        row(RESPONSES, json!({"background": true}), others, Refused, "background"),
        row(
            RESPONSES,
            json!({"background": false, "store": true, "truncation": "disabled"}),
            others,
            Silent,
            "",
        ),
        row(
            RESPONSES,
            json!({"input": [{"role": "user", "content": "Hi"}, {"type": "item_reference", "id": "x"}]}),
            others,
            Refused,
            "input[1]",
        ),
        row(
            GEMINI,
            json!({"cachedContent": "cachedContents/x"}),
            &[CHAT, RESPONSES, ANTHROPIC, COHERE],
            Refused,
            "cachedContent",
        ),
        row(RESPONSES, json!({"truncation": "auto"}), others, Reported, "truncation"),
        row(
            RESPONSES,
            json!({"context_management": [{"type": "compaction"}]}),
            others,
            Reported,
            "context_management",
        ),
        row(
            CHAT,
            json!({"prediction": {"type": "content", "content": "x"}}),
            &[RESPONSES, ANTHROPIC, GEMINI, COHERE],
            Reported,
            "prediction",
        ),
    ]
}

fn media() -> Vec<Row> {
    let text = json!({"type": "text", "text": "Hi"});
    let pdf = "JVBERi0xLjQgeA==";
    let wav = "UklGRiQAAABXQVZFZm10IA==";
    let file = |source: Value| said(&json!([text, {"type": "document", "source": source}]));
    let spoken = said(&json!([text, {"type": "input_audio", "input_audio": {"data": wav, "format": "wav"}}]));
    let part = |part: Value| json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}, part]}]});
    let by_pdf_bytes = file(json!({"type": "base64", "media_type": "application/pdf", "data": pdf}));
    let by_url = file(json!({"type": "url", "url": "https://example.org/a.pdf"}));
    let stored = json!({"fileData": {"mimeType": "image/png", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a"}});
    let video = json!({"inlineData": {"mimeType": "video/mp4", "data": "AAAAGGZ0eXBtcDQy"}});
    vec![
        row(ANTHROPIC, by_pdf_bytes.clone(), &[COHERE], Refused, FIRST_PART),
        row(ANTHROPIC, by_pdf_bytes, &[CHAT, RESPONSES, GEMINI], Silent, ""),
        row(ANTHROPIC, by_url.clone(), &[CHAT, COHERE], Refused, FIRST_PART),
        row(ANTHROPIC, by_url, &[RESPONSES], Silent, ""),
        row(
            ANTHROPIC,
            file(json!({"type": "file", "file_id": "file_1"})),
            &[CHAT, RESPONSES, GEMINI, COHERE],
            Refused,
            FIRST_PART,
        ),
        row(GEMINI, part(stored), &[CHAT, RESPONSES, ANTHROPIC, COHERE], Refused, FIRST_PART),
        row(GEMINI, part(video), &[CHAT, RESPONSES, ANTHROPIC, COHERE], Refused, FIRST_PART),
        row(CHAT, spoken.clone(), &[ANTHROPIC, COHERE], Refused, FIRST_PART),
        row(CHAT, spoken, &[RESPONSES, GEMINI], Silent, ""),
    ]
}

fn hints() -> Vec<Row> {
    let middle = json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
        {"role": "system", "content": "be brief"}, {"role": "user", "content": "c"}]});
    let safety = |threshold: &str| json!({"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": threshold}]});
    vec![
        row(
            CHAT,
            json!({"metadata": {"a": "b"}, "store": true, "service_tier": "flex", "user": "u", "safety_identifier": "s", "prompt_cache_key": "k"}),
            ALL,
            Silent,
            "",
        ),
        row(
            ANTHROPIC,
            json!({"metadata": {"user_id": "u"}, "service_tier": "auto", "speed": "fast", "inference_geo": "eu", "cache_control": {"type": "ephemeral"}}),
            &[CHAT, RESPONSES, GEMINI, COHERE],
            Silent,
            "",
        ),
        row(GEMINI, json!({"labels": {"a": "b"}}), &[CHAT, RESPONSES, ANTHROPIC, COHERE], Silent, ""),
        row(GEMINI, safety("BLOCK_NONE"), &[CHAT, RESPONSES, ANTHROPIC, COHERE], Silent, ""),
        row(
            GEMINI,
            safety("BLOCK_LOW_AND_ABOVE"),
            &[CHAT, RESPONSES, ANTHROPIC, COHERE],
            Reported,
            "safetySettings",
        ),
        row(
            COHERE,
            json!({"safety_mode": "STRICT", "priority": 1, "citation_options": {"mode": "OFF"}}),
            &[CHAT, RESPONSES, ANTHROPIC, GEMINI],
            Silent,
            "",
        ),
        row(
            COHERE,
            json!({"documents": ["one", {"id": "d", "data": {"title": "T", "text": "two"}}]}),
            &[CHAT, RESPONSES, ANTHROPIC, GEMINI],
            Silent,
            "",
        ),
        row(CHAT, middle.clone(), &[ANTHROPIC, GEMINI], Reported, "messages"),
        row(CHAT, middle, &[RESPONSES, COHERE], Silent, ""),
        row(CHAT, json!({"reasoning_effort": "xhigh"}), &[RESPONSES], Reported, "reasoning").model("gpt-5"),
        row(CHAT, json!({"reasoning_effort": "none"}), &[ANTHROPIC], Reported, "reasoning")
            .model("claude-fable-5"),
        row(CHAT, json!({"reasoning_effort": "low"}), &[RESPONSES], Silent, "").model("gpt-5"),
        row(OLLAMA, json!({"keep_alive": "5m", "options": {"num_ctx": 4096}}), ALL, Silent, ""),
    ]
}

fn unknown() -> Vec<Row> {
    [CHAT, RESPONSES, ANTHROPIC, GEMINI, COHERE, OLLAMA]
        .into_iter()
        .flat_map(|client| {
            [
                row(client, json!({"frobnicate": 1}), ALL, Reported, "frobnicate"),
                row(client, json!({"x_mine": 1, "x-mine": 2}), ALL, Silent, ""),
            ]
        })
        .collect()
}

/// Whether one of `names` is among the fields of the report, or the start of one.
fn names(report: &str, names: &str) -> bool {
    let fields = || report.split(", ").filter_map(|entry| entry.split('=').next());
    names.split('|').any(|name| fields().any(|field| mentions(field, name)))
}

fn mentions(text: &str, name: &str) -> bool {
    // A letter stands in many a word.
    let alone = |text: &str| text == name || text.starts_with(&format!("{name}:"));
    if name.len() == 1 { alone(text) } else { text.contains(name) }
}

fn check(rows: &[Row]) {
    let (strict, lenient) = (Matrix::start(""), Matrix::start("on_lossy: drop\n"));
    let mut wrong = Vec::new();
    for Row { client, extra, families, fate, name, model } in rows {
        for family in families.iter().filter(|family| *family != client) {
            let model = model.unwrap_or(usual_model(family));
            let outcome = strict.ask(client, family, model, extra, false);
            let (status, text, report) = (outcome.answer.status(), outcome.answer.text(), outcome.dropped());
            let mut complain = |what: &str, seen: &str| {
                wrong.push(format!("{client} to {family}: {extra}\n    {what}: {status} {seen} [{report}]"));
            };
            match fate {
                Silent | Reported if status != 200 => complain("should be served", &text),
                Silent if !report.is_empty() => complain("should be silent", ""),
                Reported if !names(&report, name) => complain("should be reported", name),
                Silent | Reported => {}
                Refused if status != 400 => complain("should be refused", &text),
                Refused if outcome.sent.is_some() => complain("should not be sent", ""),
                Refused => {
                    let said = said_field(client, &outcome.answer.json());
                    if !name.split('|').any(|name| mentions(&said, name)) {
                        complain("should name its field", &said);
                    }
                    let outcome = lenient.ask(client, family, model, extra, false);
                    if outcome.answer.status() != 200 || !names(&outcome.dropped(), name) {
                        complain("should be left out when asked to", &outcome.answer.text());
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of the table:\n{}", wrong.len(), wrong.join("\n"));
}

/// Where an error of this format names the field.
fn said_field(client: &str, error: &Value) -> String {
    let field = match client {
        "openai-chat" | "openai-responses" => &error["error"]["param"],
        "cohere" => &error["message"],
        "ollama" => &error["error"],
        _ => &error["error"]["message"],
    };
    field.as_str().unwrap_or_default().to_owned()
}

#[test]
fn sampling_parameters() {
    check(&sampling());
}

#[test]
fn forms_of_output() {
    check(&output());
}

#[test]
fn tools_and_their_choice() {
    check(&tools());
}

#[test]
fn state_that_a_vendor_keeps() {
    check(&state());
}

#[test]
fn media_and_stored_files() {
    check(&media());
}

#[test]
fn hints_system_text_and_effort() {
    check(&hints());
}

#[test]
fn unknown_fields() {
    check(&unknown());
}
