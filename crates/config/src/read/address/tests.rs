use super::*;

#[test]
fn plain_http_is_for_places_nobody_else_listens_at() {
    for local in [
        "http://127.0.0.1:8000",
        "http://localhost/v1",
        "http://10.0.0.5:8000/v1",
        "http://172.16.0.1",
        "http://192.168.1.2",
        "http://100.64.0.1",
        "http://169.254.1.1",
        "http://0.0.0.0:8000",
        "http://[::1]:11434",
        "http://[fd00::1]",
        "http://[fe80::1]",
        "http://[::ffff:10.0.0.1]",
        "http://vllm:8000",
        "http://box.local",
        "http://host.docker.internal:11434",
        "http://nas.lan.",
    ] {
        assert!(base_url(local).is_ok(), "{local}");
        assert!(base_url(&local.replace("http", "https")).is_ok(), "{local}");
    }
    for public in [
        "http://example.com",
        "http://8.8.8.8",
        "http://100.128.0.1",
        "http://172.32.0.1",
        "http://[2001:db8::1]",
        "http://[::ffff:8.8.8.8]",
        "http://134744072",
        "http://0x08080808",
        "http://10.0.0.5.example.com",
        "http://local.example",
        "http://notlocal.mylocal",
    ] {
        assert!(base_url(public).is_err(), "{public}");
        assert!(base_url(&public.replace("http:", "https:")).is_ok(), "{public}");
    }
}

#[test]
fn addresses_are_not_mended() {
    for bad in [
        "https:example.com",
        "https:/example.com",
        "https:\\\\example.com",
        "https://exam\tple.com",
        "https://",
        "https://me@example.com",
        "https://:x@example.com",
        "file:///etc/passwd",
        "https://example.com/v1?",
        "https://example.com/v1#",
    ] {
        assert!(base_url(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_login_may_have_a_query() {
    assert!(upstream("https://example.com/authorize?audience=x").is_ok());
}

#[test]
fn a_proxy_may_have_a_password() {
    for good in [
        "http://proxy:3128",
        "http://me:secret@proxy.example:3128/",
        "socks5://127.0.0.1:1080",
        "socks5h://127.0.0.1:1080",
    ] {
        assert!(proxy(good).is_ok(), "{good}");
    }
    for bad in ["proxy:3128", "socks5://", "http://proxy/x", "http://p?x"] {
        assert!(proxy(bad).is_err(), "{bad}");
    }
}

#[test]
fn link_local_addresses_are_known() {
    for (url, is) in [
        ("http://169.254.169.254/latest", true),
        ("http://[fe80::1]/", true),
        ("http://[::ffff:169.254.169.254]/", true),
        ("http://10.0.0.1/", false),
        ("http://example.com/", false),
    ] {
        assert_eq!(is_link_local(&Url::parse(url).unwrap()), is, "{url}");
    }
}

#[test]
fn hosts_are_written_as_in_a_host_header() {
    for (written, host) in [
        ("Box.Local", Some("box.local")),
        ("192.168.1.2", Some("192.168.1.2")),
        ("::1", Some("[::1]")),
        ("[FD00::1]", Some("[fd00::1]")),
        ("bücher.example", Some("xn--bcher-kva.example")),
        ("box:8018", None),
        ("http://box", None),
        ("box/", None),
        ("*.local", None),
        ("[::1]:8018", None),
        ("", None),
        ("a b", None),
    ] {
        assert_eq!(super::host(written).ok().as_deref(), host, "{written}");
    }
}

#[test]
fn origins_are_written_as_in_an_origin_header() {
    for (written, origin) in [
        ("https://App.Example", Some("https://app.example")),
        ("https://app.example:443", Some("https://app.example")),
        ("http://localhost:3000", Some("http://localhost:3000")),
        ("chrome-extension://abcdefgh", Some("chrome-extension://abcdefgh")),
        ("app://obsidian.md", Some("app://obsidian.md")),
        ("tauri://localhost", Some("tauri://localhost")),
        ("https://app.example/", None),
        ("https://app.example/x", None),
        ("https://me@app.example", None),
        ("app.example", None),
        ("localhost:3000", None),
        ("*", None),
        ("null", None),
        ("file://", None),
        ("https://*.example", None),
    ] {
        assert_eq!(super::origin(written).ok().as_deref(), origin, "{written}");
    }
}
