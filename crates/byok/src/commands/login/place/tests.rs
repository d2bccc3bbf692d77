use std::time::SystemTime;

use byok_types::{AccountKey, Details, ProviderId, Secret};

use super::*;

fn login(label: Option<&str>, details: &[(Detail, &str)]) -> TokenSet {
    let mut kept = Details::default();
    for (detail, value) in details {
        kept.set(*detail, *value);
    }
    TokenSet {
        access: Secret::new("access"),
        refresh: None,
        expires_at: None,
        label: label.map(ToOwned::to_owned),
        details: kept,
    }
}

fn account(name: &str, kind: CredentialKind, label: Option<&str>) -> Account {
    Account {
        key: AccountKey::new(ProviderId::from("example"), AccountId::from(name)),
        kind,
        label: label.map(ToOwned::to_owned),
        base_url: None,
        created_at: SystemTime::UNIX_EPOCH,
        updated_at: SystemTime::UNIX_EPOCH,
        expires_at: None,
        last_error: None,
        position: 0,
        hint: None,
    }
}

fn held(name: &str, tokens: TokenSet) -> Held {
    let account = account(name, CredentialKind::OAuth, tokens.label.as_deref());
    Held { account, credential: Ok(Credential::OAuth(tokens)) }
}

fn failing(held: Held) -> Held {
    Held { account: Account { last_error: Some("dead".to_owned()), ..held.account }, ..held }
}

fn key(name: &str) -> Held {
    let account = account(name, CredentialKind::ApiKey, None);
    Held { account, credential: Ok(Credential::ApiKey(Secret::new("key"))) }
}

/// Where a login goes: its name, with `!` behind it where an account is renewed.
fn placed(mine: &[Held], asked: Option<&str>, new: &TokenSet) -> String {
    match of(mine, asked.map(AccountId::from), new) {
        Ok(Place::New(name)) => name.to_string(),
        Ok(Place::Renewed(name)) => format!("{name}!"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_first_is_default_and_others_are_called_after_their_owner() {
    let me = login(Some("me@example.com"), &[]);
    let other = login(Some("Other Person / Team"), &[]);
    assert_eq!(placed(&[], None, &me), "default");
    assert_eq!(placed(&[key("work")], None, &me), "default");
    assert_eq!(placed(&[key("default")], None, &me), "me@example.com");
    let mine = [held("default", me.clone())];
    assert_eq!(placed(&mine, None, &other), "Other-Person-Team");
    let mine = [key("default"), key("me@example.com")];
    assert_eq!(placed(&mine, None, &me), "me@example.com-2");
    let nameless = login(None, &[]);
    assert_eq!(placed(&[key("default"), key("default-2")], None, &nameless), "default-3");
    assert_eq!(placed(&[key("default")], None, &login(Some("config"), &[])), "config-2");
}

#[test]
fn the_same_person_gets_their_account_renewed() {
    let me = login(Some("me@example.com"), &[]);
    let mine = [key("default"), held("home", me.clone())];
    assert_eq!(placed(&mine, None, &me), "home!");
    assert_eq!(placed(&mine, Some("home"), &me), "home!");
    assert_eq!(placed(&mine, Some("second"), &me), "second", "what the person says counts");
    // An id counts for more than a name, which may change.
    let old = login(Some("old@example.com"), &[(Detail::Subject, "7")]);
    let new = login(Some("new@example.com"), &[(Detail::Subject, "7")]);
    assert_eq!(placed(&[held("default", old.clone())], None, &new), "default!");
    let another = login(Some("old@example.com"), &[(Detail::Subject, "8")]);
    assert_eq!(placed(&[held("default", old)], None, &another), "old@example.com");
}

#[test]
fn workspaces_of_one_person_are_accounts_of_their_own() {
    let one = login(Some("me@example.com"), &[(Detail::AccountId, "a")]);
    let two = login(Some("me@example.com"), &[(Detail::AccountId, "b")]);
    assert_eq!(placed(&[held("default", one.clone())], None, &two), "me@example.com");
    assert_eq!(placed(&[held("default", one.clone())], None, &one), "default!");
    let everyone = login(None, &[(Detail::Profile, "p")]);
    let organisation = login(None, &[(Detail::Profile, "p"), (Detail::StartUrl, "https://o")]);
    assert_eq!(placed(&[held("default", everyone)], None, &organisation), "default-2");
}

#[test]
fn nobody_elses_account_is_overwritten() {
    let me = login(Some("me@example.com"), &[]);
    let other = login(Some("other@example.org"), &[]);
    let refusal = placed(&[held("work", me)], Some("work"), &other);
    assert!(refusal.contains("the login of me@example.com"), "{refusal}");
    let mine = [key("work")];
    let refusal = placed(&mine, Some("work"), &other);
    assert!(refusal.contains("an API key"), "{refusal}");
    assert!(check(&mine, Some(&AccountId::from("work"))).is_err(), "it is said before the login");
    assert!(check(&mine, Some(&AccountId::from("home"))).is_ok() && check(&mine, None).is_ok());
    let altered = Held { credential: Err(byok_store::Error::Closed), ..held("work", other.clone()) };
    assert!(of(&[altered], Some(AccountId::from("work")), &other).is_err());
}

#[test]
fn where_nobody_says_who_it_is_only_what_is_broken_is_replaced() {
    let nameless = login(None, &[]);
    assert_eq!(placed(&[held("default", nameless.clone())], None, &nameless), "default-2");
    assert_eq!(placed(&[held("default", nameless.clone())], Some("default"), &nameless), "default!");
    let broken = [failing(held("default", nameless.clone()))];
    assert_eq!(placed(&broken, None, &nameless), "default!");
    assert!(earlier(&broken, None).is_some());
    assert!(earlier(&[held("default", nameless.clone())], None).is_none());
    let two = [failing(held("default", nameless.clone())), held("two", nameless.clone())];
    assert!(earlier(&two, None).is_none(), "it is not clear which one");
    assert!(earlier(&two, Some(&AccountId::from("two"))).is_some());
}

#[test]
fn a_key_never_takes_a_logins_place() {
    let accounts = |mine: Vec<Held>| mine.into_iter().map(|held| held.account).collect::<Vec<_>>();
    let login = || held("default", login(None, &[]));
    assert_eq!(for_key(&[]).as_str(), "default");
    assert_eq!(for_key(&accounts(vec![key("default")])).as_str(), "default");
    assert_eq!(for_key(&accounts(vec![login()])).as_str(), "api-key");
    assert_eq!(for_key(&accounts(vec![login(), key("api-key")])).as_str(), "api-key");
}

#[test]
fn names_that_cannot_be_typed_are_refused() {
    for good in ["default", "me@example.com", "büro", "a-b_c.d"] {
        assert!(name(good).is_ok(), "{good}");
    }
    for bad in ["", "a b", "a/b", " a", "a\n", "config", &"x".repeat(129)] {
        assert!(name(bad).is_err(), "{bad:?}");
    }
}
