//! `/{provider}/…`: a provider's own API, reached with the wallet's credential instead of the client's key.
//!
//! Nothing is read or changed here; byok-provider decides which headers pass. The address is the one that
//! the configuration has: a path can neither leave the API nor name another host.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use byok_provider::Forward;
use byok_types::{Blame, Code, Fault};
use percent_encoding::percent_decode_str;

use crate::meter::Entry;
use crate::state::State;
use crate::{body, generate, problem, routes};

/// Serves one request to a provider's own API.
pub(crate) async fn forward(state: &Arc<State>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let asker = routes::asker(state, &parts);
    let path = parts.uri.path();
    let (name, rest) = path[1..].find('/').map_or((&path[1..], ""), |end| path[1..].split_at(end));
    let Some(spec) = state.upstreams.provider(name) else {
        body::discard(state, &parts.headers, body);
        return routes::not_found(state, &parts);
    };
    if leaves(rest) {
        body::discard(state, &parts.headers, body);
        let fault = Fault::new(400, Blame::Client, "the path has segments that lead out of it");
        return problem::response(asker, &fault);
    }
    let path_and_query = match parts.uri.query().map(without_key) {
        Some(query) if !query.is_empty() => format!("{rest}?{query}"),
        _ => rest.to_owned(),
    };

    let visit = generate::visit(&mut parts, state);
    let mut entry = Entry::new(state, visit, None);
    let limit = state.config.load().limits.body_bytes;
    let body = match body::read(state, &parts.headers, body, limit).await {
        Ok(body) => body,
        Err(fault) => {
            let response = problem::response(asker, &fault);
            entry.fails(response.status().as_u16(), None);
            return response;
        }
    };
    if !spec.enabled {
        let message = format!("{} is disabled in the config (`providers.{}.enabled`)", spec.name, spec.id);
        let fault = Fault::new(403, Blame::Client, message).with_code(Code::ProviderUnavailable);
        entry.fails(403, None);
        return problem::response(asker, &fault);
    }
    let call = Forward { method: parts.method, path_and_query, headers: parts.headers, body };
    let answer = state.upstreams.forward(&spec, call).await;
    generate::respond(asker, answer, entry)
}

/// Whether a path has `.` or `..` among its segments, however they are spelt.
fn leaves(path: &str) -> bool {
    path.split(['/', '\\']).any(|segment| {
        let segment = percent_decode_str(segment).decode_utf8_lossy();
        segment.split(['/', '\\']).any(|part| matches!(part, "." | ".."))
    })
}

/// The query without the client's key, every other byte as it was.
fn without_key(query: &str) -> String {
    let is_key = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        percent_decode_str(name).decode_utf8_lossy() == "key"
    };
    query.split('&').filter(|pair| !is_key(pair)).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_inside() {
        for path in ["/v1/../admin", "/..", "/v1/%2e%2E/x", "/v1/.", "/a%2f..%2fb", "/a\\..\\b", "/v1/./x"] {
            assert!(leaves(path), "{path}");
        }
        for path in ["/v1/models", "/v1/files/a..b", "/v1/models/x.y:z", "/v1/%20/", "/v1/...", ""] {
            assert!(!leaves(path), "{path}");
        }
    }

    #[test]
    fn only_the_key_leaves_the_query() {
        for (query, rest) in [
            ("alt=sse&key=byk_1", "alt=sse"),
            ("key=x", ""),
            ("%6bey=x&a=%20+b&&c", "a=%20+b&&c"),
            ("keys=1&pageKey=2&key", "keys=1&pageKey=2"),
        ] {
            assert_eq!(without_key(query), rest, "{query}");
        }
    }
}
