//! Apps and usage.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use byok_types::{AppId, ModelId};

use super::*;
use crate::{App, Usage};

async fn in_memory() -> Store {
    Store::open(OpenOptions::new(Location::Memory)).await.unwrap()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn usage(app: &str, account: &str, seconds: u64, status: u16) -> Usage {
    Usage {
        at: at(seconds),
        app: AppId::from(app),
        account: key("openai", account),
        model: ModelId::from("gpt"),
        status,
        input_tokens: 10,
        output_tokens: 5,
        cached_tokens: 3,
        reasoning_tokens: 2,
        first_byte: Some(Duration::from_millis(7)),
        total: Duration::from_millis(70),
    }
}

#[tokio::test]
async fn apps_are_found_by_the_digest_of_their_key() {
    let store = in_memory().await;
    let before = store.generation().await.unwrap();
    let app = App {
        id: AppId::from("cursor"),
        digest: [7; 32],
        hint: "…beef".to_owned(),
        created_at: at(1),
        expires_at: Some(at(2)),
        revoked_at: None,
    };
    store.save_app(app.clone()).await.unwrap();
    assert!(store.generation().await.unwrap() > before);
    assert_eq!(store.app_by_digest([7; 32]).await.unwrap(), Some(app.clone()));
    assert_eq!(store.app_by_digest([8; 32]).await.unwrap(), None);
    let revoked = App { revoked_at: Some(at(3)), ..app };
    store.save_app(revoked.clone()).await.unwrap();
    assert_eq!(store.apps().await.unwrap(), std::slice::from_ref(&revoked));
    // One key is one app's.
    let twin = App { id: AppId::from("zed"), ..revoked };
    store.save_app(twin).await.unwrap_err();
}

#[tokio::test]
async fn usage_is_counted_at_once_and_survives_a_close() {
    let home = Home::new();
    let store = home.store().await;
    for row in
        [usage("a", "x", 1, 200), usage("a", "x", 2, 429), usage("b", "x", 3, 200), usage("a", "y", 4, 200)]
    {
        store.record(row);
    }
    let sums = store.usage(None).await.unwrap();
    let counted: Vec<_> = sums
        .iter()
        .map(|sum| {
            (sum.app.as_str(), sum.account.account.as_str(), sum.requests, sum.failures, sum.input_tokens)
        })
        .collect();
    assert_eq!(counted, [("a", "x", 2, 1, 20), ("a", "y", 1, 0, 10), ("b", "x", 1, 0, 10)]);
    assert_eq!(sums[0].last_at, at(2));
    assert_eq!(store.usage(Some(at(4))).await.unwrap().len(), 1);
    store.record(usage("c", "x", 5, 200));
    store.close().await;
    store.record(usage("lost", "x", 6, 200));
    assert_eq!(home.store().await.usage(None).await.unwrap().len(), 4);
}

#[tokio::test]
async fn usage_is_written_without_anyone_asking() {
    let home = Home::new();
    let store = home.store().await;
    store.record(usage("a", "x", 1, 200));
    let other = home.store().await;
    // The second handle sees it as soon as the first one's thread has written; each look is a job.
    let written = async {
        while other.usage(None).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), written).await.unwrap();
}

#[tokio::test]
async fn absurd_counts_and_names_do_not_break_the_sums() {
    let store = in_memory().await;
    for _ in 0..3 {
        let mut row = usage("a", "x", 1, 200);
        row.input_tokens = u64::MAX;
        row.output_tokens = u64::MAX;
        row.total = Duration::MAX;
        row.model = ModelId::new("é".repeat(100_000));
        store.record(row);
    }
    let sums = store.usage(None).await.unwrap();
    assert_eq!(sums[0].input_tokens, 3 << 40);
    assert!(sums[0].model.as_str().len() <= 256);
}
