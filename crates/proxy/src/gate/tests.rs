use byok_types::Dialect;
use http::Request;

use super::*;

const PORT: u16 = 8018;

fn doorway(address: &str) -> Doorway {
    Doorway { address: address.parse().unwrap() }
}

fn local() -> Doorway {
    doorway("127.0.0.1:8018")
}

fn parts(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// What the gate says to a request with these headers: 200, or the status of its refusal.
fn admitted(doorway: Doorway, config: &Config, target: &str, headers: &[(&str, &str)]) -> u16 {
    admit(&parts("GET", target, headers), doorway, config).map_or_else(|fault| fault.status, |_| 200)
}

fn host(doorway: Doorway, config: &Config, host: &str) -> u16 {
    admitted(doorway, config, "/v1/models", &[("host", host)])
}

#[test]
fn only_loopback_names_with_the_own_port_are_meant() {
    let config = Config::default();
    for good in ["127.0.0.1:8018", "localhost:8018", "LocalHost:8018", "[::1]:8018"] {
        assert_eq!(host(local(), &config, good), 200, "{good}");
    }
    for bad in [
        "localhost.evil.example",
        "localhost.evil.example:8018",
        "localhost.:8018",
        "evil.localhost:8018",
        "127.0.0.1.nip.io:8018",
        "127.0.0.1.:8018",
        "127.1:8018",
        "127.0.0.2:8018",
        "0x7f000001:8018",
        "2130706433:8018",
        "x.local:8018",
        "x.internal:8018",
        "192.168.1.10:8018",
        "10.0.0.1:8018",
        "0.0.0.0:8018",
        "[::]:8018",
        "[::ffff:127.0.0.1]:8018",
        "::1:8018",
        "[::1:8018",
        "[::1]x:8018",
        "127.0.0.1@evil:8018",
        "user@127.0.0.1:8018",
        "evil@127.0.0.1:8018",
        "127.0.0.1:8018@evil",
        "127.0.0.1:8018:8018",
        "127.0.0.1:08018",
        "127.0.0.1:+8018",
        "127.0.0.1: 8018",
        "127.0.0.1:80180",
        "127.0.0.1:8019",
        "127.0.0.1:",
        "127.0.0.1",
        "localhost",
        "[::1]",
        ":8018",
        "",
        "evil.example",
        "localhost:8018, evil.example",
        "localhost:8018/",
        "http://localhost:8018",
    ] {
        assert_eq!(host(local(), &config, bad), 403, "{bad}");
    }
}

#[test]
fn a_host_stands_exactly_once() {
    let config = Config::default();
    assert_eq!(admitted(local(), &config, "/", &[]), 400);
    let twice = [("host", "localhost:8018"), ("host", "localhost:8018")];
    assert_eq!(admitted(local(), &config, "/", &twice), 400);
    let two = [("host", "localhost:8018"), ("host", "evil.example")];
    assert_eq!(admitted(local(), &config, "/", &two), 400);
}

#[test]
fn an_absolute_target_means_the_same_host() {
    let config = Config::default();
    let own = [("host", "localhost:8018")];
    for (target, status) in [
        ("http://localhost:8018/v1/models", 200),
        ("http://LOCALHOST:8018/v1/models", 200),
        ("http://evil.example/v1/models", 400),
        ("http://127.0.0.1:8018/v1/models", 400),
        ("http://localhost/v1/models", 400),
        ("http://x@localhost:8018/v1/models", 400),
    ] {
        assert_eq!(admitted(local(), &config, target, &own), status, "{target}");
    }
    let foreign = [("host", "evil.example")];
    assert_eq!(admitted(local(), &config, "http://localhost:8018/", &foreign), 403);
}

#[test]
fn port_80_needs_no_port() {
    let config = Config::default();
    let door = doorway("127.0.0.1:80");
    assert_eq!(host(door, &config, "localhost"), 200);
    assert_eq!(host(door, &config, "localhost:80"), 200);
    assert_eq!(host(door, &config, "localhost:8018"), 403);
}

#[test]
fn configured_names_are_meant_at_any_port() {
    let config = Config { allowed_hosts: vec!["host.docker.internal".to_owned()], ..Config::default() };
    assert_eq!(host(local(), &config, "host.docker.internal:8018"), 200);
    assert_eq!(host(local(), &config, "Host.Docker.Internal"), 200);
    assert_eq!(host(local(), &config, "host.docker.internal:443"), 200);
    assert_eq!(host(local(), &config, "x.host.docker.internal"), 403);
    assert_eq!(host(local(), &config, "host.docker.internal:x"), 403);
}

#[test]
fn the_bound_address_is_meant_when_a_person_chose_it() {
    let config = Config::default();
    assert_eq!(host(doorway("192.168.1.5:8018"), &config, "192.168.1.5:8018"), 200);
    assert_eq!(host(doorway("[fd00::5]:8018"), &config, "[fd00::5]:8018"), 200);
    assert_eq!(host(doorway("0.0.0.0:8018"), &config, "0.0.0.0:8018"), 403);
    assert_eq!(host(doorway("0.0.0.0:8018"), &config, "192.168.1.5:8018"), 403);
}

#[test]
fn a_key_is_wanted_beyond_loopback() {
    let open = Config::default();
    let closed = Config { require_key: true, ..Config::default() };
    for address in ["127.0.0.1:8018", "[::1]:8018", "127.0.0.9:1"] {
        assert!(!doorway(address).wants_key(&open) && doorway(address).wants_key(&closed));
    }
    for address in ["0.0.0.0:8018", "192.168.1.5:8018", "[::]:8018"] {
        assert!(doorway(address).wants_key(&open));
    }
}

fn from(config: &Config, headers: &[(&str, &str)]) -> u16 {
    let own: &[(&str, &str)] = &[("host", "localhost:8018")];
    admitted(local(), config, "/v1/models", &[own, headers].concat())
}

#[test]
fn origins_are_on_the_list_or_refused() {
    let own = format!("http://localhost:{PORT}");
    let config = Config { allowed_origins: vec!["https://app.example".to_owned()], ..Config::default() };
    assert_eq!(from(&config, &[]), 200);
    assert_eq!(from(&config, &[("origin", "https://app.example")]), 200);
    for bad in [
        "null",
        "file://",
        "",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://app.example/",
        "https://x.app.example",
        "https://APP.example",
        "http://127.0.0.1:3000",
        "http://127.0.0.1:8018",
        own.as_str(),
    ] {
        assert_eq!(from(&config, &[("origin", bad), ("authorization", "Bearer byk_x")]), 403, "{bad}");
    }
    let twice = [("origin", "https://app.example"), ("origin", "https://app.example")];
    assert_eq!(from(&config, &twice), 403);
}

#[test]
fn other_sites_are_refused_unless_their_origin_is_allowed() {
    let config = Config { allowed_origins: vec!["https://app.example".to_owned()], ..Config::default() };
    for (site, status) in
        [("none", 200), ("same-origin", 200), ("same-site", 403), ("cross-site", 403), ("", 403), ("x", 403)]
    {
        assert_eq!(from(&config, &[("sec-fetch-site", site)]), status, "{site}");
    }
    assert_eq!(from(&config, &[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(from(&config, &[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")]), 200);
    assert_eq!(from(&config, &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")]), 403);
}

#[test]
fn a_long_target_is_refused() {
    let target = format!("/v1/models?x={}", "x".repeat(MAX_TARGET));
    assert_eq!(admitted(local(), &Config::default(), &target, &[("host", "localhost:8018")]), 414);
}

fn form(method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
    check_form(&parts(method, target, headers)).map_or_else(|fault| fault.status, |()| 200)
}

#[test]
fn what_is_posted_is_json() {
    for (content_type, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON;charset=utf-8", 200),
        (" application/json ", 200),
        ("text/plain", 415),
        ("text/plain; application/json", 415),
        ("text/plain;charset=application/json", 415),
        ("application/jsonp", 415),
        ("application/json-seq", 415),
        ("application/json, text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=application/json", 415),
        ("", 415),
    ] {
        for path in ["/v1/messages", "/api/chat", "/api/event_logging/batch", "/openai/v1/files"] {
            assert_eq!(form("POST", path, &[("content-type", content_type)]), status, "{content_type}");
        }
    }
    assert_eq!(form("POST", "/v1/messages", &[]), 415);
    let twice = [("content-type", "application/json"), ("content-type", "text/plain")];
    assert_eq!(form("POST", "/v1/messages", &twice), 415);
    assert_eq!(form("GET", "/v1/models", &[("content-type", "text/plain")]), 200);
}

#[test]
fn uploads_go_to_providers_with_a_key_header_only() {
    let upload = ("content-type", "multipart/form-data; boundary=x");
    for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
        assert_eq!(form("POST", "/openai/v1/files", &[upload, (name, "x")]), 200, "{name}");
        assert_eq!(form("POST", "/v1/messages", &[upload, (name, "x")]), 415, "{name}");
    }
    assert_eq!(form("POST", "/openai/v1/files", &[upload, ("x-other", "x")]), 415);
}

#[test]
fn compressed_bodies_are_not_taken_for_broken_json() {
    let json = ("content-type", "application/json");
    assert_eq!(form("POST", "/v1/responses", &[json, ("content-encoding", "zstd")]), 415);
    assert_eq!(form("POST", "/v1/responses", &[json, ("content-encoding", "identity")]), 200);
    assert_eq!(form("POST", "/openai/v1/responses", &[json, ("content-encoding", "gzip")]), 200);
}

#[test]
fn sockets_are_refused() {
    for upgrade in ["websocket", "WebSocket", "foo, websocket/13"] {
        let headers = [("connection", "Upgrade"), ("upgrade", upgrade)];
        assert_eq!(form("GET", "/v1/responses", &headers), 426, "{upgrade}");
    }
    assert_eq!(
        form("GET", "/v1/models", &[("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c")]),
        200
    );
}

#[test]
fn preflights() {
    let asks = ("access-control-request-method", "POST");
    assert!(is_preflight(&parts("OPTIONS", "/v1/messages", &[asks])));
    assert!(!is_preflight(&parts("OPTIONS", "/v1/messages", &[])));
    assert!(!is_preflight(&parts("GET", "/v1/messages", &[asks])));
}

#[test]
fn keys_are_found_wherever_clients_put_them() {
    for (target, headers, keys) in [
        ("/", &[("authorization", "Bearer byk_1")][..], "byk_1"),
        ("/", &[("authorization", "bearer   byk_1 ")], "byk_1"),
        ("/", &[("authorization", "byk_1")], "byk_1"),
        ("/", &[("x-api-key", "byk_1")], "byk_1"),
        ("/", &[("api-key", "byk_1")], "byk_1"),
        ("/", &[("x-goog-api-key", "byk_1")], "byk_1"),
        ("/?alt=sse&key=byk_1", &[], "byk_1"),
        ("/?key=%62yk_%31", &[], "byk_1"),
        ("/?%6bey=byk_1", &[], "byk_1"),
        ("/?key=byk_2", &[("authorization", "Bearer byk_1"), ("x-api-key", "byk_3")], "byk_1 byk_3 byk_2"),
        ("/", &[("authorization", "Bearer sk-1"), ("x-api-key", "dummy")], ""),
        ("/?key=AIza", &[("authorization", "Basic byk_1")], ""),
        ("/?other=byk_1", &[("x-other", "byk_1")], ""),
    ] {
        let parts = parts("GET", target, headers);
        assert_eq!(offered_keys(&parts.headers, &parts.uri).join(" "), keys, "{target} {headers:?}");
    }
}

#[test]
fn refusals_do_not_repeat_what_was_sent() {
    let config = Config::default();
    for headers in [
        &[("host", "s3cret.example")][..],
        &[("host", "localhost:8018"), ("origin", "https://s3cret.example")],
        &[("host", "localhost:8018"), ("sec-fetch-site", "s3cret")],
    ] {
        let fault = admit(&parts("GET", "/s3cret", headers), local(), &config).unwrap_err();
        for dialect in [Dialect::OpenaiChat, Dialect::Anthropic] {
            let body = byok_translate::dialect(dialect).write_fault(&fault);
            assert!(!String::from_utf8(body).unwrap().contains("s3cret"));
        }
    }
}
