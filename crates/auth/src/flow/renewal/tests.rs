use byok_types::{Details, Secret};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::flow::canned::Canned;
use crate::flow::{Client, Renewal, TokenAddress, arbitrary};

fn flow() -> Flow {
    Flow {
        name: "browser",
        client: Client::Known { id: "client", secret: None },
        token: TokenAddress::form("https://vendor.test/token"),
        ..Flow::BASE
    }
}

fn tokens(details: &[(Detail, String)]) -> TokenSet {
    let mut all = Details::default();
    for (detail, value) in details {
        all.set(*detail, value.as_str());
    }
    TokenSet {
        access: Secret::new("old-access"),
        refresh: Some(Secret::new("old-refresh")),
        expires_at: Some(UNIX_EPOCH + Duration::from_secs(2_000_000_000)),
        label: Some("me@example.com".to_owned()),
        details: all,
    }
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn renewed(tokens: &TokenSet, status: u16, body: &str) -> Result<TokenSet, RenewError> {
    let http = Canned::answers(status, body);
    run(renew(&flow(), &Overrides::default(), tokens, &http))
}

#[test]
fn what_is_not_said_again_is_kept() {
    let old = tokens(&[(Detail::Project, "p1".to_owned()), (Detail::Lifetime, "600".to_owned())]);
    let next = renewed(&old, 200, r#"{"access_token":"new"}"#).unwrap();
    assert_eq!(next.access.expose(), "new");
    assert_eq!(next.refresh.as_ref().unwrap().expose(), "old-refresh");
    assert_eq!(next.label.as_deref(), Some("me@example.com"));
    assert_eq!(next.details.get(Detail::Project), Some("p1"));
    let left = next.remaining(now()).unwrap();
    assert!((590..=600).contains(&left.as_secs()), "{left:?}");
    let next =
        renewed(&old, 200, r#"{"access_token":"new","refresh_token":"r2","expires_in":"60"}"#).unwrap();
    assert_eq!(next.refresh.unwrap().expose(), "r2");
    assert_eq!(next.details.get(Detail::Lifetime), Some("60"));
}

#[test]
fn only_the_vendors_own_word_ends_a_login() {
    let verdict = |status, body: &str| match renewed(&tokens(&[]), status, body).unwrap_err() {
        RenewError::Dead { reason } => {
            assert!(!reason.contains("old-refresh"), "{reason}");
            "dead"
        }
        RenewError::Temporary { reason, .. } => {
            assert!(!reason.contains("old-refresh"), "{reason}");
            "temporary"
        }
        RenewError::Impossible { .. } => "impossible",
    };
    let said = r#"{"error":"invalid_grant","error_description":"old-refresh is revoked"}"#;
    assert_eq!(verdict(400, said), "dead");
    assert_eq!(verdict(400, r#"{"error":{"code":"invalid_grant"}}"#), "dead");
    for (status, body) in [
        (500, said),
        (503, said),
        (429, said),
        (400, r#"{"error":"invalid_request"}"#),
        (401, r#"{"error":"invalid_client"}"#),
        (400, "<html>invalid_grant</html>"),
        (401, ""),
        (302, ""),
        (200, ""),
        (200, "{}"),
        (200, r#"{"access_token":""}"#),
    ] {
        assert_eq!(verdict(status, body), "temporary", "{status} {body}");
    }
    let silent = run(renew(&flow(), &Overrides::default(), &tokens(&[]), &Canned::silent()));
    assert!(matches!(silent, Err(RenewError::Temporary { .. })));
    let none = TokenSet { refresh: None, ..tokens(&[]) };
    assert!(matches!(renewed(&none, 200, "{}"), Err(RenewError::Impossible { .. })));
}

#[test]
fn a_vendor_that_names_the_earliest_moment_is_not_asked_before() {
    let soon = now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 100;
    let early = tokens(&[(Detail::EarliestRefresh, soon.to_string())]);
    let error = renewed(&early, 200, r#"{"access_token":"new"}"#).unwrap_err();
    let RenewError::Temporary { retry_after: Some(wait), .. } = error else { panic!("{error:?}") };
    assert!((95..=100).contains(&wait.as_secs()), "{wait:?}");
    let over = tokens(&[(Detail::EarliestRefresh, "5".to_owned())]);
    let next = renewed(&over, 200, r#"{"access_token":"new"}"#).unwrap();
    assert_eq!(next.details.get(Detail::EarliestRefresh), Some("0"));
}

#[test]
fn the_margin_leaves_half_of_a_short_life() {
    let minutes = |margin: Duration| margin.as_secs() / 60;
    let of = |details: &[(Detail, String)], half_life| {
        let renewal = Renewal { half_life, ..Renewal::BASE };
        minutes(margin(&Flow { renewal, ..flow() }, &tokens(details)))
    };
    let life = |seconds: u64| (Detail::Lifetime, seconds.to_string());
    assert_eq!(of(&[], false), 5);
    assert_eq!(of(&[life(8 * 3600)], false), 5);
    assert_eq!(of(&[life(240)], false), 2);
    assert_eq!(of(&[life(3600)], true), 30);
    assert_eq!(of(&[life(240)], true), 2);
    assert_eq!(of(&[], true), 5);
    // The token ends at 2e9.
    let earliest = |seconds: u64| (Detail::EarliestRefresh, seconds.to_string());
    assert_eq!(of(&[life(3600), earliest(2_000_000_000 - 120)], false), 2);
    assert_eq!(of(&[life(3600), earliest(2_000_000_500)], false), 0);
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic_or_kills_the_login(status in 200_u16..600, body in arbitrary::json()) {
        let body: Value = body;
        let names_it = body.to_string().contains("invalid_grant");
        match renewed(&tokens(&[]), status, &body.to_string()) {
            Ok(next) => prop_assert!(!next.access.expose().is_empty() && next.refresh.is_some()),
            Err(RenewError::Dead { .. }) => prop_assert!(names_it),
            Err(_) => {}
        }
    }

    #[test]
    fn details_of_any_kind_are_survived(text in ".*") {
        let strange = tokens(&[
            (Detail::EarliestRefresh, text.clone()), (Detail::Lifetime, text.clone()), (Detail::Region, text),
        ]);
        let _ = margin(&flow(), &strange);
        let _ = renewed(&strange, 200, &json!({ "access_token": "a" }).to_string());
    }
}
