//! What the person sees. Each snapshot holds the file, and below it the message.

use std::fmt::Write as _;

use super::broken;

/// One snapshot for a group of files, each with its message.
fn check(group: &str, files: &[&str]) {
    let mut transcript = String::new();
    for file in files {
        let message = broken(file);
        writeln!(transcript, "{}\n=> {message}\n", file.trim_end()).unwrap();
    }
    insta::assert_snapshot!(group, transcript);
}

#[test]
fn unknown_fields() {
    check(
        "unknown_fields",
        &[
            "prot: 8018",
            "providers:\n  claude:\n    apikey: x\n    baseUrl: y\n    models: []\n",
            "streaming: { keep_alive_seconds: 3 }",
            "colour: blue",
            "timeouts: { total: 3 }",
            "keys: [{ nam: ci, key: byk_0123456789abcdef }]",
            "providers: { a: { oauth: { clientid: x } } }",
            "providers: { a: { models: [{ id: m, ctx: 5 }] } }",
            "1: 2",
            "keys: [{ name: ci, key: byk_0123456789abcdef, expires }]",
        ],
    );
}

#[test]
fn a_missing_space_after_a_colon() {
    check(
        "missing_space",
        &[
            "providers: { claude: { api_key:sk-ant-0123456789 } }",
            "providers: { claude:sk-ant-0123456789 }",
            "providers: { a: { headers: { x-key:abcdef0123456 } } }",
            "port:8018",
            "host: 127.0.0.1\nport:8018",
            "providers:\n  claude:\n    sk-ant-0123456789012345:\n",
            "aliases: { fast:claude-haiku-4-5 }",
        ],
    );
}

#[test]
fn wrong_values() {
    check(
        "wrong_values",
        &[
            "host: example.com",
            "port: 80180",
            "port: -1",
            "require_key: yes",
            "log: { level: inf }",
            "log: { level: 5 }",
            "on_lossy: ignore",
            "timeouts: { connect: 0, first_byte: 10m, idle: 1e3 }",
            "streaming: { keepalive_seconds: -1 }",
            "limits: { body_bytes: 32MB }",
            "limits: { body_bytes: 99999999999 }",
            "providers: { a: { family: antropic } }",
            "providers: { a: { family: telepathy } }",
            "providers: { a: { enabled: 1 } }",
            "providers: { a: { timeout_s: soon } }",
            "providers: { Work: {} }",
            "providers: { a: { models: [{ name: x }] } }",
            "providers: { a: { models: [m, 'a b', m] } }",
            "providers: { a: { models: [{ id: m, context: 128k, output: 0 }] } }",
            "providers: { a: { api_key: '' } }",
            "providers: { a: { api_key: \"two\\nlines\" } }",
            "aliases: { fast: fast }",
            "aliases: { 'my model': x }",
        ],
    );
}

#[test]
fn wrong_shapes() {
    check(
        "wrong_shapes",
        &[
            "just a text",
            "- a list",
            "providers: [claude]",
            "providers: { claude: sk-ant-0123456789 }",
            "host: [127.0.0.1]",
            "host: { address: 127.0.0.1 }",
            "keys: { name: ci }",
            "keys: [byk_0123456789abcdef]",
            "allowed_hosts: box.local",
            "allowed_hosts: [null]",
            "aliases: { fast: }",
            "{ a: b }: c",
        ],
    );
}

#[test]
fn duplicates() {
    check(
        "duplicates",
        &[
            "port: 1\nhost: ::1\nport: 2\n",
            "providers:\n  a: { enabled: true }\n  a: { enabled: false }\n",
            "providers: { a: { headers: { x-a: 1, X-A: 2 } } }",
            "keys:\n  - { name: ci, key: byk_0123456789abcdef }\n  - { name: ci, key: byk_0123456789abcdef }\n",
        ],
    );
}

#[test]
fn keys() {
    check(
        "keys",
        &[
            "keys: [{}]",
            "keys: [{ name: local, key: byk_0123456789abcdef }]",
            "keys: [{ name: ' ci', key: byk_short }]",
            "keys: [{ name: ci, key: sk-0123456789abcdef }]",
        ],
    );
}

