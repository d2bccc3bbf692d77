use std::cell::RefCell;
use std::collections::HashMap;

use byok_types::chat::{Candidate, ReasoningKind, Stop, StopReason, Tool, ToolResult, ToolType, Turn, Usage};

use super::*;

#[derive(Debug, Default)]
struct Book(RefCell<HashMap<CallKey, Arc<Thoughts>>>);

impl Book {
    fn learn(&self, learned: Vec<Learned>) {
        for Learned { key, by_id, thoughts } in learned {
            let keys = [Some(key), by_id].into_iter().flatten();
            self.0.borrow_mut().extend(keys.map(|key| (key, Arc::clone(&thoughts))));
        }
    }
}

impl Recall for Book {
    fn recall(&self, key: &CallKey) -> Option<Arc<Thoughts>> {
        self.0.borrow().get(key).cloned()
    }
}

const FAMILY: Family = Family::Anthropic;

fn token(value: &str) -> Token {
    Token { family: FAMILY, value: value.into() }
}

fn thought(value: &str) -> Part {
    PartKind::Reasoning(ReasoningPart {
        kind: ReasoningKind::Thinking,
        text: format!("thinking of {value}"),
        token: Some(token(value)),
        item_id: None,
    })
    .into()
}

fn call(id: &str, arguments: &str) -> Part {
    PartKind::ToolCall(ToolCall {
        id: id.into(),
        generated_id: false,
        name: "look".into(),
        arguments: arguments.into(),
        kind: ToolKind::Function,
        namespace: None,
        item_id: None,
    })
    .into()
}

fn result(id: &str) -> Turn {
    let result = ToolResult {
        call_id: id.into(),
        name: None,
        parts: vec![Part::text("seen")],
        is_error: false,
        kind: ToolKind::Function,
        raw_object: None,
    };
    Turn::new(Role::User, vec![PartKind::ToolResult(result).into()])
}

fn ask(turns: Vec<Turn>) -> Request {
    let tool = Tool {
        name: "look".into(),
        description: None,
        kind: ToolType::Function { schema: None },
        strict: None,
        namespace: None,
        cache: None,
        defer: None,
    };
    Request { turns, tools: vec![tool], ..Request::default() }
}

fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![Part::text(text)])
}

/// What `parts` as an answer to `request` give, whole and as a stream.
fn learn(request: &Request, parts: &[Part]) -> Vec<Learned> {
    let response = Response {
        candidates: vec![Candidate {
            index: 0,
            parts: parts.to_vec(),
            stop: Stop::new(StopReason::ToolUse),
            logprobs: None,
        }],
        usage: Usage::default(),
        ..Response::default()
    };
    let mut learner = Learner::new(request, FAMILY);
    let mut streamed = Vec::new();
    for event in unfold(response.clone()) {
        learner.see(&event);
        streamed.extend(learner.take());
    }
    assert_eq!(Learner::new(request, FAMILY).whole(&response), streamed);
    streamed
}

fn stripped(parts: &[Part]) -> Vec<Part> {
    let keep = |part: &&Part| !matches!(part.kind, PartKind::Reasoning(_));
    parts.iter().filter(keep).cloned().map(|part| Part { token: None, ..part }).collect()
}

#[test]
fn every_thought_comes_back_to_its_place() {
    let mut signed = call("b", "{}");
    signed.token = Some(token("beside"));
    let answers = [
        vec![thought("1"), call("a", "{}")],
        vec![thought("1"), Part::text("Let me see."), call("a", "{}")],
        vec![Part::text("Let me see."), thought("1"), thought("2"), call("a", "{}")],
        vec![thought("1"), Part::text("x"), thought("2"), call("a", "{}"), thought("3"), signed],
        vec![thought("1"), call("a", "{}"), call("b", "{\"x\":1}")],
        vec![thought("1"), call("same", "{}"), call("same", "{}")],
    ];
    for answer in answers {
        let book = Book::default();
        let first = ask(vec![user("look")]);
        book.learn(learn(&first, &answer));
        let mut next = first.clone();
        next.turns.push(Turn::new(Role::Assistant, stripped(&answer)));
        next.turns.push(result("a"));
        restore(&mut next, FAMILY, &book);
        assert_eq!(next.turns[1].parts, answer);
        // What the client kept is not put in twice.
        let again = next.clone();
        restore(&mut next, FAMILY, &book);
        assert_eq!(next, again);
    }
}

