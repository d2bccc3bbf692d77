//! Paths and methods.

use crate::support::Setup;

#[tokio::test]
async fn the_server_speaks_of_itself() {
    let byok = Setup::default().start().await;
    let reply = byok.get("/").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    let reply = byok.ask("HEAD", "/", &[], "").await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert_eq!(byok.get("/healthz").await.json()["status"], "ok");
    let metrics = byok.get("/metrics").await;
    assert!(metrics.text().contains("byok_requests_in_flight 1"), "{}", metrics.text());
    let description = byok.get("/openapi.json").await.json();
    for path in
        ["/v1/chat/completions", "/v1/messages", "/v1beta/models/{call}", "/{provider}/{path}", "/healthz"]
    {
        assert!(description["paths"][path].is_object(), "{path}");
    }
    let reply = byok.post("/api/event_logging/batch", r#"{"events":[]}"#).await;
    assert_eq!((reply.status, reply.text()), (200, "{}"));
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_nearest_format() {
    let byok = Setup::default().start().await;
    let reply = byok.get("/nowhere").await;
    assert_eq!((reply.status, reply.header("content-type")), (404, Some("application/json")));
    assert!(reply.json()["error"]["message"].is_string());
    let reply = byok.post("/v1/messages/batches", "{}").await;
    assert_eq!((reply.status, &reply.json()["type"]), (404, &"error".into()));
    let reply = byok.post("/v1beta/models/x:predict", "{}").await;
    assert_eq!((reply.status, &reply.json()["error"]["status"]), (404, &"NOT_FOUND".into()));
    assert_eq!(byok.post("/v1beta/models/x", "{}").await.status, 404);
    assert_eq!(byok.get("/nobody/v1/models").await.status, 404);
    assert!(byok.get("/api/nothing").await.json()["error"].is_string());
    // The two usual slips in a base URL.
    assert!(byok.post("/chat/completions", "{}").await.message().contains("lacks its `/v1`"));
    assert!(byok.post("/v1/v1/messages", "{}").await.message().contains("one `/v1` too many"));
    // A path is never repeated.
    assert!(!byok.get("/%3Cscript%3E").await.text().contains("script"));
}

#[tokio::test]
async fn a_wrong_method_says_the_right_one() {
    let byok = Setup::default().start().await;
    for (method, target, allow) in [
        ("GET", "/v1/chat/completions", "POST"),
        ("PUT", "/v1/messages", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("DELETE", "/v1/models/x", "GET, HEAD, POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("OPTIONS", "/v1/responses", "POST"),
    ] {
        let headers = [("content-type", "application/json")];
        let reply = byok.ask(method, target, &headers, "").await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{method} {target}");
        assert!(reply.json()["error"].is_object() || reply.json()["type"] == "error");
    }
}

#[tokio::test]
async fn a_slash_too_many_is_forgiven() {
    let byok = Setup::default().start().await;
    assert_eq!(byok.get("//healthz").await.status, 200);
    assert_eq!(byok.get("//v1/models?limit=1").await.status, 200);
}