#[test]
fn addresses() {
    check(
        "addresses",
        &[
            "providers: { a: { base_url: api.example.com } }",
            "providers: { a: { base_url: 'ftp://example.com' } }",
            "providers: { a: { base_url: 'http://api.example.com/v1' } }",
            "providers: { a: { base_url: 'http://8.8.8.8' } }",
            "providers: { a: { base_url: 'https://me:secret@example.com' } }",
            "providers: { a: { base_url: 'https://example.com/v1?key=secret' } }",
            "providers: { a: { base_url: 'https://example.com/#top' } }",
            "providers: { a: { base_url: 'https://exa mple.com' } }",
            "providers: { a: { proxy: 'ftp://proxy' } }",
            "providers: { a: { proxy: 'http://proxy:3128/path' } }",
            "providers: { a: { oauth: { token_url: 'http://example.com/token' } } }",
            "allowed_hosts: ['http://box.local', 'box:8018', '*']",
            "allowed_origins: ['*', 'null', 'app.example', 'https://app.example/path']",
        ],
    );
}

#[test]
fn headers() {
    check(
        "headers",
        &[
            "providers: { a: { headers: { Host: x, Content-Length: 1, transfer-encoding: x, CONNECTION: close } } }",
            "providers: { a: { headers: { 'x y': z } } }",
            "providers: { a: { headers: { x-a: \"one\\r\\nx-b: two\" } } }",
        ],
    );
}

#[test]
fn variables() {
    check(
        "variables",
        &[
            "host: 127.0.0.1\nproviders:\n  openai:\n    api_key: \"${OPENAI_API_KEY}\"\n",
            "providers: { a: { api_key: '${EMPTY}' } }",
            "providers: { a: { headers: { authorization: 'Bearer ${NOPE}' } } }",
            "port: ${KEY}",
            "providers: { a: { api_key: 'a${b' } }",
            "providers: { a: { api_key: '${KEY:-default}' } }",
        ],
    );
}

#[test]
fn what_is_not_yaml() {
    check(
        "not_yaml",
        &[
            "host: 127.0.0.1\n\tport: 8018\n",
            "providers:\n\tclaude: {}\n",
            "host: \"127.0.0.1\nport: 8018\n",
            "providers: { claude: { enabled: true }\nport: 8018\n",
            "providers: claude: {}\n",
            "providers:\n  claude:\n    enabled: true\n   api_key: x\n",
            "host: 127.0.0.1\n  port: 8018\n",
            "providers: { a: { api_key: @key } }",
            "providers: { a: { api_key: `key` } }",
            "providers: { a: { api_key: \"a\\qb\" } }",
            "providers: { a: { api_key: 'a'b } }",
            "providers: { a: { api_key: *key } }",
            "providers: { a: { api_key: !key x } }",
            "providers: { a: { api_key: !!int x } }",
            "allowed_hosts: [a, b",
            "allowed_hosts: [a}]",
            "port: 8018\n---\nport: 8019\n",
            "providers: { a: &a { enabled: true }, b: { <<: *a } }",
            "providers:\n  claude: {}\n  - list\n",
        ],
    );
}

#[test]
fn control_characters_are_not_yaml() {
    let message = broken("host: \u{0}");
    assert!(message.contains("a control character"), "{message}");
}

#[test]
fn all_problems_are_told_at_once() {
    check(
        "many",
        &[
            "port: x\nrequire_key: maybe\nproviders:\n  a:\n    famly: openai\n    base_url: nowhere\nlog:\n  level: loud\n",
        ],
    );
}

#[test]
fn the_list_of_problems_is_bounded() {
    let mut file = String::from("providers:\n");
    for n in 0..100 {
        writeln!(file, "  p{n}: {{ enabled: perhaps }}").unwrap();
    }
    let message = broken(&file);
    assert_eq!(message.lines().count(), 22);
    assert!(message.contains("has 100 problems"));
    assert!(message.ends_with("and 80 more"));
}

#[test]
fn bombs_are_refused() {
    // Each name stands for nine of the one before: "billion laughs".
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let before = format!("*a{},", n - 1).repeat(9);
        writeln!(laughs, "a{n}: &a{n} [{before}]").unwrap();
    }
    // The same with a long text, which fewer copies make large.
    let mut long = format!("a0: &a0 '{}'\n", "x".repeat(100_000));
    for n in 1..4 {
        let before = format!("*a{},", n - 1).repeat(9);
        writeln!(long, "a{n}: &a{n} [{before}]").unwrap();
    }
    let deep_flow = format!("providers: {}{}", "[".repeat(50_000), "]".repeat(50_000));
    let deep_block = (0..500).fold(String::new(), |mut text, n| {
        writeln!(text, "{}a:", " ".repeat(n)).unwrap();
        text
    });
    for bomb in [laughs, long, deep_flow, deep_block] {
        let message = broken(&bomb);
        assert!(message.contains("too large") || message.contains("nested too deeply"), "{message}");
    }
    let huge = "#".repeat(crate::MAX_FILE_BYTES + 1);
    assert_eq!(broken(&huge), "the config is larger than 1024 KiB");
}