#[test]
fn a_call_is_known_whatever_the_client_did_to_its_form() {
    let first = ask(vec![user("look")]);
    let answer = [thought("1"), call("a", r#"{"x": {"n": 1.0, "m": [true]}, "y": "é"}"#)];
    let book = Book::default();
    book.learn(learn(&first, &answer));
    let known = |id: &str, generated_id: bool, arguments: &str, asked: &str| {
        let mut part = call(id, arguments);
        if let PartKind::ToolCall(call) = &mut part.kind {
            call.generated_id = generated_id;
        }
        let mut next = ask(vec![user(asked), Turn::new(Role::Assistant, vec![part])]);
        restore(&mut next, FAMILY, &book);
        next.turns[1].parts.len() == 2
    };
    let arguments = r#"{"y":"\u00e9","x":{"m":[true],"n":1}}"#;
    assert!(known("a", false, arguments, "look"));
    assert!(known("call_1_0", true, arguments, " look\n"), "the id is byok's, the conversation the same");
    assert!(known("a", false, arguments, "shortened"), "the id is the upstream's");
    assert!(!known("a", true, arguments, "something else"), "an id that byok made up says nothing");
    assert!(!known("b", false, arguments, "something else"));
    assert!(!known("a", false, r#"{"y":"é","x":{"m":[true],"n":2}}"#, "look"), "an id used again");
    assert!(!known("a", false, r#"{"y":"é","x":{"m":["true"],"n":1}}"#, "look"));
}

#[test]
fn equal_calls_of_one_conversation_are_told_apart() {
    let book = Book::default();
    let mut request = ask(vec![user("look")]);
    let mut expected = Vec::new();
    for n in 0..4 {
        let answer = vec![thought(&n.to_string()), call("call_1", "{}")];
        book.learn(learn(&request, &answer));
        request.turns.push(Turn::new(Role::Assistant, stripped(&answer)));
        request.turns.push(result("call_1"));
        expected.push(answer);
    }
    restore(&mut request, FAMILY, &book);
    let calls: Vec<_> = request.turns.iter().skip(1).step_by(2).map(|turn| turn.parts.clone()).collect();
    assert_eq!(calls, expected);
}

#[test]
fn only_what_its_maker_can_use_is_learned() {
    let request = ask(vec![user("look")]);
    let mut foreign = thought("1");
    if let PartKind::Reasoning(reasoning) = &mut foreign.kind {
        reasoning.token = Some(Token { family: Family::Gemini, value: "x".into() });
    }
    let mut bare = thought("1");
    if let PartKind::Reasoning(reasoning) = &mut bare.kind {
        reasoning.token = None;
    }
    assert!(learn(&request, &[foreign, bare, call("a", "{}")]).is_empty());
    assert!(learn(&request, &[thought("1"), Part::text("no call")]).is_empty());
    assert!(learn(&request, &[call("a", "{}")]).is_empty());
}

#[test]
fn nothing_grows_with_an_answer() {
    let request = ask(vec![user("look")]);
    let large = "x".repeat(MAX_BYTES);
    assert!(learn(&request, &[thought(&large), call("a", "{}")]).is_empty());
    let after = learn(&request, &[thought(&large), call("a", "{}"), thought("2"), call("b", "{}")]);
    assert_eq!(after.len(), 1);
    let many: Vec<Part> =
        (0..MAX_CALLS * 2).flat_map(|n| [thought("1"), call(&n.to_string(), "{}")]).collect();
    assert!(learn(&request, &many).len() <= MAX_CALLS);
}
