//! The four shapes of a list of models. A client needs its own vendor's fields; what byok knows beyond
//! them (limits) stands beside, under the names that clients look for.

use byok_provider::ModelInfo;
use byok_types::Dialect;
use serde_json::{Value, json};

/// Whose list it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Anthropic,
    Cohere,
    Google,
    Openai,
}

/// The most models on one page.
const MAX_PAGE: usize = 1000;

impl Shape {
    /// In whose format errors are written.
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Anthropic => Dialect::Anthropic,
            Self::Cohere => Dialect::Cohere,
            Self::Google => Dialect::Gemini,
            Self::Openai => Dialect::OpenaiChat,
        }
    }

    /// The list, or the page of it that the query asks for.
    pub(crate) fn list(self, models: &[ModelInfo], query: &dyn Fn(&str) -> Option<String>) -> Value {
        let each = |models: &[ModelInfo]| models.iter().map(|model| self.model(model)).collect::<Value>();
        match self {
            Self::Anthropic => anthropic(models, query, each),
            Self::Cohere => {
                let (page, next) = numbered(models, query("page_size"), query("page_token"));
                with_next(json!({ "models": each(page) }), "next_page_token", next)
            }
            Self::Google => {
                let (page, next) = numbered(models, query("pageSize"), query("pageToken"));
                with_next(json!({ "models": each(page) }), "nextPageToken", next)
            }
            Self::Openai => json!({ "object": "list", "data": each(models) }),
        }
    }

    /// One model.
    pub(crate) fn model(self, model: &ModelInfo) -> Value {
        let name = model.display_name.as_str();
        let mut value = match self {
            Self::Anthropic => json!({
                "type": "model",
                "id": model.id,
                "display_name": name,
                "created_at": rfc3339(model.created),
            }),
            Self::Cohere => json!({
                "name": model.id,
                "endpoints": if embeds(model) { ["embed"] } else { ["chat"] },
                "default_endpoints": [],
                "is_deprecated": false,
                "finetuned": false,
                "features": null,
                "tokenizer_url": null,
            }),
            Self::Google => json!({
                "name": format!("models/{}", model.id),
                "version": "",
                "displayName": name,
                "description": format!("Served by {}", model.provider),
                "supportedGenerationMethods": if embeds(model) {
                    ["embedContent", "batchEmbedContents"]
                } else {
                    ["generateContent", "countTokens"]
                },
            }),
            Self::Openai => json!({
                "id": model.id,
                "object": "model",
                "created": model.created,
                "owned_by": model.owned_by,
                "name": name,
            }),
        };
        let (context, output) = match self {
            Self::Anthropic => ("max_input_tokens", "max_tokens"),
            Self::Cohere | Self::Openai => ("context_length", "max_output_tokens"),
            Self::Google => ("inputTokenLimit", "outputTokenLimit"),
        };
        for (field, limit) in [(context, model.context), (output, model.output)] {
            if let Some(limit) = limit {
                value[field] = limit.into();
            }
        }
        value
    }
}

/// Whether a model makes embeddings. The vendors' lists of models mostly leave that to the name, and so does
/// this one.
pub(super) fn embeds(model: &ModelInfo) -> bool {
    model.id.contains("embed")
}

/// Anthropic's pages: the ones after or before an id.
fn anthropic(
    models: &[ModelInfo],
    query: &dyn Fn(&str) -> Option<String>,
    each: impl Fn(&[ModelInfo]) -> Value,
) -> Value {
    let limit = query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let at = |id: Option<String>| models.iter().position(|model| Some(model.id.as_str()) == id.as_deref());
    let (page, has_more) = if let Some(end) = at(query("before_id")) {
        let start = end.saturating_sub(limit);
        (&models[start..end], start > 0)
    } else {
        let start = at(query("after_id")).map_or(0, |at| at + 1);
        let end = models.len().min(start + limit);
        (&models[start..end], end < models.len())
    };
    json!({
        "data": each(page),
        "has_more": has_more,
        "first_id": page.first().map(|model| &model.id),
        "last_id": page.last().map(|model| &model.id),
    })
}

/// Pages whose token is the number of models before them.
fn numbered(
    models: &[ModelInfo],
    size: Option<String>,
    token: Option<String>,
) -> (&[ModelInfo], Option<usize>) {
    let number = |text: Option<String>| text.and_then(|text| text.parse::<usize>().ok());
    let start = number(token).unwrap_or(0).min(models.len());
    let size = number(size).filter(|size| *size > 0).unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let end = models.len().min(start + size);
    (&models[start..end], Some(end).filter(|end| *end < models.len()))
}

fn with_next(mut list: Value, field: &str, next: Option<usize>) -> Value {
    if let Some(next) = next {
        list[field] = next.to_string().into();
    }
    list
}

/// Unix seconds as `2026-01-31T12:00:00Z`.
pub(super) fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86400, seconds % 86400);
    // Days since 1 March of the year 0, in eras of 400 years (which have 146,097 days each).
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let year = year + era * 400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models() -> Vec<ModelInfo> {
        let model = |id: &str| ModelInfo {
            id: id.to_owned(),
            provider: "anthropic".into(),
            owned_by: "anthropic".to_owned(),
            context: Some(200_000),
            output: None,
            created: 1_700_000_000,
            display_name: id.to_uppercase(),
        };
        ["a", "b", "c", "d"].map(model).to_vec()
    }

    fn page(shape: Shape, asked: &[(&str, &str)]) -> Value {
        let query =
            |name: &str| asked.iter().find(|(is, _)| *is == name).map(|(_, value)| (*value).to_owned());
        shape.list(&models(), &query)
    }

    fn ids(list: &Value) -> String {
        let items = list.get("data").or(list.get("models")).unwrap().as_array().unwrap();
        let id = |item: &Value| item.get("id").or(item.get("name")).unwrap().as_str().unwrap().to_owned();
        items.iter().map(id).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_vendor_finds_its_fields() {
        insta::assert_json_snapshot!(
            [Shape::Anthropic, Shape::Cohere, Shape::Google, Shape::Openai]
                .map(|shape| shape.list(&models()[..1], &|_| None))
        );
    }

    #[test]
    fn anthropic_pages() {
        for (asked, on_page, more) in [
            (&[][..], "a b c d", false),
            (&[("limit", "1000")], "a b c d", false),
            (&[("limit", "2")], "a b", true),
            (&[("limit", "2"), ("after_id", "b")], "c d", false),
            (&[("limit", "2"), ("before_id", "d")], "b c", true),
            (&[("limit", "0")], "a", true),
            (&[("after_id", "d")], "", false),
        ] {
            let list = page(Shape::Anthropic, asked);
            assert_eq!((ids(&list).as_str(), list["has_more"].as_bool()), (on_page, Some(more)), "{asked:?}");
        }
    }

    #[test]
    fn numbered_pages() {
        let first = page(Shape::Google, &[("pageSize", "3")]);
        assert_eq!(
            (ids(&first).as_str(), &first["nextPageToken"]),
            ("models/a models/b models/c", &json!("3"))
        );
        let second = page(Shape::Google, &[("pageSize", "3"), ("pageToken", "3")]);
        assert_eq!((ids(&second).as_str(), second.get("nextPageToken")), ("models/d", None));
        assert_eq!(ids(&page(Shape::Cohere, &[("page_token", "99")])), "");
    }

    #[test]
    fn times() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }
}
