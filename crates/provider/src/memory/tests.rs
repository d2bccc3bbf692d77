use byok_translate::exchange::{Ask, Call, Exchange};
use byok_translate::facts::model_facts;
use byok_translate::fit::Lossy;
use byok_translate::format::AnswerId;
use byok_translate::{PathWish, dialect};
use byok_types::{Dialect, Family};
use serde_json::{Value, json};

use super::*;

const MODEL: &str = "claude-haiku-4-5";

fn scope_of(memory: &Memory, app: &str, model: &str) -> Scope {
    memory.scope(&AppId::from(app), &ProviderId::from("p"), model)
}

fn begin(turns: &Value, recall: &dyn Recall) -> (Exchange, Call) {
    let body = json!({
        "model": "m",
        "messages": turns,
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
    });
    let request =
        dialect(Dialect::OllamaChat).read_request(body.to_string().as_bytes(), PathWish::default()).unwrap();
    Exchange::begin(Ask {
        client: Dialect::OllamaChat,
        request,
        upstream: Family::Anthropic,
        model: MODEL,
        facts: &model_facts(Family::Anthropic, MODEL),
        lossy: Lossy::Refuse,
        id: AnswerId { unique: "0123456789abcdef".to_owned(), created: 0 },
        force_stream: false,
        wire: byok_translate::Wire::Own,
        recall,
    })
    .unwrap()
}

/// What an answer gives that thinks and then looks at `at`.
fn learned(at: u64, thought: &str) -> Vec<Learned> {
    let (exchange, _) = begin(&json!([{"role": "user", "content": "look"}]), &());
    let answer = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL,
        "content": [
            {"type": "thinking", "thinking": thought, "signature": format!("sig-{at}")},
            {"type": "tool_use", "id": format!("toolu_{at}"), "name": "look", "input": {"at": at}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    });
    exchange.whole(answer.to_string().as_bytes()).unwrap().learned
}

fn knows(scope: &Scope, at: u64, now: Instant) -> bool {
    let Learned { key, by_id, .. } = learned(at, "hm").remove(0);
    let known = |key: &CallKey| scope.recall_at(key, now).is_some();
    assert_eq!(known(&key), known(&by_id.unwrap()));
    known(&key)
}

#[test]
fn what_was_learned_is_there_for_its_app_and_model_alone() {
    let memory = Memory::default();
    let now = Instant::now();
    let own = scope_of(&memory, "a", "m");
    own.learn_at(learned(1, "hm"), now);
    assert!(knows(&own, 1, now));
    assert!(!knows(&own, 2, now));
    assert!(!knows(&scope_of(&memory, "b", "m"), 1, now));
    assert!(!knows(&scope_of(&memory, "a", "n"), 1, now));
    // Names do not run into each other.
    assert!(!knows(&memory.scope(&AppId::from("ap"), &ProviderId::from(""), "m"), 1, now));
}

#[test]
fn it_lasts_an_hour_after_its_last_use() {
    let memory = Memory::default();
    let scope = scope_of(&memory, "a", "m");
    let start = Instant::now();
    scope.learn_at(learned(1, "hm"), start);
    scope.learn_at(learned(2, "hm"), start);
    let later = start + Duration::from_secs(3599);
    assert!(knows(&scope, 1, later));
    let past = start + LIFE;
    assert!(knows(&scope, 1, past), "it was used in between");
    assert!(!knows(&scope, 2, past));
    assert!(!knows(&scope, 1, past + LIFE));
    let entries = memory.entries();
    assert_eq!((entries.known.len(), entries.order.len(), entries.bytes), (0, 0, 0));
}

#[test]
fn entries_and_bytes_are_bounded_and_the_oldest_go_first() {
    let memory = Memory::default();
    let scope = scope_of(&memory, "a", "m");
    let now = Instant::now();
    let total = MAX_ENTRIES as u64;
    let template = learned(0, "hm").remove(0).thoughts;
    let key = |n: u64| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        CallKey(key)
    };
    for n in 0..total + 10 {
        let learned = Learned { key: key(n), by_id: Some(key(n)), thoughts: Arc::clone(&template) };
        scope.learn_at(vec![learned], now);
    }
    assert!(scope.recall_at(&key(9), now).is_none() && scope.recall_at(&key(10), now).is_some());
    assert!(scope.recall_at(&key(total + 9), now).is_some());
    {
        let entries = memory.entries();
        assert_eq!((entries.known.len(), entries.order.len()), (MAX_ENTRIES, MAX_ENTRIES));
    }
    let large = learned(0, &"x".repeat(400_000)).remove(0).thoughts;
    for n in 0..40 {
        let learned = Learned { key: key(n), by_id: None, thoughts: Arc::clone(&large) };
        scope.learn_at(vec![learned], now);
        let entries = memory.entries();
        assert!(entries.bytes <= MAX_BYTES && entries.known.len() == entries.order.len());
        assert_eq!(entries.bytes, entries.known.values().map(|entry| entry.size).sum::<usize>());
    }
    assert!(scope.recall_at(&key(39), now).is_some() && scope.recall_at(&key(0), now).is_none());
}

#[test]
fn an_id_that_comes_again_names_nothing() {
    let memory = Memory::default();
    let scope = scope_of(&memory, "a", "m");
    let now = Instant::now();
    let key = |n: u8| CallKey([n; 32]);
    for (n, thought) in [(1, "a"), (2, "b"), (3, "a")] {
        let thoughts = learned(0, thought).remove(0).thoughts;
        scope.learn_at(vec![Learned { key: key(n), by_id: Some(key(0)), thoughts }], now);
        assert_eq!(scope.recall_at(&key(0), now).is_some(), n == 1);
        assert!(scope.recall_at(&key(n), now).is_some());
    }
}

#[test]
fn a_client_that_keeps_nothing_gets_its_thoughts_back_until_they_are_forgotten() {
    let memory = Memory::default();
    let scope = scope_of(&memory, "a", MODEL);
    scope.learn(learned(1, "hm"));
    let history = json!([
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "look", "arguments": {"at": 1.0}}}]},
        {"role": "tool", "content": "nothing", "tool_name": "look"},
    ]);
    let sent =
        |recall: &dyn Recall| -> Value { serde_json::from_slice(&begin(&history, recall).1.body).unwrap() };
    let thinking = json!({"type": "thinking", "thinking": "hm", "signature": "sig-1"});
    assert_eq!(sent(&scope)["messages"][1]["content"][0], thinking);
    for other in [scope_of(&memory, "b", MODEL), scope_of(&memory, "a", "claude-opus-4-5")] {
        assert_eq!(sent(&other)["messages"][1]["content"][0]["type"], "tool_use");
    }
    for n in 0..3000 {
        scope.learn(learned(n + 2, "hm"));
    }
    assert_eq!(sent(&scope)["messages"][1]["content"][0]["type"], "tool_use");
}
