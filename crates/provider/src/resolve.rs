//! From the `model` field to a provider and its id of the model. Pure: who has a credential is asked of the
//! caller.
//!
//! In this order: an exact id, the person's alias, `provider/model`, a vendor's floating name. An id that
//! several offer goes to its maker, then to the first in the config.

use std::collections::BTreeSet;
use std::sync::Arc;

use byok_types::{ModelId, ProviderId};

use crate::registry::Registry;
use crate::spec::ProviderSpec;

/// Where a request goes.
#[derive(Clone, Debug)]
pub struct Route {
    /// The provider.
    pub spec: Arc<ProviderSpec>,
    /// The model, as that provider names it.
    pub model: ModelId,
}

impl Route {
    /// A route chosen by other rules than the model's name. `None` where `model` is no possible name or the
    /// provider does not offer it.
    pub fn new(spec: Arc<ProviderSpec>, model: &str) -> Option<Self> {
        (is_model_name(model) && spec.models.admit(model)).then(|| Self { model: ModelId::from(model), spec })
    }
}

/// Why a model leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// The config switches its provider off.
    #[error("the provider {provider} is switched off in the config (providers.{provider}.enabled)")]
    Disabled {
        /// The provider.
        provider: ProviderId,
    },
    /// Its provider has no credential.
    #[error("there is no account for {provider}; add one with `byok login {provider}`")]
    NoAccount {
        /// The provider.
        provider: ProviderId,
    },
    /// Nobody is known to offer it.
    #[error("no such model{}", suggestion(nearest))]
    NotFound {
        /// The nearest names that could be called.
        nearest: Vec<String>,
    },
}

fn suggestion(nearest: &[String]) -> String {
    match nearest {
        [] => "; `byok models` lists those that can be called".to_owned(),
        nearest => format!("; the nearest are {}", nearest.join(", ")),
    }
}

/// The longest name a model may have.
const MAX_NAME: usize = 256;

/// How many aliases may lead to one another. More is a circle.
const MAX_HOPS: usize = 8;

/// Whether a text can be a model's name: it becomes part of addresses and logs.
pub(crate) fn is_model_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte);
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(allowed)
}

/// Finds the route of a model. `usable` tells whether a provider has what a call needs.
pub(crate) fn resolve(
    registry: &Registry,
    asked: &str,
    usable: &dyn Fn(&ProviderSpec) -> bool,
) -> Result<Route, Unresolved> {
    let mut name = asked;
    let mut obstacle = None;
    for _ in 0..MAX_HOPS {
        match direct(registry, name, usable) {
            Ok(route) => return Ok(route),
            Err(reason) => obstacle = obstacle.or(reason),
        }
        match registry.aliases.get(name) {
            Some(target) if target != name => name = target,
            _ => break,
        }
    }
    Err(obstacle.unwrap_or_else(|| Unresolved::NotFound { nearest: nearest(registry, asked, usable) }))
}

/// The route of a name that is no alias of the person's, or what stands in its way.
fn direct(
    registry: &Registry,
    name: &str,
    usable: &dyn Fn(&ProviderSpec) -> bool,
) -> Result<Route, Option<Unresolved>> {
    if !is_model_name(name) {
        return Err(None);
    }
    let mut obstacle = None;
    let mut try_one = |spec: &Arc<ProviderSpec>, model: &str| {
        let blocked = blocked(spec, usable);
        let route = blocked.is_none().then(|| Route { spec: Arc::clone(spec), model: ModelId::from(model) });
        obstacle = obstacle.take().or(blocked);
        route
    };
    for spec in registry.offering(name) {
        if let Some(route) = try_one(spec, name) {
            return Ok(route);
        }
    }
    // A name of the person's wins over what follows.
    if registry.aliases.contains_key(name) {
        return Err(obstacle);
    }
    if let Some((provider, model)) = name.split_once('/')
        && let Some(spec) = registry.provider(provider)
    {
        let floating = registry.floating(model).filter(|(of, _)| of.id == spec.id);
        let model = floating.map_or(model, |(_, target)| target);
        if !model.is_empty()
            && spec.models.admit(model)
            && let Some(route) = try_one(spec, model)
        {
            return Ok(route);
        }
    }
    if let Some((spec, model)) = registry.floating(name)
        && let Some(route) = try_one(spec, model)
    {
        return Ok(route);
    }
    Err(obstacle)
}

/// What keeps a provider from being called.
fn blocked(spec: &ProviderSpec, usable: &dyn Fn(&ProviderSpec) -> bool) -> Option<Unresolved> {
    if !spec.enabled {
        return Some(Unresolved::Disabled { provider: spec.id.clone() });
    }
    (!usable(spec)).then(|| Unresolved::NoAccount { provider: spec.id.clone() })
}

