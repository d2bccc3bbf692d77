//! Logins whose token the upstream refuses: renewed once, tried once more, and only for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use byok_auth::renew::Renewing;
use byok_auth::{Renew, RenewError, Vault};
use byok_provider::Upstreams;
use byok_store::{Location, NewAccount, OpenOptions, Store};
use byok_types::{AccountId, AccountKey, Credential, Dialect, ProviderId, Secret, TokenSet};

use crate::support::{Server, generate, json};

const ASK: &str = r#"{"model":"kimi/k3","messages":[{"role":"user","content":"hi"}]}"#;
const REFUSED: &str = r#"{"error":{"message":"token expired","type":"invalid_authentication_error"}}"#;

/// Gives out `new-1`, `new-2`, … or says that the login is over.
struct Vendor {
    asked: AtomicU32,
    dead: bool,
}

impl Renew for Vendor {
    fn renew<'a>(&'a self, _key: &'a AccountKey, tokens: &'a TokenSet) -> Renewing<'a> {
        let n = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = if self.dead {
            Err(RenewError::Dead { reason: "invalid_grant".to_owned() })
        } else {
            Ok(TokenSet { access: Secret::new(format!("new-{n}")), ..tokens.clone() })
        };
        Box::pin(async move { answer })
    }

    fn margin(&self, _key: &AccountKey, _tokens: &TokenSet) -> Duration {
        Duration::ZERO
    }
}

/// byok with these logins of Kimi, by the names of their accounts, which are their tokens too.
async fn byok(server: &Server, accounts: &[&str], dead: bool) -> (Upstreams, Arc<Vendor>) {
    let vault = Vault::new(Store::open(OpenOptions::new(Location::Memory)).await.unwrap()).await.unwrap();
    let vendor = Arc::new(Vendor { asked: AtomicU32::new(0), dead });
    vault.set_renewer(Arc::clone(&vendor) as Arc<dyn Renew>);
    for account in accounts {
        let tokens = TokenSet {
            access: Secret::new(*account),
            refresh: Some(Secret::new("refresh")),
            expires_at: Some(SystemTime::now() + Duration::from_secs(3600)),
            label: None,
            details: byok_types::Details::default(),
        };
        let key = AccountKey::new(ProviderId::from("kimi"), AccountId::from(*account));
        let credential = Credential::OAuth(tokens);
        vault.login(NewAccount { key, credential, base_url: None, label: None }).await.unwrap();
    }
    let yaml = format!("providers: {{ kimi: {{ base_url: '{}' }} }}", server.address);
    let config = byok_config::parse(&yaml, &|_: &str| None).unwrap();
    (Upstreams::new(Arc::new(ArcSwap::from_pointee(config)), vault).unwrap(), vendor)
}

/// Takes these tokens only.
async fn taking(tokens: &'static [&'static str]) -> Server {
    Server::start(move |seen| {
        let bearer = seen.headers["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
        if tokens.contains(&bearer.as_str()) { json(200, "{}") } else { json(401, REFUSED) }
    })
    .await
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_the_call_made_once_more() {
    let mut server = taking(&["new-1"]).await;
    let (upstreams, vendor) = byok(&server, &["old"], false).await;
    let answer = generate(&upstreams, Dialect::OpenaiChat, ASK).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["x-byok-attempts"], "2");
    assert_eq!(answer.headers["x-byok-account"], "old");
    assert_eq!(server.call().await.headers["authorization"], "Bearer old");
    assert_eq!(server.call().await.headers["authorization"], "Bearer new-1");
    assert_eq!(vendor.asked.load(Ordering::SeqCst), 1);

    let answer = generate(&upstreams, Dialect::OpenaiChat, ASK).await.unwrap();
    assert_eq!(answer.headers["x-byok-attempts"], "1");
    assert_eq!(vendor.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn many_calls_with_one_refused_token_make_one_renewal() {
    let server = taking(&["new-1"]).await;
    let (upstreams, vendor) = byok(&server, &["old"], false).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let upstreams = upstreams.clone();
        calls.spawn(async move { generate(&upstreams, Dialect::OpenaiChat, ASK).await.unwrap().status });
    }
    assert!(calls.join_all().await.iter().all(|status| *status == 200));
    assert_eq!(vendor.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_second_refusal_is_passed_on() {
    let mut server = taking(&[]).await;
    let (upstreams, vendor) = byok(&server, &["old"], false).await;
    let answer = generate(&upstreams, Dialect::OpenaiChat, ASK).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.served.attempts), (401, 2));
    assert_eq!(answer.fault.unwrap().message, "token expired");
    assert_eq!(vendor.asked.load(Ordering::SeqCst), 1);
    server.call().await;
    server.call().await;
    assert!(server.calls.try_recv().is_err());
}

#[tokio::test]
async fn another_account_is_tried_after_the_renewed_one() {
    let mut server = taking(&["home"]).await;
    let (upstreams, _vendor) = byok(&server, &["work", "home"], false).await;
    let answer = generate(&upstreams, Dialect::OpenaiChat, ASK).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["x-byok-account"], "home");
    assert_eq!(answer.headers["x-byok-attempts"], "3");
    for bearer in ["Bearer work", "Bearer new-1", "Bearer home"] {
        assert_eq!(server.call().await.headers["authorization"], bearer);
    }
}

#[tokio::test]
async fn a_login_that_is_over_says_what_to_run() {
    let mut server = taking(&[]).await;
    let (upstreams, vendor) = byok(&server, &["default"], true).await;
    for calls in [1, 1] {
        let failed = generate(&upstreams, Dialect::Anthropic, ASK).await.unwrap_err();
        assert_eq!(failed.fault.status, 401);
        assert_eq!(failed.fault.code.map(byok_types::Code::as_str), Some("TOKEN_EXPIRED"));
        assert!(failed.fault.message.ends_with("log in again: byok login kimi"), "{}", failed.fault.message);
        assert_eq!(failed.served.unwrap().attempts, calls);
    }
    assert_eq!(vendor.asked.load(Ordering::SeqCst), 1);
    server.call().await;
}

#[tokio::test]
async fn only_a_refusal_of_the_token_renews_it() {
    for (status, body) in [
        (403, r#"{"error":{"message":"no access to this model","type":"permission_error"}}"#),
        (400, r#"{"error":{"message":"bad","type":"invalid_request_error"}}"#),
        (429, r#"{"error":{"message":"slow","type":"rate_limit_error"}}"#),
        (500, r#"{"error":{"message":"oops","type":"server_error"}}"#),
    ] {
        let server = Server::start(move |_| json(status, body)).await;
        let (upstreams, vendor) = byok(&server, &["old"], false).await;
        let answer = generate(&upstreams, Dialect::OpenaiChat, ASK).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.served.attempts), (status, 1));
        assert_eq!(vendor.asked.load(Ordering::SeqCst), 0, "{status}");
    }
}
