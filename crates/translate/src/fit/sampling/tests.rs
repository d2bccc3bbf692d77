use byok_types::Dialect;
use byok_types::Family::{Anthropic, Cohere, Gemini, OpenaiChat, OpenaiResponses};
use byok_types::chat::{Part, Reasoning};

use super::*;
use crate::facts::model_facts;
use crate::fit::tests::{answer, fitted, hello, json, refused, reports, usual};
use crate::fit::{Lossy, Target, fit};

fn drawing(sampling: Sampling) -> Request {
    Request { sampling, ..hello() }
}

fn outcome(sampling: Sampling, family: Family, model: &str) -> (Sampling, String) {
    let fitted = fitted(&drawing(sampling), family, model);
    let reports = reports(&fitted);
    (fitted.request.sampling, reports)
}

/// Everything that can be set, at values that mean something.
fn everything() -> Sampling {
    Sampling {
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(40),
        min_p: Some(0.1),
        frequency_penalty: Some(0.5),
        presence_penalty: Some(0.4),
        seed: Some(7),
        logit_bias: Some(json("{}")),
        logprobs: Some(true),
        top_logprobs: Some(3),
        stop: vec!["x".into()],
    }
}

/// The defaults that clients send along.
fn defaults() -> Sampling {
    Sampling {
        temperature: Some(1.0),
        top_p: Some(1.0),
        frequency_penalty: Some(0.0),
        presence_penalty: Some(0.0),
        logprobs: Some(false),
        top_logprobs: Some(0),
        ..Sampling::default()
    }
}

#[test]
fn pitfall_72_what_a_target_has_no_field_for_is_dropped_and_reported() {
    let lost = |family, model| {
        let (_, reports) = outcome(everything(), family, model);
        reports.replace("=dropped", "")
    };
    let rest = "min_p, frequency_penalty, presence_penalty, seed, logit_bias, logprobs, top_logprobs";
    assert_eq!(lost(Anthropic, "claude-3-5-sonnet-latest"), rest);
    assert_eq!(lost(Anthropic, "claude-sonnet-4-5"), format!("top_p, {rest}"));
    assert_eq!(lost(Anthropic, "claude-opus-5"), format!("temperature, top_p, top_k, {rest}"));
    assert_eq!(lost(Cohere, "command-a"), "presence_penalty, min_p, logit_bias, top_logprobs");
    assert_eq!(lost(Gemini, "gemini-3-pro"), "min_p, logit_bias");
    assert_eq!(lost(OpenaiChat, "gpt-4o"), "top_k, min_p");
    let reasoning =
        "temperature, top_p, top_k, frequency_penalty, presence_penalty, logit_bias, logprobs, top_logprobs";
    assert_eq!(lost(OpenaiChat, "gpt-5"), format!("{reasoning}, min_p"));
    assert_eq!(lost(OpenaiChat, "o3"), format!("{reasoning}, min_p"));
    assert_eq!(
        lost(OpenaiResponses, "gpt-4o"),
        "top_k, min_p, frequency_penalty, presence_penalty, seed, logit_bias"
    );
}

#[test]
fn defaults_are_dropped_in_silence() {
    for (family, model) in [
        (Anthropic, "claude-opus-5"),
        (Anthropic, "claude-sonnet-4-5"),
        (Cohere, "command-a"),
        (OpenaiChat, "gpt-5"),
        (OpenaiChat, "o3"),
        (OpenaiResponses, "gpt-5"),
    ] {
        let (sampling, reports) = outcome(defaults(), family, model);
        assert_eq!(reports, "", "{model}");
        if model != "command-a" && model != "claude-sonnet-4-5" {
            assert_eq!(sampling, Sampling::default(), "{model}");
        }
    }
}

