//! What the echo upstream says: the person's words, or a call of a tool.

use serde_json::Value;

use super::ask::{Ask, Choice, Input, Last, Tool};
use super::schema;

/// What is said.
#[derive(Debug)]
pub(super) struct Answer {
    /// The text in words, with the white space after them.
    pub(super) words: Vec<String>,
    pub(super) call: Option<Call>,
    pub(super) stop: Stop,
    pub(super) output_tokens: u64,
}

/// A call of a tool.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) input: CallInput,
}

/// What the tool is given.
#[derive(Debug)]
pub(super) enum CallInput {
    Json(Value),
    Text(String),
}

impl CallInput {
    /// As formats that carry arguments as text write it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Json(value) => value.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Why the answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Call,
    End,
    Limit,
}

impl Answer {
    /// The answer to `ask`.
    pub(super) fn to(ask: &Ask) -> Self {
        if let Some(tool) = called(ask) {
            let input = match &tool.input {
                Input::Schema(schema) => CallInput::Json(schema::example(schema, &topic(&ask.last))),
                Input::Text => CallInput::Text(topic(&ask.last)),
            };
            let words = words("Let me use the tool for that.");
            let output_tokens = words.len() as u64 + (input.text().len() as u64).div_ceil(4);
            let call = Some(Call { name: tool.name.clone(), input });
            return Self { words, call, stop: Stop::Call, output_tokens };
        }
        let mut words = words(&text(ask));
        let limit = ask.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let stop = if words.len() > limit { Stop::Limit } else { Stop::End };
        words.truncate(limit);
        Self { output_tokens: words.len() as u64, words, call: None, stop }
    }

    /// The whole text.
    pub(super) fn text(&self) -> String {
        self.words.concat()
    }
}

/// The tool to call, if one is to be.
fn called(ask: &Ask) -> Option<&Tool> {
    let wanted = match (&ask.choice, &ask.last) {
        (Choice::Never, _) => false,
        (Choice::Must(_), _) => true,
        (Choice::Auto, Last::Text(text)) => {
            let text = text.to_lowercase();
            text.contains("use the tool") || text.contains("weather")
        }
        (Choice::Auto, Last::Result(_)) => false,
    };
    if !wanted {
        return None;
    }
    match &ask.choice {
        Choice::Must(Some(name)) => ask.tools.iter().find(|tool| tool.name == *name),
        _ => ask.tools.first(),
    }
}

fn text(ask: &Ask) -> String {
    if let Some(schema) = &ask.schema {
        return schema::example(schema, &topic(&ask.last)).to_string();
    }
    let seen = format!("({}, {})", counted(ask.messages, "message"), counted(ask.tools.len(), "tool"));
    match &ask.last {
        Last::Result(result) => format!("The tool answered: {} {seen}", result.trim()),
        Last::Text(text) if text.trim().is_empty() => format!("You said nothing. {seen}"),
        Last::Text(text) => format!("You said: {} {seen}", text.trim()),
    }
}

/// The last word that was said, without the punctuation around it: a good guess at what it is about.
fn topic(last: &Last) -> String {
    let (Last::Result(text) | Last::Text(text)) = last;
    let word = text.split_whitespace().next_back().unwrap_or_default();
    let word = word.trim_matches(|char: char| !char.is_alphanumeric());
    if word.is_empty() { "echo".to_owned() } else { word.to_owned() }
}

fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::ask::EchoModel;
    use super::*;

    fn ask(last: &str) -> Ask {
        Ask {
            model: EchoModel::Echo,
            stream: false,
            messages: 1,
            tools: Vec::new(),
            choice: Choice::Auto,
            last: Last::Text(last.to_owned()),
            schema: None,
            limit: None,
            input_tokens: 1,
            usage_in_stream: false,
        }
    }

    fn weather() -> Tool {
        let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
        Tool { name: "weather".to_owned(), input: Input::Schema(schema) }
    }

    #[test]
    fn words_come_back_whole() {
        let answer = Answer::to(&ask("Hello  there\nyou"));
        assert_eq!(answer.text(), "You said: Hello  there\nyou (1 message, 0 tools)");
        assert_eq!(answer.stop, Stop::End);
    }

    #[test]
    fn the_limit_cuts() {
        let answer = Answer::to(&Ask { limit: Some(2), ..ask("Hello there") });
        assert_eq!((answer.text().as_str(), answer.stop), ("You said: ", Stop::Limit));
    }

    #[test]
    fn a_tool_is_called_when_the_talk_is_of_it() {
        let mut ask = ask("What is the weather in Oslo?");
        ask.tools.push(weather());
        let call = Answer::to(&ask).call.unwrap();
        assert_eq!((call.name.as_str(), call.input.text().as_str()), ("weather", r#"{"city":"Oslo"}"#));

        ask.choice = Choice::Never;
        assert!(Answer::to(&ask).call.is_none());
    }

    #[test]
    fn a_forced_tool_is_called_and_its_result_is_told() {
        let mut ask = Ask { choice: Choice::Must(Some("weather".to_owned())), ..ask("Hi") };
        ask.tools.push(weather());
        assert!(Answer::to(&ask).call.is_some());

        ask.choice = Choice::Auto;
        ask.last = Last::Result("rain".to_owned());
        assert_eq!(Answer::to(&ask).text(), "The tool answered: rain (1 message, 1 tool)");
    }
}
