use std::time::Duration;

use base64::Engine as _;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const PATH: &str = "/auth/callback";

/// Redirects are facts, so they are constants everywhere else.
fn redirect(host: &'static str, ports: &[u16]) -> Redirect {
    Redirect { host, ports: Vec::leak(ports.to_vec()), path: PATH }
}

fn address(port: u16) -> (Ipv4Addr, u16) {
    (Ipv4Addr::LOCALHOST, port)
}

async fn listener() -> Listener {
    Listener::bind(redirect("127.0.0.1", &[])).await.unwrap()
}

/// Sends a request's head and returns the connection.
async fn sent(port: u16, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address(port)).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is reset has no more to say either.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn ask(port: u16, head: &str) -> String {
    answer(sent(port, head).await).await
}

fn get(port: u16, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n")
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn done() -> Page {
    Page::Done { provider: "Example".to_owned(), label: Some("me@example.com".to_owned()) }
}

#[tokio::test]
async fn a_callback_is_handed_over_and_gets_the_page_of_its_outcome() {
    let mut listener = listener().await;
    let port = listener.port();
    let browser = tokio::spawn(async move { ask(port, &get(port, "/auth/callback?code=c&state=s")).await });
    let callback = listener.next().await;
    assert_eq!(callback.query(), "code=c&state=s");
    callback.answer(done());
    listener.close().await;
    let page = browser.await.unwrap();
    assert_eq!(status(&page), "200");
    assert!(page.contains("Logged in as me@example.com"), "{page}");
    for header in ["content-security-policy: default-src 'none';", "referrer-policy: no-referrer", "nosniff"]
    {
        assert!(page.contains(header), "{header}: {page}");
    }
    assert!(!page.contains("<script") && !page.contains("code=c"), "{page}");
    assert!(TcpStream::connect(address(port)).await.is_err(), "the port is free again");
}

#[tokio::test]
async fn whatever_is_no_callback_is_refused_and_ends_nothing() {
    let mut listener = listener().await;
    let port = listener.port();
    let own = format!("127.0.0.1:{port}");
    // A spare connection, as browsers open it, and one that stops in the middle of its head.
    let idle = TcpStream::connect(address(port)).await.unwrap();
    let stalled = sent(port, "GET /auth/callback?code=c HTTP/1.1\r\nHo").await;
    let callback = "/auth/callback?code=c&state=s";
    let with = |host: &str| format!("GET {callback} HTTP/1.1\r\n{host}\r\n\r\n");
    let fields = with(&format!("Host: {own}\r\nX: {}", "x".repeat(LONGEST_HEAD)));
    let long = format!("GET {callback}&x={} HTTP/1.1\r\nHost: {own}\r\n\r\n", "x".repeat(LONGEST_HEAD));
    for (head, expected) in [
        (get(port, "/favicon.ico"), "404"),
        (get(port, "/"), "404"),
        (get(port, "/auth/callback/"), "404"),
        (get(port, "/AUTH/callback?code=c"), "404"),
        (format!("POST {callback} HTTP/1.1\r\nHost: {own}\r\nContent-Length: 0\r\n\r\n"), "405"),
        (format!("HEAD {callback} HTTP/1.1\r\nHost: {own}\r\n\r\n"), "405"),
        (format!("OPTIONS {callback} HTTP/1.1\r\nHost: {own}\r\n\r\n"), "405"),
        (with("Host: evil.example"), "400"),
        (with(&format!("Host: evil.example:{port}")), "400"),
        (with(&format!("Host: 127.0.0.1.nip.io:{port}")), "400"),
        (with("Host: 127.0.0.1"), "400"),
        (with("Host: 127.0.0.1:1"), "400"),
        (with(&format!("Host: :{port}")), "400"),
        (with("Host: "), "400"),
        (with("X: y"), "400"),
        (with(&format!("Host: {own}\r\nHost: evil.example")), "400"),
        (format!("GET http://evil.example{callback} HTTP/1.1\r\nHost: {own}\r\n\r\n"), "400"),
        ("no http at all\r\n\r\n".to_owned(), "400"),
        (long, "414"),
        (fields, "431"),
    ] {
        let answer = ask(port, &head).await;
        assert_eq!(status(&answer), expected, "{}", head.chars().take(200).collect::<String>());
        assert!(!answer.contains("evil"), "nothing of the request is repeated: {answer}");
    }
    let browser = tokio::spawn(async move { ask(port, &get(port, callback)).await });
    listener.next().await.answer(done());
    assert_eq!(status(&browser.await.unwrap()), "200");
    listener.close().await;
    assert_eq!(answer(idle).await, "");
    assert!(!answer(stalled).await.contains("200"));
}

#[tokio::test]
async fn a_wrong_callback_does_not_end_the_wait_and_a_second_right_one_is_too_late() {
    let mut listener = listener().await;
    let port = listener.port();
    let wrong = tokio::spawn(async move { ask(port, &get(port, "/auth/callback?state=wrong")).await });
    listener.next().await.answer(Page::Foreign);
    assert_eq!(status(&wrong.await.unwrap()), "400");
    let right = sent(port, &get(port, "/auth/callback?code=c&state=s")).await;
    let callback = listener.next().await;
    let second = sent(port, &get(port, "/auth/callback?code=c&state=s")).await;
    callback.answer(done());
    listener.close().await;
    assert_eq!(status(&answer(right).await), "200");
    assert!(matches!(status(&answer(second).await), "410" | ""), "a login takes one callback");
}

#[tokio::test]
async fn a_listener_that_is_dropped_closes_what_is_open() {
    let mut listener = listener().await;
    let port = listener.port();
    let idle = TcpStream::connect(address(port)).await.unwrap();
    let waiting = sent(port, &get(port, "/auth/callback?code=c")).await;
    let callback = listener.next().await;
    drop((listener, callback));
    let both = async { (answer(idle).await, answer(waiting).await) };
    let (idle, waiting) = tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
    assert_eq!(idle, "");
    assert!(matches!(status(&waiting), "" | "410"), "{waiting}");
    assert!(TcpStream::connect(address(port)).await.is_err());
}

#[tokio::test]
async fn idle_connections_do_not_keep_a_browser_out() {
    let mut listener = listener().await;
    let port = listener.port();
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS - 1 {
        idle.push(TcpStream::connect(address(port)).await.unwrap());
    }
    let browser = tokio::spawn(async move { ask(port, &get(port, "/auth/callback?code=c")).await });
    listener.next().await.answer(done());
    assert_eq!(status(&browser.await.unwrap()), "200");
}

#[tokio::test]
async fn localhost_is_both_addresses_and_no_other() {
    let listener = Listener::bind(redirect("localhost", &[])).await.unwrap();
    let port = listener.port();
    let has_v6 = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let v6 = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, port));
    assert!(v6.is_err(), "::1 is taken, or not there: {v6:?}");
    if has_v6 {
        TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.unwrap();
    }
    // On Linux all of 127.0.0.0/8 is loopback: an address of it that was not bound refuses.
    if cfg!(target_os = "linux") {
        assert!(TcpStream::connect((Ipv4Addr::new(127, 0, 0, 2), port)).await.is_err());
    }
    let only_v4 = self::listener().await;
    assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, only_v4.port())).await.is_err());
}