/// The callable names that are most like what was asked for.
fn nearest(registry: &Registry, asked: &str, usable: &dyn Fn(&ProviderSpec) -> bool) -> Vec<String> {
    const LIKE: f64 = 0.6;
    const MOST: usize = 3;
    if asked.len() > MAX_NAME {
        return Vec::new();
    }
    let callable = registry.providers.iter().filter(|spec| blocked(spec, usable).is_none());
    let models: BTreeSet<&str> =
        callable.flat_map(|spec| spec.models.known()).map(|model| model.id.as_str()).collect();
    let names = models.into_iter().chain(registry.aliases.keys().map(String::as_str));
    // A prefix that names a provider says nothing about the model.
    let bare = asked
        .split_once('/')
        .filter(|(provider, _)| registry.provider(provider).is_some())
        .map_or(asked, |(_, model)| model)
        .to_ascii_lowercase();
    let mut scored: Vec<(f64, &str)> = names
        .map(|name| (strsim::normalized_damerau_levenshtein(&bare, &name.to_ascii_lowercase()), name))
        .filter(|(score, _)| *score >= LIKE)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(MOST).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use byok_config::parse;

    use super::*;

    fn registry(yaml: &str) -> Registry {
        let config = parse(yaml, &|_: &str| None).unwrap();
        Registry::of(&config).unwrap()
    }

    /// Resolves with credentials for `accounts`, and shows the outcome as `provider model` or the error.
    fn route(registry: &Registry, accounts: &[&str], model: &str) -> String {
        let usable = |spec: &ProviderSpec| accounts.contains(&spec.id.as_str());
        match resolve(registry, model, &usable) {
            Ok(route) => format!("{} {}", route.spec.id, route.model),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_id_leads_to_its_maker() {
        let plain = registry("{}");
        assert_eq!(route(&plain, &["anthropic"], "claude-haiku-4-5"), "anthropic claude-haiku-4-5");
        assert_eq!(route(&plain, &["anthropic"], "haiku"), "anthropic claude-haiku-5-5");
        assert!(route(&plain, &[], "claude-haiku-4-5").contains("byok login anthropic"));
    }

    #[test]
    fn a_provider_can_be_named() {
        let plain = registry("{}");
        let all = ["anthropic", "openrouter", "iflow", "ollama"];
        assert_eq!(route(&plain, &all, "claude/claude-9"), "anthropic claude-9");
        assert_eq!(route(&plain, &all, "claude/opus"), "anthropic claude-opus-5-5");
        assert_eq!(route(&plain, &all, "openrouter/meta/llama-4:free"), "openrouter meta/llama-4:free");
        assert_eq!(route(&plain, &all, "zai/glm-5.3"), "iflow glm-5.3");
        assert_eq!(route(&plain, &all, "ollama/qwen3:32b"), "ollama qwen3:32b");
        assert!(route(&plain, &all, "ollama/").starts_with("no such model"));
    }

    #[test]
    fn a_provider_of_the_config() {
        let own = registry(
            "providers:\n  vllm: { family: openai, base_url: 'http://127.0.0.1:8000/v1', models: [qwen3-32b, gpt-5.5] }\n  any: { family: anthropic, base_url: 'http://127.0.0.1:8001' }",
        );
        assert_eq!(route(&own, &["vllm"], "qwen3-32b"), "vllm qwen3-32b");
        assert_eq!(route(&own, &["vllm"], "vllm/qwen3-32b"), "vllm qwen3-32b");
        assert!(route(&own, &["vllm"], "vllm/other").starts_with("no such model"));
        assert_eq!(route(&own, &["any"], "any/what/ever"), "any what/ever");
        assert_eq!(route(&own, &["vllm", "openai"], "gpt-5.5"), "openai gpt-5.5", "its maker comes first");
        assert_eq!(route(&own, &["vllm"], "gpt-5.5"), "vllm gpt-5.5");
    }

    #[test]
    fn aliases_lead_on_and_circles_end() {
        let own = registry("aliases: { fast: quick, quick: claude-haiku-4-5, a: b, b: a, opus: gpt-5.5 }");
        assert_eq!(route(&own, &["anthropic"], "fast"), "anthropic claude-haiku-4-5");
        assert!(route(&own, &["anthropic"], "a").starts_with("no such model"));
        assert_eq!(route(&own, &["anthropic", "openai"], "opus"), "openai gpt-5.5");
    }

    #[test]
    fn an_alias_takes_over_where_the_id_cannot_be_served() {
        let own = registry("aliases: { gpt-5.5: claude-opus-5-5 }");
        assert_eq!(route(&own, &["anthropic"], "gpt-5.5"), "anthropic claude-opus-5-5");
        assert_eq!(route(&own, &["anthropic", "openai"], "gpt-5.5"), "openai gpt-5.5");
    }

    #[test]
    fn what_is_switched_off_says_so() {
        let own = registry("providers: { gemini: { enabled: false } }");
        assert!(route(&own, &["gemini"], "gemini-2.5-pro").contains("providers.gemini.enabled"));
    }

    #[test]
    fn near_names_are_suggested() {
        let plain = registry("{}");
        let error = route(&plain, &["anthropic"], "claude-opus-5.5");
        assert!(error.contains("claude-opus-5-5"), "{error}");
        let error = route(&plain, &["openai"], "claude-opus-5.5");
        assert!(!error.contains("claude-opus"), "only what can be called: {error}");
        assert!(route(&plain, &["openai"], "zzzz").contains("byok models"));
    }

    #[test]
    fn impossible_names_lead_nowhere() {
        let plain = registry("{}");
        let long = format!("ollama/{}", "x".repeat(300));
        for name in ["", "ollama/a b", "ollama/a\r\nx: y", "ollama/ä", "ollama/a?b", "ollama/a#b", &long] {
            assert!(route(&plain, &["ollama"], name).starts_with("no such model"), "{name}");
        }
    }

    #[test]
    fn one_provider_under_two_names_is_refused() {
        let config =
            parse("providers: { claude: { enabled: true }, anthropic: { enabled: true } }", &|_: &str| None)
                .unwrap();
        assert!(Registry::of(&config).unwrap_err().to_string().contains("same provider"));
    }

    #[test]
    fn a_name_that_is_not_built_in_needs_an_address() {
        let refused = |yaml: &str| {
            let config = parse(yaml, &|_: &str| None).unwrap();
            Registry::of(&config).unwrap_err().to_string()
        };
        assert!(refused("providers: { mine: { base_url: 'http://127.0.0.1:1' } }").contains("`family`"));
        assert!(refused("providers: { mine: { family: openai } }").contains("`base_url`"));
        registry("providers: { codex: { enabled: true } }");
    }
}
