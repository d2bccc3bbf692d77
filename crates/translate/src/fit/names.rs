//! Tool names: one table per request from the client's names to names that the target takes.
//!
//! Applied to tools, to the choice among them, and to the calls in the history, so that the model never
//! sees two names for one tool; [`super::Restore`] turns it round. Namespaces are flattened but towards OpenAI's
//! Responses, which alone know them. A repaired name depends on the name
//! alone (unless two collide), so that the prompt stays the same from call to call.

use std::collections::{HashMap, HashSet};

use byok_types::Family;
use byok_types::chat::{PartKind, Request, ToolChoice, ToolType};

use super::{ClientName, Work, digest};

pub(super) fn apply(request: &mut Request, work: &mut Work<'_>) {
    let mut book = Book::new(work.family);
    // Hosted and typed tools have names that cannot be changed.
    for tool in &request.tools {
        if !is_own(&tool.kind) {
            book.taken.insert(tool.name.clone());
        }
    }
    let declared = || request.tools.iter().filter(|tool| is_own(&tool.kind));
    let (direct, flattened): (Vec<_>, Vec<_>) = declared()
        .map(|tool| ClientName::new(tool.namespace.as_ref(), &tool.name))
        .partition(|client| client.namespace.is_none());
    // Directly declared tools win over namespaced ones, and good names over repaired ones.
    let (good, bad): (Vec<_>, Vec<_>) = direct.into_iter().partition(|client| book.takes(&client.name));
    let history = request.turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match &part.kind {
        PartKind::ToolCall(call) => Some(ClientName::new(call.namespace.as_ref(), &call.name)),
        _ => None,
    });
    for client in good.into_iter().chain(bad).chain(flattened).chain(history) {
        if book.knows(&client) {
            continue;
        }
        book.enter(client);
    }
    rename(request, &book);
    for (client, upstream) in book.upstream {
        if work.free_text.contains(&client) {
            work.restore.unwrap_free_text(upstream.clone());
        }
        if client.namespace.is_some() || client.name != upstream {
            work.restore.rename(upstream, client);
        }
    }
}

/// A name for one more tool, as close to `wish` as the target and the request's other tools allow.
pub(super) fn one_more(request: &Request, family: Family, wish: &str) -> String {
    let mut book = Book::new(family);
    book.taken.extend(request.tools.iter().map(|tool| tool.name.clone()));
    book.free(wish)
}

fn is_own(kind: &ToolType) -> bool {
    matches!(kind, ToolType::Custom { .. } | ToolType::Function { .. })
}

fn rename(request: &mut Request, book: &Book) {
    // A choice names no namespace: the directly declared tool is meant, else the first of that name.
    let mut chosen: HashMap<String, String> = HashMap::new();
    for tool in &mut request.tools {
        if !is_own(&tool.kind) {
            chosen.insert(tool.name.clone(), tool.name.clone());
            continue;
        }
        let client = ClientName::new(tool.namespace.as_ref(), &tool.name);
        let Some(upstream) = book.upstream.get(&client) else { continue };
        if client.namespace.is_none() {
            chosen.insert(client.name, upstream.clone());
        } else {
            chosen.entry(client.name).or_insert_with(|| upstream.clone());
        }
        tool.name.clone_from(upstream);
        tool.namespace = None;
    }
    match &mut request.tool_choice {
        Some(ToolChoice::One { name }) => {
            if let Some(upstream) = chosen.get(name) {
                name.clone_from(upstream);
            }
        }
        Some(ToolChoice::Subset { names, .. }) => {
            for name in names {
                if let Some(upstream) = chosen.get(name) {
                    name.clone_from(upstream);
                }
            }
        }
        Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Required) | None => {}
    }
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let PartKind::ToolCall(call) = &mut part.kind
            && let Some(upstream) = book.upstream.get(&ClientName::new(call.namespace.as_ref(), &call.name))
        {
            call.name.clone_from(upstream);
            call.namespace = None;
        }
    }
}

/// The table under construction.
struct Book {
    family: Family,
    upstream: HashMap<ClientName, String>,
    taken: HashSet<String>,
}

impl Book {
    fn new(family: Family) -> Self {
        Self { family, upstream: HashMap::new(), taken: HashSet::new() }
    }

    /// Whether the target takes a namespaced name as it is.
    fn knows(&self, client: &ClientName) -> bool {
        let namespace = client.namespace.as_deref().filter(|_| self.family == Family::OpenaiResponses);
        namespace.is_some_and(|namespace| self.takes(namespace) && self.takes(&client.name))
    }

    fn enter(&mut self, client: ClientName) {
        if self.upstream.contains_key(&client) {
            return;
        }
        let name = match &client.namespace {
            Some(namespace) => self.free(&format!("{namespace}__{}", client.name)),
            None => self.free(&client.name),
        };
        self.taken.insert(name.clone());
        self.upstream.insert(client, name);
    }

    /// A name that the target takes and no other tool has.
    fn free(&self, wish: &str) -> String {
        if self.takes(wish) && !self.taken.contains(wish) {
            return wish.to_owned();
        }
        let mut seed = wish.to_owned();
        loop {
            let name = self.repaired(wish, &seed);
            if !self.taken.contains(&name) {
                return name;
            }
            seed.push('#');
        }
    }

    fn takes(&self, name: &str) -> bool {
        let first = name.chars().next();
        first.is_some_and(|c| self.takes_first(c))
            && name.len() <= self.limit()
            && name.chars().all(|c| self.takes_char(c))
    }

    fn repaired(&self, wish: &str, seed: &str) -> String {
        let starts_well = wish.chars().next().is_some_and(|c| self.takes_first(c) || !self.takes_char(c));
        let prefix = if starts_well { "" } else { "_" };
        digest::repaired(&format!("{prefix}{wish}"), seed, self.limit(), |c| self.takes_char(c))
    }

    fn takes_char(&self, c: char) -> bool {
        let common = c.is_ascii_alphanumeric() || c == '_';
        match self.family {
            Family::Anthropic | Family::OpenaiChat | Family::OpenaiResponses => common || c == '-',
            Family::Cohere => common,
            Family::Gemini => common || matches!(c, '-' | '.' | ':'),
        }
    }

    fn takes_first(&self, c: char) -> bool {
        match self.family {
            Family::Cohere | Family::Gemini => c.is_ascii_alphabetic() || c == '_',
            Family::Anthropic | Family::OpenaiChat | Family::OpenaiResponses => self.takes_char(c),
        }
    }

    /// Older deployments of Anthropic's and Google's stop at 64 too, but the longer limit is documented
    /// for all of Anthropic's models in use.
    fn limit(&self) -> usize {
        match self.family {
            Family::Anthropic => 128,
            Family::Cohere | Family::Gemini | Family::OpenaiChat | Family::OpenaiResponses => 64,
        }
    }
}

#[cfg(test)]
mod tests;