#[tokio::test]
async fn the_first_free_port_is_taken_and_who_has_a_taken_one_is_told() {
    let holder = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = holder.local_addr().unwrap().port();
    let free = {
        let other = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        other.local_addr().unwrap().port()
    };
    let listener = Listener::bind(redirect("127.0.0.1", &[taken, free])).await.unwrap();
    assert_eq!(listener.port(), free);
    drop(listener);
    let error = Listener::bind(redirect("localhost", &[taken])).await.unwrap_err();
    let said = error.to_string();
    let BindError::Taken { port, holder } = error else { panic!("{said}") };
    assert_eq!(port, taken);
    if cfg!(target_os = "linux") {
        assert_eq!(holder.unwrap().pid, std::process::id());
        assert!(said.contains(&format!("(process {})", std::process::id())), "{said}");
    }
}

#[test]
fn the_policy_allows_the_style_that_is_there_and_nothing_else() {
    let html = Page::Over.html();
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let digest = base64::prelude::BASE64_STANDARD.encode(Sha256::digest(style));
    let response = Page::Over.response();
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    );
}

#[test]
fn what_a_vendor_says_is_text() {
    let reason = "<script>alert(\"1\")</script> & 'so'\u{1b}[2J\n".to_owned() + &"x".repeat(5000);
    let page = Page::Refused { provider: "<b>".to_owned(), reason };
    let html = page.html();
    assert!(!html.contains("<script") && !html.contains("<b>") && !html.contains('\u{1b}'), "{html}");
    assert!(html.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;so&#39;"), "{html}");
    assert!(html.len() < 6000);
}
