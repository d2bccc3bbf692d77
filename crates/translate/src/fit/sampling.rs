//! How tokens are drawn: what the target or the model does not take is left out or brought into range
//! (wire-format facts, 6.11).
//!
//! Clients often send the defaults along; where a default is left out nothing is lost, and nothing is
//! reported.

use byok_types::chat::{Effort, ReasoningMode, Request, Sampling};
use byok_types::model::{ModelFacts, SamplingRule, Thinking};
use byok_types::{Family, Fault};

use super::Work;
use super::ledger::Ledger;

pub(super) fn apply(request: &mut Request, work: &mut Work<'_>) -> Result<(), Box<Fault>> {
    candidates(request, work)?;
    let thinks = thinks(request, work);
    let sampling = &mut request.sampling;
    let ledger = &mut work.ledger;
    finite(sampling);
    match work.facts.sampling {
        SamplingRule::OneOf => one_of(sampling, ledger),
        SamplingRule::None => nothing(sampling, work.family, ledger),
        SamplingRule::WhenNotThinking if thinks => nothing(sampling, work.family, ledger),
        SamplingRule::All | SamplingRule::WhenNotThinking => {}
    }
    match work.family {
        Family::Anthropic => anthropic(sampling, thinks, ledger),
        Family::Cohere => cohere(sampling, ledger),
        Family::Gemini => gemini(sampling, ledger),
        Family::OpenaiChat => chat(sampling, work.facts, ledger),
        Family::OpenaiResponses => responses(sampling, ledger),
    }
    let answers = request.candidates.unwrap_or(1);
    stop(&mut sampling.stop, answers, work);
    Ok(())
}

/// Only Chat and Gemini give several answers.
fn candidates(request: &mut Request, work: &mut Work<'_>) -> Result<(), Box<Fault>> {
    if request.candidates.is_some_and(|n| n <= 1) {
        request.candidates = None;
    }
    if request.candidates.is_some() && !matches!(work.family, Family::Gemini | Family::OpenaiChat) {
        let message = format!("{} gives one answer per call", work.who());
        work.ledger.refuse("n", message)?;
        request.candidates = None;
    }
    Ok(())
}

/// Whether the model will think, as far as its rules for sampling are concerned.
fn thinks(request: &Request, work: &Work<'_>) -> bool {
    match &work.facts.thinking {
        // Unless told not to: what these do by default differs from one to the next.
        Thinking::Levels(_) => request.reasoning.effort != Some(Effort::None),
        _ => matches!(
            request.reasoning.mode,
            ReasoningMode::Adaptive | ReasoningMode::BetweenTools | ReasoningMode::Budget(_)
        ),
    }
}

/// JSON has no other numbers; whatever made one up gets none.
fn finite(sampling: &mut Sampling) {
    for number in [
        &mut sampling.temperature,
        &mut sampling.top_p,
        &mut sampling.min_p,
        &mut sampling.frequency_penalty,
        &mut sampling.presence_penalty,
    ] {
        *number = number.filter(|number| number.is_finite());
    }
}

fn one_of(sampling: &mut Sampling, ledger: &mut Ledger) {
    if sampling.top_p.is_none() {
        return;
    }
    if sampling.temperature == Some(1.0) {
        // The default says nothing.
        sampling.temperature = None;
    } else if sampling.temperature.is_some() {
        leave_out(&mut sampling.top_p, "top_p", 1.0, ledger);
    }
}

/// What reasoning models refuse.
fn nothing(sampling: &mut Sampling, family: Family, ledger: &mut Ledger) {
    leave_out(&mut sampling.temperature, "temperature", 1.0, ledger);
    leave_out(&mut sampling.top_p, "top_p", 1.0, ledger);
    leave_out_any(&mut sampling.top_k, "top_k", ledger);
    if matches!(family, Family::OpenaiChat | Family::OpenaiResponses) {
        penalties(sampling, ledger);
        leave_out_any(&mut sampling.logit_bias, "logit_bias", ledger);
        log_probabilities(sampling, ledger);
    }
}

