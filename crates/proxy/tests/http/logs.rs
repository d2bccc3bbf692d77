//! What is logged, at every level: no key, no header, no query, no prompt, no answer.

use std::fmt::{Debug, Write as _};
use std::sync::{LazyLock, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{Setup, Upstream, WALLET_KEY};

/// Everything that was logged by any test of this program.
static LOG: Mutex<String> = Mutex::new(String::new());
static LISTENING: LazyLock<()> = LazyLock::new(|| tracing::subscriber::set_global_default(All).unwrap());

/// Hears everything.
struct All;

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for All {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Line(&mut LOG.lock().unwrap_or_else(PoisonError::into_inner)));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut LOG.lock().unwrap_or_else(PoisonError::into_inner)));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        write!(log, "\n{}", event.metadata().level()).unwrap();
        event.record(&mut Line(&mut log));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn lines_about(part: &str) -> Vec<String> {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    log.lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
}

#[tokio::test]
async fn one_line_is_logged_and_nothing_that_is_secret() {
    LazyLock::force(&LISTENING);
    let mut upstream = Upstream::start().await;
    let byok = Setup::default()
        .with("openai", &upstream)
        .config(|config| {
            config.keys = vec![byok_config::ClientKey {
                name: "ci".into(),
                key: "byk_logged-secret-0123456789".to_owned().into(),
            }];
        })
        .start()
        .await;
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer byk_logged-secret-0123456789"),
        ("x-other", "logged-secret-header"),
    ];
    let body =
        r#"{"model":"openai/m-of-logs","messages":[{"role":"user","content":"logged-secret-prompt"}]}"#;
    let answer = r#"{"choices":[{"message":{"content":"logged-secret-answer"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#;
    for (method, target, body) in [
        ("POST", "/v1/chat/completions?q=logged-secret-query", body),
        ("POST", "/openai/v1/files/logged-secret-path?q=logged-secret-query", "{}"),
        ("POST", "/v1/messages", "{\"model\": logged-secret-body"),
        ("POST", "/logged-secret-nowhere", "{}"),
    ] {
        let mut client = byok.connect().await;
        client.send(&byok.request(method, target, &headers, body)).await;
        if target.contains("chat") || target.contains("files") {
            upstream.next().await.answer(200, "application/json", answer);
        }
        client.reply(false).await;
    }
    let foreign = [("host", "logged-secret-host"), ("origin", "logged-secret-origin")];
    byok.ask("GET", "/", &foreign, "").await;
    let wrong = [("x-api-key", "byk_logged-secret-wrong")];
    byok.ask("GET", "/v1/models", &wrong, "").await;
    byok.stop();
    byok.ended().await;

    let [line] = &lines_about("m-of-logs")[..] else { panic!("{:?}", lines_about("m-of-logs")) };
    assert!(line.starts_with("INFO"), "{line}");
    for part in
        ["app=ci", "openai-chat", "openai", "status=200", "input=3", "output=4", "attempts=1", "total_ms="]
    {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(lines_about("logged-secret"), Vec::<String>::new());
    assert_eq!(lines_about(WALLET_KEY), Vec::<String>::new());
}
