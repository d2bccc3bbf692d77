//! Small things that stand in requests, answers and streams alike: cache marks, citations, and the slot
//! for signatures that other vendors put beside a call or a text.

use byok_types::chat::{CacheMark, Citation, Token};
use byok_types::{Family, RawJson};
use serde_json::value::RawValue;

use super::json::Object;
use super::node::{Node, Place};
use crate::format::ReadError;
use crate::token;

/// Reads a `cache_control` field.
pub(super) fn read_cache(node: &Node<'_>, place: &Place<'_>) -> Result<Option<CacheMark>, ReadError> {
    let mark = node.object("cache_control", place)?;
    Ok(mark.map(|mark| CacheMark { ttl: mark.lax_word("ttl") }))
}

/// Writes a `cache_control` field. Other lifetimes than the two that exist here become the usual one.
pub(super) fn write_cache(object: &mut Object<'_>, mark: Option<&CacheMark>) {
    if let Some(mark) = mark {
        object.object("cache_control", |control| {
            control.put("type", "ephemeral");
            control.put_some("ttl", mark.ttl.as_deref().filter(|ttl| matches!(*ttl, "5m" | "1h")));
        });
    }
}

/// A citation. Its character offsets count in the cited document; what it supports is the whole text
/// piece that it hangs on.
pub(super) fn citation(raw: &RawValue) -> Option<Citation> {
    let node = Node::lax(raw)?;
    let source = || node.lax_word("source").filter(|source| source.starts_with("http"));
    Some(Citation {
        start: None,
        end: None,
        url: node.lax_word("url").or_else(source),
        title: node.lax_word("title").or_else(|| node.lax_word("document_title")),
        text: node.lax_word("cited_text"),
        family: Family::Anthropic,
        raw: RawJson::from(raw),
    })
}

/// What the data of a `redacted_thinking` block begins with when it is no thinking at all, but the
/// signature of a call or text: `byok1-beside.<wrapped token>.<id of the call, or nothing>`.
///
/// This format has no slot for a signature beside a call, and Gemini insists on getting its own back.
/// A block of this type is the one thing that clients keep, never show, and send back unread.
const BESIDE: &str = "byok1-beside.";

/// The data of the block that carries `token`, which stands beside the call with this id, or beside the
/// text right before it.
pub(super) fn beside(token: &Token, call_id: Option<&str>) -> String {
    format!("{BESIDE}{}.{}", token::wrap(token, Family::Anthropic), call_id.unwrap_or_default())
}

/// The token and the call's id in the data of a `redacted_thinking` block, where it carries such; the id is
/// empty for a text.
pub(super) fn read_beside(data: &str) -> Option<(Token, &str)> {
    let rest = data.strip_prefix(BESIDE)?;
    // The wrapped token has two dots of its own; a call's id may have any.
    let (end, _) = rest.match_indices('.').nth(2)?;
    let token = token::unwrap(&rest[..end], Family::Anthropic);
    (token.family != Family::Anthropic).then_some((token, &rest[end + 1..]))
}