fn penalties(sampling: &mut Sampling, ledger: &mut Ledger) {
    leave_out(&mut sampling.frequency_penalty, "frequency_penalty", 0.0, ledger);
    leave_out(&mut sampling.presence_penalty, "presence_penalty", 0.0, ledger);
}

fn log_probabilities(sampling: &mut Sampling, ledger: &mut Ledger) {
    sampling.logprobs = sampling.logprobs.filter(|on| *on);
    leave_out_any(&mut sampling.logprobs, "logprobs", ledger);
    sampling.top_logprobs = sampling.top_logprobs.filter(|n| *n > 0);
    leave_out_any(&mut sampling.top_logprobs, "top_logprobs", ledger);
}

fn anthropic(sampling: &mut Sampling, thinks: bool, ledger: &mut Ledger) {
    clamp(&mut sampling.temperature, "temperature", 0.0, 1.0, ledger);
    clamp(&mut sampling.top_p, "top_p", 0.0, 1.0, ledger);
    leave_out_any(&mut sampling.min_p, "min_p", ledger);
    penalties(sampling, ledger);
    leave_out_any(&mut sampling.seed, "seed", ledger);
    leave_out_any(&mut sampling.logit_bias, "logit_bias", ledger);
    log_probabilities(sampling, ledger);
    if thinks {
        // While thinking, the temperature is 1, top_k is refused, and top_p has a floor.
        if sampling.temperature != Some(1.0) {
            leave_out_any(&mut sampling.temperature, "temperature", ledger);
        }
        leave_out_any(&mut sampling.top_k, "top_k", ledger);
        if sampling.top_p.is_some_and(|p| p < 0.95) {
            leave_out_any(&mut sampling.top_p, "top_p", ledger);
        }
    }
}

fn cohere(sampling: &mut Sampling, ledger: &mut Ledger) {
    clamp(&mut sampling.temperature, "temperature", 0.0, 1.0, ledger);
    if sampling.top_p == Some(1.0) {
        // All of the probability: as near to it as Cohere goes.
        sampling.top_p = Some(0.99);
    }
    clamp(&mut sampling.top_p, "top_p", 0.01, 0.99, ledger);
    if let Some(k) = sampling.top_k.as_mut().filter(|k| **k > 500) {
        *k = 500;
        ledger.report("top_k", "500");
    }
    for (penalty, name) in [
        (&mut sampling.frequency_penalty, "frequency_penalty"),
        (&mut sampling.presence_penalty, "presence_penalty"),
    ] {
        if penalty.is_some_and(|penalty| penalty <= 0.0) {
            leave_out(penalty, name, 0.0, ledger);
        }
        clamp(penalty, name, 0.0, 1.0, ledger);
    }
    if sampling.frequency_penalty.is_some() {
        // Several models take one of the two only.
        leave_out(&mut sampling.presence_penalty, "presence_penalty", 0.0, ledger);
    }
    leave_out_any(&mut sampling.min_p, "min_p", ledger);
    if sampling.seed.is_some_and(|seed| seed < 0) {
        leave_out_any(&mut sampling.seed, "seed", ledger);
    }
    leave_out_any(&mut sampling.logit_bias, "logit_bias", ledger);
    sampling.top_logprobs = sampling.top_logprobs.filter(|n| *n > 0);
    leave_out_any(&mut sampling.top_logprobs, "top_logprobs", ledger);
}

fn gemini(sampling: &mut Sampling, ledger: &mut Ledger) {
    clamp(&mut sampling.temperature, "temperature", 0.0, 2.0, ledger);
    clamp(&mut sampling.top_p, "top_p", 0.0, 1.0, ledger);
    clamp(&mut sampling.frequency_penalty, "frequency_penalty", -2.0, 2.0, ledger);
    clamp(&mut sampling.presence_penalty, "presence_penalty", -2.0, 2.0, ledger);
    leave_out_any(&mut sampling.min_p, "min_p", ledger);
    leave_out_any(&mut sampling.logit_bias, "logit_bias", ledger);
    if sampling.seed.is_some_and(|seed| i32::try_from(seed).is_err()) {
        leave_out_any(&mut sampling.seed, "seed", ledger);
    }
    most_likely(sampling, ledger);
}

