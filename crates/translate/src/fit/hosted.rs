//! Web search, the one hosted tool that most vendors have: its simple form, from one vendor's
//! declaration into another's (wire-format facts, 6.13). Every other hosted tool has no counterpart.

use byok_types::chat::ToolType;
use byok_types::{Family, RawJson};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Work;

/// The declaration for the target, and the name that the tool has there. `None`: it has no such tool.
pub(super) fn translate(
    family: Family,
    r#type: &str,
    raw: &RawJson,
    index: usize,
    work: &mut Work<'_>,
) -> Option<(ToolType, String)> {
    let search = Search::read(family, r#type, raw)?;
    let (kind, declaration) = search.write(work, index)?;
    let tool = ToolType::Hosted {
        family: work.family,
        r#type: kind.to_owned(),
        raw: RawJson::from_value(&declaration),
    };
    Some((tool, "web_search".to_owned()))
}

/// Whether a Gemini model refuses this search tool beside functions; models before the third generation
/// do.
pub(super) fn clashes(family: Family, r#type: &str, has_functions: bool, work: &Work<'_>) -> bool {
    let old_gemini = work.family == Family::Gemini && !work.facts.structured_with_tools;
    old_gemini && has_functions && is_search(family, r#type)
}

/// Whether this is a vendor's web search.
pub(super) fn is_search(family: Family, r#type: &str) -> bool {
    match family {
        Family::Anthropic => r#type.starts_with("web_search_"),
        Family::Cohere => false,
        Family::Gemini => {
            matches!(
                r#type,
                "googleSearch" | "google_search" | "googleSearchRetrieval" | "google_search_retrieval"
            )
        }
        Family::OpenaiChat | Family::OpenaiResponses => r#type.starts_with("web_search"),
    }
}

/// A web search, in no vendor's words.
#[derive(Debug, Default, PartialEq)]
struct Search {
    allowed_domains: Vec<String>,
    blocked_domains: Vec<String>,
    context_size: Option<String>,
    location: Map<String, Value>,
    max_uses: Option<u64>,
}

/// The fields of all declarations together.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Declaration {
    allowed_domains: Option<Vec<String>>,
    blocked_domains: Option<Vec<String>>,
    filters: Option<Filters>,
    max_uses: Option<u64>,
    search_context_size: Option<String>,
    user_location: Option<Map<String, Value>>,
    web_search_options: Option<Box<Declaration>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Filters {
    allowed_domains: Option<Vec<String>>,
    blocked_domains: Option<Vec<String>>,
}

impl Search {
    fn read(family: Family, r#type: &str, raw: &RawJson) -> Option<Self> {
        if !is_search(family, r#type) {
            return None;
        }
        let mut declaration: Declaration = raw.read().unwrap_or_default();
        if let Some(inner) = declaration.web_search_options.take() {
            declaration = *inner;
        }
        let filters = declaration.filters.unwrap_or_default();
        let mut location = declaration.user_location.unwrap_or_default();
        if let Some(Value::Object(approximate)) = location.shift_remove("approximate") {
            location = approximate;
        }
        location.retain(|key, value| LOCATION.contains(&key.as_str()) && value.is_string());
        Some(Self {
            allowed_domains: filters.allowed_domains.or(declaration.allowed_domains).unwrap_or_default(),
            blocked_domains: filters.blocked_domains.or(declaration.blocked_domains).unwrap_or_default(),
            context_size: declaration.search_context_size,
            location,
            max_uses: declaration.max_uses,
        })
    }

    /// The type and the declaration in the target's words; what it has no word for is reported.
    fn write(self, work: &mut Work<'_>, index: usize) -> Option<(&'static str, Value)> {
        let Self { allowed_domains, blocked_domains, context_size, location, max_uses } = self;
        let mut lost = |what: &str, is_set: bool| {
            if is_set {
                work.ledger.drop(format!("tools[{index}].{what}"));
            }
        };
        let mut out = Map::new();
        match work.family {
            Family::Cohere => None,
            Family::Anthropic => {
                out.insert("type".into(), "web_search_20250305".into());
                out.insert("name".into(), "web_search".into());
                // Both lists at once are refused.
                if !allowed_domains.is_empty() {
                    lost("blocked_domains", !blocked_domains.is_empty());
                    out.insert("allowed_domains".into(), allowed_domains.into());
                } else if !blocked_domains.is_empty() {
                    out.insert("blocked_domains".into(), blocked_domains.into());
                }
                if !location.is_empty() {
                    out.insert("user_location".into(), Value::Object(approximate(location)));
                }
                out.extend(max_uses.map(|uses| ("max_uses".to_owned(), uses.into())));
                Some(("web_search_20250305", Value::Object(out)))
            }
            Family::Gemini => {
                lost("allowed_domains", !allowed_domains.is_empty());
                lost("blocked_domains", !blocked_domains.is_empty());
                lost("user_location", !location.is_empty());
                lost("max_uses", max_uses.is_some());
                Some(("googleSearch", json!({ "googleSearch": {} })))
            }
            // Only the search models take the field.
            Family::OpenaiChat if !work.searches => None,
            Family::OpenaiChat => {
                lost("allowed_domains", !allowed_domains.is_empty());
                lost("blocked_domains", !blocked_domains.is_empty());
                lost("max_uses", max_uses.is_some());
                out.extend(context_size.map(|size| ("search_context_size".to_owned(), size.into())));
                if !location.is_empty() {
                    let location = json!({ "type": "approximate", "approximate": location });
                    out.insert("user_location".into(), location);
                }
                Some(("web_search_options", Value::Object(out)))
            }
            Family::OpenaiResponses => {
                lost("blocked_domains", !blocked_domains.is_empty());
                lost("max_uses", max_uses.is_some());
                out.insert("type".into(), "web_search".into());
                if !allowed_domains.is_empty() {
                    out.insert("filters".into(), json!({ "allowed_domains": allowed_domains }));
                }
                out.extend(context_size.map(|size| ("search_context_size".to_owned(), size.into())));
                if !location.is_empty() {
                    out.insert("user_location".into(), Value::Object(approximate(location)));
                }
                Some(("web_search", Value::Object(out)))
            }
        }
    }
}

fn approximate(location: Map<String, Value>) -> Map<String, Value> {
    let kind = ("type".to_owned(), Value::from("approximate"));
    std::iter::once(kind).chain(location).collect()
}

const LOCATION: [&str; 4] = ["city", "country", "region", "timezone"];

#[cfg(test)]
mod tests;
