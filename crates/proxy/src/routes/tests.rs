use super::*;

#[test]
fn rows_match_their_paths() {
    assert!(matches("/v1/models/{*call}", "/v1/models/a/b:generateContent"));
    assert!(!matches("/v1/models/{*call}", "/v1/models/"));
    assert!(matches("/healthz", "/healthz"));
    assert!(!matches("/healthz", "/healthz/"));
}

#[test]
fn a_providers_own_paths() {
    for path in ["/openai/v1/files", "/work-vllm/x", "/anthropic/v1/messages", "//openai/v1"] {
        assert!(is_providers_own(path), "{path}");
    }
    for path in
        ["/", "/healthz", "/openai", "/openai/", "/v1/messages", "/v1beta/models/x", "/api/chat", "/v2/chat"]
    {
        assert!(!is_providers_own(path), "{path}");
    }
}

#[test]
fn askers_are_told_by_their_headers_where_the_path_says_nothing() {
    let headers =
        |name: &'static str| HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static("x"))]);
    assert_eq!(dialect_of_headers(&headers("anthropic-version")), Dialect::Anthropic);
    assert_eq!(dialect_of_headers(&headers("x-goog-api-key")), Dialect::Gemini);
    assert_eq!(dialect_of_headers(&headers("authorization")), Dialect::OpenaiChat);
}

#[test]
fn no_two_rows_are_the_same() {
    let mut rows: Vec<_> = ROUTES.iter().map(|route| (route.path, format!("{:?}", route.verb))).collect();
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), ROUTES.len());
}
