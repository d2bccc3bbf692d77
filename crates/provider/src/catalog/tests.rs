use std::collections::HashSet;

use byok_types::ProviderId;
use url::Url;

use super::*;
use crate::resolve::is_model_name;
use crate::row::{Calls, List, ListShape};

#[test]
fn names_are_valid_and_mean_one_provider() {
    let mut seen = HashSet::new();
    for row in CATALOG {
        for name in std::iter::once(&row.id).chain(row.aliases) {
            assert!(ProviderId::is_valid(name), "{name}");
            assert!(seen.insert(*name), "{name} means two providers");
        }
    }
    assert!(CATALOG.is_sorted_by_key(|row| row.id));
}

#[test]
fn addresses_are_complete() {
    for row in CATALOG {
        let callable = row.takes_key || row.logins.iter().any(|way| way.calls == Calls::Ready);
        assert!(!row.endpoints.is_empty() || !callable, "{}", row.id);
        assert!(!row.name.is_empty(), "{}", row.id);
        let mut families = HashSet::new();
        for endpoint in row.endpoints {
            assert!(families.insert(endpoint.family), "{}: {} twice", row.id, endpoint.family);
            assert!(endpoint.prefix.is_empty() || endpoint.prefix.starts_with('/'), "{}", row.id);
            assert!(!endpoint.prefix.ends_with('/'), "{}", row.id);
        }
        if row.root.is_empty() {
            continue;
        }
        let root = Url::parse(row.root).unwrap();
        assert!(!row.root.ends_with('/'), "{}", row.id);
        let local = root.host_str() == Some("127.0.0.1");
        assert!(root.scheme() == "https" || local, "{}: plain http", row.id);
        if let List::At { path, .. } = row.list {
            assert!(path.starts_with('/'), "{}", row.id);
        }
    }
}

#[test]
fn models_are_named_once_and_can_be_asked_for() {
    let mut seen = HashSet::new();
    for row in CATALOG {
        for model in row.models {
            assert!(is_model_name(model.id), "{}", model.id);
            assert!(seen.insert(model.id), "{} has two makers", model.id);
        }
        for (name, target) in row.floating {
            assert!(row.models.iter().any(|model| model.id == *target), "{name} leads to nothing");
            assert!(seen.insert(name), "{name} is a model");
        }
    }
}

#[test]
fn a_list_has_the_shape_of_its_format() {
    for row in CATALOG {
        if let List::At { shape: ListShape::Anthropic, .. } = row.list {
            assert_eq!(row.id, "anthropic");
        }
    }
    assert!(matches!(row("perplexity").unwrap().list, List::Static));
}

#[test]
fn the_names_of_the_contract_are_known() {
    let names = "anthropic openai gemini mistral cohere xai deepseek perplexity groq together fireworks \
        openrouter azure_openai ollama lm_studio qwen kimi iflow codex copilot kiro antigravity";
    for name in names.split(' ') {
        assert_eq!(row(name).unwrap().id, name);
    }
    for (alias, id) in [("claude", "anthropic"), ("google", "gemini"), ("zai", "iflow"), ("glm", "iflow")] {
        assert_eq!(row(alias).unwrap().id, id);
    }
    for (name, id) in [("claude", "anthropic"), ("chatgpt", "codex"), ("github", "copilot")] {
        assert_eq!(row(name).unwrap().id, id);
    }
}
