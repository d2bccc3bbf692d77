//! Prompt-cache breakpoints: hints, which are kept where the target has the same idea and otherwise go in
//! silence (wire-format facts, 6.12).

use byok_types::Family;
use byok_types::chat::{CacheMark, PartKind, Request};

use super::Work;
use crate::facts::Openai;

pub(super) fn apply(request: &mut Request, work: &Work<'_>) {
    let takes_marks = match work.family {
        Family::Anthropic => true,
        Family::OpenaiChat | Family::OpenaiResponses => work.openai.is_some_and(Openai::takes_cache_marks),
        Family::Cohere | Family::Gemini => false,
    };
    if work.family != Family::Anthropic {
        request.cache = None;
    }
    let mut count = usize::from(request.cache.is_some());
    for_each_mark(request, |mark| {
        if !takes_marks {
            *mark = None;
        }
        count += usize::from(mark.is_some());
    });
    let mut surplus = count.saturating_sub(LIMIT);
    let mut short_before = false;
    let mut fit = |mark: &mut Option<CacheMark>| {
        if let Some(kept) = mark {
            kept.ttl = match work.family {
                Family::Anthropic => anthropic_ttl(kept.ttl.as_deref(), &mut short_before),
                _ => openai_ttl(kept.ttl.as_deref()),
            };
        }
    };
    for_each_mark(request, |mark| {
        if mark.is_some() && surplus > 0 {
            // The last ones reach furthest.
            surplus -= 1;
            *mark = None;
        }
        fit(mark);
    });
    fit(&mut request.cache);
}

/// Anthropic keeps a prefix for five minutes or an hour, and wants the long ones first.
fn anthropic_ttl(ttl: Option<&str>, short_before: &mut bool) -> Option<String> {
    let long = ttl.and_then(minutes).is_some_and(|minutes| minutes > 15) && !*short_before;
    *short_before |= !long;
    if long { Some("1h".to_owned()) } else { ttl.map(|_| "5m".to_owned()) }
}

/// OpenAI keeps it for a while by itself, or for half an hour if asked.
fn openai_ttl(ttl: Option<&str>) -> Option<String> {
    ttl.and_then(minutes).filter(|minutes| *minutes > 15).map(|_| "30m".to_owned())
}

fn minutes(ttl: &str) -> Option<u64> {
    let unit = ttl.chars().last()?;
    let number: u64 = ttl[..ttl.len() - unit.len_utf8()].parse().ok()?;
    match unit {
        'm' => Some(number),
        'h' => number.checked_mul(60),
        's' => Some(number / 60),
        _ => None,
    }
}

/// Visits every place of a breakpoint, in the order in which the model reads them. Those that no vendor
/// allows lose theirs.
fn for_each_mark(request: &mut Request, mut visit: impl FnMut(&mut Option<CacheMark>)) {
    request.tools.iter_mut().for_each(|tool| visit(&mut tool.cache));
    request.system.iter_mut().for_each(|system| visit(&mut system.cache));
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if matches!(part.kind, PartKind::Reasoning(_)) {
            part.cache = None;
        }
        visit(&mut part.cache);
    }
}

const LIMIT: usize = 4;

#[cfg(test)]
mod tests {
    use byok_types::chat::{Part, Role, SystemText, Turn};

    use super::*;

    fn mark(ttl: &str) -> CacheMark {
        CacheMark { ttl: (!ttl.is_empty()).then(|| ttl.to_owned()) }
    }

    fn marked(ttls: &[&str]) -> Request {
        let parts = ttls.iter().map(|ttl| Part { cache: Some(mark(ttl)), ..Part::text("x") }).collect();
        Request { turns: vec![Turn::new(Role::User, parts)], ..Request::default() }
    }

    fn fitted(mut request: Request, family: Family, model: &str) -> Vec<String> {
        let facts = crate::facts::model_facts(family, model);
        let work = super::super::tests::work(family, &facts, model);
        apply(&mut request, &work);
        let mut out = Vec::new();
        for_each_mark(&mut request, |mark| {
            out.push(mark.as_ref().map_or("-".to_owned(), |mark| mark.ttl.clone().unwrap_or_default()));
        });
        out
    }

    #[test]
    fn pitfall_68_the_last_four_marks_stay_and_long_ones_come_first() {
        let request = marked(&["", "1h", "1h", "5m", "1h"]);
        assert_eq!(fitted(request, Family::Anthropic, "claude-opus-5"), ["-", "1h", "1h", "5m", "5m"]);
    }

    #[test]
    fn marks_on_thoughts_go_and_an_automatic_one_counts() {
        let mut request = marked(&["", "", "", ""]);
        request.cache = Some(mark(""));
        assert_eq!(fitted(request, Family::Anthropic, "claude-opus-5"), ["-", "", "", ""]);
    }

    #[test]
    fn pitfall_69_marks_cross_to_openai_models_that_have_them_and_nowhere_else() {
        let marks = |family, model| fitted(marked(&["1h", "5m"]), family, model);
        assert_eq!(marks(Family::OpenaiChat, "gpt-5.6-sol"), ["30m", ""]);
        assert_eq!(marks(Family::OpenaiChat, "gpt-4o"), ["-", "-"]);
        assert_eq!(marks(Family::Gemini, "gemini-3-pro"), ["-", "-"]);
    }

    #[test]
    fn system_text_keeps_its_mark() {
        let mut request = marked(&["-"]);
        request.system.push(SystemText { text: "s".into(), cache: Some(mark("30m")) });
        assert_eq!(fitted(request, Family::Anthropic, "claude-opus-5")[0], "1h");
    }
}
