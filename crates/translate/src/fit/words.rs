//! What the client calls a field. The steps of [`super::fit`] name fields as Chat Completions does; a person
//! reads their own format's names, in the report of what was lost and in the refusal.
//!
//! Names that no table knows pass as they are: what came from the client's own body has its own name already.

use std::borrow::Cow;

use byok_types::Dialect;

/// The client's name of a field of Chat Completions.
pub fn client_field(client: Dialect, field: &str) -> Cow<'_, str> {
    if client == Dialect::OpenaiChat {
        return Cow::Borrowed(field);
    }
    if let Some(name) = whole(client, field) {
        return Cow::Borrowed(name);
    }
    // `messages[2].content[0]`, `tools[1].strict`, `response_format.strict`
    let end = field.find(['[', '.']).unwrap_or(field.len());
    let (root, rest) = field.split_at(end);
    match (client, root) {
        (Dialect::Cohere, "tools") if rest.ends_with(".strict") => Cow::Borrowed("strict_tools"),
        (Dialect::Completions | Dialect::OllamaGenerate, "messages") => Cow::Borrowed("prompt"),
        (Dialect::Gemini, "messages") => {
            Cow::Owned(format!("contents{}", rest.replace(".content", ".parts")))
        }
        (Dialect::OpenaiResponses, "messages") => Cow::Owned(format!("input{rest}")),
        _ => match whole(client, root) {
            Some(name) if end < field.len() => Cow::Owned(format!("{name}{rest}")),
            _ => Cow::Borrowed(field),
        },
    }
}

/// The name of a field at the top. A model's own endpoint shows where each stands (wire-format facts, 1 to 5,
/// and Ollama's `options`).
fn whole(client: Dialect, field: &str) -> Option<&'static str> {
    Some(match (client, field) {
        (Dialect::Anthropic | Dialect::Cohere, "reasoning_effort") => "thinking",
        (Dialect::Anthropic | Dialect::Cohere, "stop") => "stop_sequences",

        (Dialect::Anthropic, "parallel_tool_calls") => "tool_choice.disable_parallel_tool_use",
        (Dialect::Anthropic, "response_format") => "output_config.format",
        (Dialect::Anthropic, "thinking_budget") => "thinking.budget_tokens",

        (Dialect::Cohere, "thinking_budget") => "thinking.token_budget",
        (Dialect::Cohere, "top_k") => "k",
        (Dialect::Cohere, "top_p") => "p",

        (Dialect::Completions, "top_logprobs") => "logprobs",

        (Dialect::Gemini, "frequency_penalty") => "generationConfig.frequencyPenalty",
        (Dialect::Gemini, "logprobs") => "generationConfig.responseLogprobs",
        (Dialect::Gemini, "max_tokens") => "generationConfig.maxOutputTokens",
        (Dialect::Gemini, "modalities") => "generationConfig.responseModalities",
        (Dialect::Gemini, "n") => "generationConfig.candidateCount",
        (Dialect::Gemini, "presence_penalty") => "generationConfig.presencePenalty",
        (Dialect::Gemini, "reasoning_effort") => "generationConfig.thinkingConfig",
        (Dialect::Gemini, "response_format") => "generationConfig.responseSchema",
        (Dialect::Gemini, "seed") => "generationConfig.seed",
        (Dialect::Gemini, "stop") => "generationConfig.stopSequences",
        (Dialect::Gemini, "temperature") => "generationConfig.temperature",
        (Dialect::Gemini, "thinking_budget") => "generationConfig.thinkingConfig.thinkingBudget",
        (Dialect::Gemini, "tool_choice") => "toolConfig.functionCallingConfig",
        (Dialect::Gemini, "top_k") => "generationConfig.topK",
        (Dialect::Gemini, "top_logprobs") => "generationConfig.logprobs",
        (Dialect::Gemini, "top_p") => "generationConfig.topP",

        (Dialect::OllamaChat | Dialect::OllamaGenerate, field) => match field {
            "frequency_penalty" => "options.frequency_penalty",
            "max_tokens" => "options.num_predict",
            "min_p" => "options.min_p",
            "presence_penalty" => "options.presence_penalty",
            "reasoning_effort" | "thinking_budget" => "think",
            "response_format" => "format",
            "seed" => "options.seed",
            "stop" => "options.stop",
            "temperature" => "options.temperature",
            "top_k" => "options.top_k",
            "top_p" => "options.top_p",
            _ => return None,
        },

        (Dialect::OpenaiResponses, "logprobs") => "top_logprobs",
        (Dialect::OpenaiResponses, "max_tokens") => "max_output_tokens",
        (Dialect::OpenaiResponses, "reasoning_effort" | "thinking_budget") => "reasoning.effort",
        (Dialect::OpenaiResponses, "response_format") => "text.format",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_reads_its_own_names() {
        for (client, ours, theirs) in [
            (Dialect::OpenaiChat, "max_tokens", "max_tokens"),
            (Dialect::OpenaiResponses, "max_tokens", "max_output_tokens"),
            (Dialect::OpenaiResponses, "messages[2].content[0]", "input[2].content[0]"),
            (Dialect::OpenaiResponses, "response_format.strict", "text.format.strict"),
            (Dialect::Anthropic, "stop", "stop_sequences"),
            (Dialect::Anthropic, "messages[2].content[0]", "messages[2].content[0]"),
            (Dialect::Cohere, "top_k", "k"),
            (Dialect::Cohere, "tools[3].strict", "strict_tools"),
            (Dialect::Gemini, "top_k", "generationConfig.topK"),
            (Dialect::Gemini, "messages[2].content[0].content[1]", "contents[2].parts[0].parts[1]"),
            (Dialect::Gemini, "messages", "contents"),
            (Dialect::OllamaChat, "top_k", "options.top_k"),
            (Dialect::OllamaGenerate, "messages[0].content[1]", "prompt"),
            (Dialect::Completions, "messages", "prompt"),
            // What has no name with us is the client's own.
            (Dialect::Gemini, "generationConfig.speechConfig", "generationConfig.speechConfig"),
            (Dialect::OpenaiResponses, "previous_response_id", "previous_response_id"),
            (Dialect::Cohere, "citation_options", "citation_options"),
        ] {
            assert_eq!(client_field(client, ours), theirs, "{client}");
        }
    }

    #[test]
    fn a_clients_own_name_stays() {
        let clients = [
            Dialect::Anthropic,
            Dialect::Cohere,
            Dialect::Completions,
            Dialect::Gemini,
            Dialect::OllamaChat,
            Dialect::OllamaGenerate,
            Dialect::OpenaiResponses,
        ];
        let ours = [
            "temperature",
            "top_p",
            "top_k",
            "min_p",
            "frequency_penalty",
            "presence_penalty",
            "seed",
            "stop",
            "logprobs",
            "top_logprobs",
            "n",
            "max_tokens",
            "reasoning_effort",
            "thinking_budget",
            "messages",
            "response_format",
            "modalities",
            "tool_choice",
            "parallel_tool_calls",
            "tools[0]",
            "messages[1]",
        ];
        for client in clients {
            for field in ours {
                let once = client_field(client, field).into_owned();
                let is_other_meaning =
                    client == Dialect::OpenaiResponses || once == "generationConfig.logprobs";
                assert!(is_other_meaning || client_field(client, &once) == once, "{field} for {client}");
            }
        }
    }
}
