//! Golden transcripts: every client dialect × every upstream family × every case below. Each snapshot has
//! what is sent upstream and what the client gets, whole and streamed.
//!
//! The second turn of a case is made of the first one's own answer, as a client would send it back, so a
//! token that goes astray or an id that does not pair shows.

mod client;
mod upstream;

use std::fmt::Write as _;

use byok_types::{Dialect, Family, Fault};
use serde_json::Value;

use self::client::{About, Wish};
use self::upstream::{Ending, Said};
use crate::exchange::{Ask, Call, Exchange};
use crate::facts::model_facts;
use crate::fit::Lossy;
use crate::format::{AnswerId, PathWish, dialect};

/// What the client wants, and what the upstream says to it.
struct Case {
    name: &'static str,
    wish: Wish,
    said: Said,
    /// What the upstream says once it has the results of its calls.
    then: Option<Said>,
}

fn cases() -> Vec<Case> {
    let text = |words: &[&'static str]| Said { words: words.to_vec(), ..Said::default() };
    let calls = |cities: &[&'static str]| Said { cities: cities.to_vec(), ..text(&["Let me", " see."]) };
    let thought = |said: Said| Said { thoughts: vec!["Oslo and", " Rome."], ..said };
    let ends = |ending: Ending| Said { ending, ..text(&["Half an", " answer"]) };
    let plain = || Wish { text: "Hi", ..Wish::default() };
    let tools = || Wish { text: "Weather?", about: About::Tools };
    let case = |name, wish, said| Case { name, wish, said, then: None };
    vec![
        case("text", plain(), text(&["Hello", " wörld."])),
        case("one tool", tools(), calls(&["Oslo"])),
        Case {
            then: Some(text(&["Snow."])),
            ..case("parallel tools, then results", tools(), calls(&["Oslo", "Rome"]))
        },
        Case {
            then: Some(thought(text(&["Snow."]))),
            ..case(
                "thoughts with a token, then results",
                Wish { about: About::Thoughts, ..tools() },
                thought(calls(&["Oslo", "Rome"])),
            )
        },
        case("image", Wish { about: About::Image, text: "What?" }, text(&["A pixel."])),
        case(
            "structured output",
            Wish { about: About::Schema, ..plain() },
            text(&["{\"city\":", "\"Oslo\"}"]),
        ),
        case("refusal", plain(), ends(Ending::Refused)),
        case("length stop", plain(), ends(Ending::Length)),
        case("usage with cache", plain(), Said { cache: true, ..text(&["Hello."]) }),
        case("error", plain(), ends(Ending::Error)),
        case("error in the middle", plain(), ends(Ending::BreaksWithError)),
        case("cut stream", plain(), ends(Ending::Cut)),
    ]
}

/// The clients; the two without turns, tools and media are at their own module's tests.
const CLIENTS: [Dialect; 6] = [
    Dialect::Anthropic,
    Dialect::Cohere,
    Dialect::Gemini,
    Dialect::OllamaChat,
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
];

fn begin(
    client: Dialect,
    upstream: Family,
    body: &Value,
    stream: bool,
    thinks: bool,
) -> Result<(Exchange, Call), Box<Fault>> {
    let wish = PathWish { model: Some("asked"), stream, json_array: false };
    let request = dialect(client)
        .read_request(body.to_string().as_bytes(), wish)
        .map_err(|error| Box::new(error.into()))?;
    let model = upstream::model(upstream, thinks);
    Exchange::begin(Ask {
        client,
        request,
        upstream,
        model,
        facts: &model_facts(upstream, model),
        lossy: Lossy::Refuse,
        id: AnswerId { unique: "0123456789abcdef".to_owned(), created: 1_790_000_000 },
        force_stream: false,
        recall: &(),
        wire: crate::Wire::Own,
    })
}

/// One call, whole and streamed: appends the transcript, and gives back the whole answer.
fn exchange(
    client: Dialect,
    upstream: Family,
    turns: &[Value],
    wish: &Wish,
    said: &Said,
    out: &mut String,
) -> Option<Value> {
    let fault = |fault: &Fault, out: &mut String| {
        writeln!(
            out,
            "{} {}",
            dialect(client).fault_status(fault),
            text(&dialect(client).write_fault(fault))
        )
        .unwrap();
    };
    let body = client::body(client, turns, wish, false);
    let (whole, call) = match begin(client, upstream, &body, false, wish.about == About::Thoughts) {
        Ok(begun) => begun,
        Err(refused) => {
            out.push_str("refused: ");
            fault(&refused, out);
            return None;
        }
    };
    writeln!(out, "> {} {}", call.path, text(&call.body)).unwrap();
    if !call.dropped.is_empty() {
        writeln!(out, "dropped: {:?}", call.dropped.iter().map(ToString::to_string).collect::<Vec<_>>())
            .unwrap();
    }
    let mut answered = None;
    match upstream::whole(upstream, said) {
        None => {}
        Some((status, body)) if status >= 400 => {
            fault(&crate::format::family(upstream).read_fault(status, body.to_string().as_bytes()), out);
        }
        Some((_, body)) => match whole.whole(body.to_string().as_bytes()) {
            Ok(answer) => {
                writeln!(out, "< {}", text(&answer.body)).unwrap();
                answered = Some(serde_json::from_slice(&answer.body).unwrap());
            }
            Err(broken) => fault(&broken, out),
        },
    }
    if let Some(bytes) = upstream::stream(upstream, said) {
        let body = client::body(client, turns, wish, true);
        let (streamed, _) = begin(client, upstream, &body, true, wish.about == About::Thoughts).unwrap();
        let (mut pipe, mut seen) = (streamed.stream(), Vec::new());
        pipe.feed(bytes.as_bytes(), &mut seen);
        pipe.finish(&mut seen);
        writeln!(out, "<< streamed\n{}", text(&seen).trim_end()).unwrap();
    }
    answered
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn transcript(client: Dialect, upstream: Family) -> String {
    let mut out = String::new();
    for Case { name, wish, said, then } in cases() {
        writeln!(out, "## {name}\n").unwrap();
        let mut turns = vec![client::user(client, &wish)];
        let answer = exchange(client, upstream, &turns, &wish, &said, &mut out);
        if let (Some(answer), Some(then)) = (answer, then) {
            turns.extend(client::returned(client, &answer));
            out.push_str("… and the results\n");
            exchange(client, upstream, &turns, &wish, &then, &mut out).expect("the second turn is served");
        }
        out.push('\n');
    }
    out
}

#[test]
fn every_pair_has_its_golden_transcript() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../tests/golden/pairs");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for client in CLIENTS {
        for upstream in Family::ALL.into_iter().filter(|family| client.family() != Some(*family)) {
            let seen = transcript(client, upstream);
            settings.bind(|| {
                insta::assert_snapshot!(format!("{client} on {upstream}").replace([' ', '/'], "_"), seen);
            });
        }
    }
}