#[test]
fn pitfall_75_temperature_is_clamped_and_wins_over_top_p() {
    let hot = Sampling { temperature: Some(1.5), top_p: Some(0.9), ..Sampling::default() };
    let (sampling, reports) = outcome(hot.clone(), Anthropic, "claude-3-5-sonnet-latest");
    assert_eq!(
        (sampling.temperature, sampling.top_p, reports.as_str()),
        (Some(1.0), Some(0.9), "temperature=1")
    );
    let (sampling, reports) = outcome(hot, Anthropic, "claude-opus-4-1");
    assert_eq!((sampling.temperature, sampling.top_p), (Some(1.0), None));
    assert_eq!(reports, "top_p=dropped, temperature=1");
    let usual = Sampling { temperature: Some(1.0), top_p: Some(0.9), ..Sampling::default() };
    let (sampling, reports) = outcome(usual, Anthropic, "claude-opus-4-1");
    assert_eq!((sampling.temperature, sampling.top_p, reports.as_str()), (None, Some(0.9), ""));
}

#[test]
fn pitfall_129_coheres_ranges_are_kept_to() {
    let wide = Sampling {
        temperature: Some(1.8),
        top_p: Some(1.0),
        top_k: Some(900),
        frequency_penalty: Some(-1.0),
        presence_penalty: Some(1.5),
        seed: Some(-1),
        ..Sampling::default()
    };
    let (sampling, reports) = outcome(wide, Cohere, "command-a");
    assert_eq!(
        sampling,
        Sampling {
            temperature: Some(1.0),
            top_p: Some(0.99),
            top_k: Some(500),
            presence_penalty: Some(1.0),
            ..Sampling::default()
        }
    );
    assert_eq!(
        reports,
        "temperature=1, top_k=500, frequency_penalty=dropped, presence_penalty=1, seed=dropped"
    );
}

#[test]
fn newer_openai_models_draw_freely_only_without_thinking() {
    let mut request = drawing(Sampling { temperature: Some(0.2), ..Sampling::default() });
    assert_eq!(fitted(&request, OpenaiChat, "gpt-5.1").request.sampling.temperature, None);
    request.reasoning =
        Reasoning { mode: ReasoningMode::Effort, effort: Some(Effort::None), ..Reasoning::default() };
    assert_eq!(fitted(&request, OpenaiChat, "gpt-5.1").request.sampling.temperature, Some(0.2));
}

#[test]
fn anthropic_draws_at_its_own_temperature_while_it_thinks() {
    let mut request = drawing(Sampling { temperature: Some(0.2), top_k: Some(5), ..Sampling::default() });
    request.reasoning = Reasoning { mode: ReasoningMode::Budget(2048), ..Reasoning::default() };
    let fitted = fitted(&request, Anthropic, "claude-3-7-sonnet-latest");
    assert_eq!(fitted.request.sampling, Sampling::default());
    assert_eq!(reports(&fitted), "temperature=dropped, top_k=dropped");
}

#[test]
fn pitfall_137_stop_sequences_are_cleaned_and_counted() {
    let stops = |texts: &[&str]| Sampling {
        stop: texts.iter().map(|text| (*text).to_owned()).collect(),
        ..Sampling::default()
    };
    let many = || stops(&["a", "", "b", "c", "d", "e", "f"]);
    let outcome = |sampling, family| {
        let (sampling, reports) = outcome(sampling, family, usual(family));
        (sampling.stop.len(), reports)
    };
    assert_eq!(outcome(many(), OpenaiChat), (4, "stop=2_applied_by_byok".to_owned()));
    assert_eq!(outcome(many(), Gemini), (5, "stop=1_applied_by_byok".to_owned()));
    assert_eq!(outcome(many(), Cohere), (5, "stop=1_applied_by_byok".to_owned()));
    assert_eq!(outcome(many(), OpenaiResponses), (0, String::new()));
    assert_eq!(outcome(many(), Anthropic), (6, String::new()));
    assert_eq!(outcome(stops(&["a", "\n\n"]), Anthropic), (1, "stop=1_applied_by_byok".to_owned()));
    assert_eq!(outcome(stops(&[""]), OpenaiResponses), (0, String::new()));
    let long = "x".repeat(2000);
    let absurd = vec![long.as_str(); 3];
    assert_eq!(outcome(stops(&absurd), OpenaiResponses), (0, "stop=3_dropped".into()));
    assert_eq!(outcome(stops(&["x"; 40]), OpenaiResponses), (0, "stop=8_dropped".into()));
}