fn chat(sampling: &mut Sampling, facts: &ModelFacts, ledger: &mut Ledger) {
    clamp(&mut sampling.temperature, "temperature", 0.0, 2.0, ledger);
    clamp(&mut sampling.top_p, "top_p", 0.0, 1.0, ledger);
    clamp(&mut sampling.frequency_penalty, "frequency_penalty", -2.0, 2.0, ledger);
    clamp(&mut sampling.presence_penalty, "presence_penalty", -2.0, 2.0, ledger);
    // OpenAI has no such fields, and strict servers refuse what OpenAI does not have.
    if !facts.top_k {
        leave_out_any(&mut sampling.top_k, "top_k", ledger);
    }
    if !facts.min_p {
        leave_out_any(&mut sampling.min_p, "min_p", ledger);
    }
    most_likely(sampling, ledger);
}

fn responses(sampling: &mut Sampling, ledger: &mut Ledger) {
    clamp(&mut sampling.temperature, "temperature", 0.0, 2.0, ledger);
    clamp(&mut sampling.top_p, "top_p", 0.0, 1.0, ledger);
    leave_out_any(&mut sampling.top_k, "top_k", ledger);
    leave_out_any(&mut sampling.min_p, "min_p", ledger);
    penalties(sampling, ledger);
    leave_out_any(&mut sampling.seed, "seed", ledger);
    leave_out_any(&mut sampling.logit_bias, "logit_bias", ledger);
    most_likely(sampling, ledger);
}

/// At most twenty alternatives per token, everywhere.
fn most_likely(sampling: &mut Sampling, ledger: &mut Ledger) {
    if let Some(n) = sampling.top_logprobs.as_mut().filter(|n| **n > 20) {
        *n = 20;
        ledger.report("top_logprobs", "20");
    }
}

/// The stop sequences that the target takes; the others are looked for in the answer.
fn stop(stop: &mut Vec<String>, answers: u32, work: &mut Work<'_>) {
    stop.retain(|text| !text.is_empty());
    let limit = match work.family {
        _ if !work.facts.stop_sequences => 0,
        Family::OpenaiResponses => 0,
        Family::OpenaiChat => 4,
        Family::Cohere | Family::Gemini => 5,
        Family::Anthropic => usize::MAX,
    };
    let is_taken = |text: &String| work.family != Family::Anthropic || !text.trim().is_empty();
    let (mut taken, mut own): (Vec<_>, Vec<_>) = std::mem::take(stop).into_iter().partition(is_taken);
    own.extend(taken.drain(limit.min(taken.len())..));
    *stop = taken;
    let before = own.len();
    own.retain(|text| text.len() <= MAX_STOP_BYTES);
    own.truncate(MAX_OWN_STOPS);
    if own.len() < before {
        work.ledger.report("stop", format!("{}_dropped", before - own.len()));
    } else if !own.is_empty() && limit > 0 {
        // Nothing is lost, but the model does not know of them (wire-format facts, 9).
        work.ledger.report("stop", format!("{}_applied_by_byok", own.len()));
    }
    work.restore.stop_at(own, answers);
}

/// Looking for them costs time for each, and memory for each byte; no format takes as many or as long ones.
const MAX_OWN_STOPS: usize = 32;
const MAX_STOP_BYTES: usize = 1024;

/// Leaves a number out, and says so unless it is the default.
fn leave_out(number: &mut Option<f64>, name: &str, default: f64, ledger: &mut Ledger) {
    if number.take().is_some_and(|number| (number - default).abs() > f64::EPSILON) {
        ledger.drop(name);
    }
}

fn leave_out_any<T>(field: &mut Option<T>, name: &str, ledger: &mut Ledger) {
    if field.take().is_some() {
        ledger.drop(name);
    }
}

fn clamp(number: &mut Option<f64>, name: &str, min: f64, max: f64, ledger: &mut Ledger) {
    let Some(asked) = *number else { return };
    let fitting = asked.clamp(min, max);
    if fitting.to_bits() != asked.to_bits() {
        *number = Some(fitting);
        if (fitting - asked).abs() > f64::EPSILON {
            ledger.report(name, fitting.to_string());
        }
    }
}

#[cfg(test)]
mod tests;