#[test]
fn what_the_target_does_not_stop_at_ends_the_answer_here() {
    const ALL: [&str; 7] = ["1", "2", "3", "4", "5", "6", "\n\n"];
    let stop = ALL.map(str::to_owned).to_vec();
    let request = Request { sampling: Sampling { stop, ..Sampling::default() }, ..hello() };
    for (family, model, told) in [
        (Anthropic, usual(Anthropic), 6),
        (Cohere, usual(Cohere), 5),
        (Gemini, usual(Gemini), 5),
        (OpenaiChat, usual(OpenaiChat), 4),
        (OpenaiChat, "o3", 0),
        (OpenaiResponses, "gpt-5", 0),
    ] {
        for (at, stop) in ALL.into_iter().enumerate() {
            let whole = format!("Some{stop}more");
            let said = answer(vec![Part::text(whole.as_str())]);
            let candidate = fitted(&request, family, model).restore.response(said).candidates.remove(0);
            let expected = if at < told { (whole.as_str(), None) } else { ("Some", Some(stop)) };
            let matched = candidate.stop.matched.as_deref();
            assert_eq!((candidate.parts[0].as_text().unwrap(), matched), expected, "{stop:?} for {family}");
        }
    }
}

#[test]
fn pitfall_43_several_answers_are_refused_where_there_is_one() {
    let asking = |n| Request { candidates: Some(n), ..hello() };
    for family in [Anthropic, Cohere, OpenaiResponses] {
        assert_eq!(refused(&asking(2), family, usual(family)), "n");
        assert_eq!(fitted(&asking(1), family, usual(family)).request.candidates, None);
    }
    for family in [Gemini, OpenaiChat] {
        assert_eq!(fitted(&asking(2), family, usual(family)).request.candidates, Some(2));
    }
}

#[test]
fn geminis_seed_has_thirty_two_bits_and_alternatives_end_at_twenty() {
    let sampling = Sampling { seed: Some(1 << 40), top_logprobs: Some(25), ..Sampling::default() };
    let (sampling, reports) = outcome(sampling, Gemini, "gemini-3-pro");
    assert_eq!((sampling.seed, sampling.top_logprobs), (None, Some(20)));
    assert_eq!(reports, "seed=dropped, top_logprobs=20");
}

#[test]
fn servers_that_take_more_than_openai_get_it() {
    let sampling = Sampling { top_k: Some(40), min_p: Some(0.1), ..Sampling::default() };
    let facts = |top_k, min_p| ModelFacts { top_k, min_p, ..model_facts(OpenaiChat, "llama-3.3-70b") };
    for (facts, expected) in [
        (facts(true, true), (Some(40), Some(0.1), "")),
        (facts(true, false), (Some(40), None, "options.min_p=dropped")),
        (facts(false, false), (None, None, "options.top_k=dropped, options.min_p=dropped")),
    ] {
        let target =
            Target { client: Dialect::OllamaChat, family: OpenaiChat, facts: &facts, lossy: Lossy::Refuse };
        let fitted = fit(drawing(sampling.clone()), &target).unwrap();
        let Sampling { top_k, min_p, .. } = fitted.request.sampling;
        assert_eq!((top_k, min_p, reports(&fitted).as_str()), expected);
    }
}

#[test]
fn a_refusal_names_the_clients_own_field() {
    let request = Request { candidates: Some(2), ..hello() };
    let facts = model_facts(Anthropic, usual(Anthropic));
    let target = Target { client: Dialect::Gemini, family: Anthropic, facts: &facts, lossy: Lossy::Refuse };
    let fault = fit(request, &target).unwrap_err();
    assert_eq!(fault.param.as_deref(), Some("generationConfig.candidateCount"));
    assert!(fault.message.starts_with("generationConfig.candidateCount: "), "{fault}");
}
