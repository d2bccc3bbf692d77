use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::flow::canned::Canned;
use crate::flow::{Manual, TokenAddress};

const REDIRECT: Redirect = Redirect { host: "127.0.0.1", ports: &[], path: "/back" };

fn flow(manual: Option<Manual>) -> Flow {
    Flow {
        name: "browser",
        grant: Grant::Code(Code {
            authorize: "https://vendor.test/authorize?fixed=1",
            scopes: &["read", "write"],
            parameters: &[("prompt", "consent")],
            renamed: &[],
            pkce: true,
            redirect: REDIRECT,
            manual,
            state_in_exchange: false,
        }),
        client: Client::Known { id: "client", secret: Some(("pub", "lished")) },
        token: TokenAddress::form("https://vendor.test/token"),
        ..Flow::BASE
    }
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn begun(flow: &Flow, port: Option<u16>) -> CodeLogin {
    let http = Canned::silent();
    run(CodeLogin::begin(flow, &Overrides::default(), Known::default(), port, &http)).unwrap()
}

fn query(url: &str) -> BTreeMap<String, String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn state(login: &CodeLogin) -> String {
    query(login.url())["state"].clone()
}

const PAGE: Manual = Manual { redirect: "https://vendor.test/shown", shows: Shown::CodeAndState };

#[test]
fn every_login_is_new() {
    let flow = flow(Some(PAGE));
    let (one, two) = (begun(&flow, Some(4000)), begun(&flow, Some(4000)));
    let (first, second) = (query(one.url()), query(two.url()));
    for name in ["state", "code_challenge"] {
        assert_ne!(first[name], second[name], "{name}");
        assert!(first[name].len() >= 43, "{name}");
    }
    assert_ne!(first["state"], one.verifier.as_ref().unwrap().expose());
    assert_eq!(first["fixed"], "1");
    assert_eq!(first["redirect_uri"], "http://127.0.0.1:4000/back");
    let manual = query(one.manual_url().unwrap());
    assert_eq!(manual["redirect_uri"], "https://vendor.test/shown");
    assert_eq!(manual["state"], first["state"]);
    let shown = format!("{one:?}");
    assert!(!shown.contains(&first["state"]), "{shown}");
}

#[test]
fn without_a_listener_the_page_with_the_code_is_opened_or_a_port_that_nobody_has() {
    let paged = begun(&flow(Some(PAGE)), None);
    assert_eq!(Some(paged.url()), paged.manual_url());
    let bare = begun(&flow(None), None);
    let redirect = query(bare.url())["redirect_uri"].clone();
    let port = Url::parse(&redirect).unwrap().port().unwrap();
    assert!(FREE_PORTS.contains(&port), "{redirect}");
    let mut fixed = flow(None);
    if let Grant::Code(code) = &mut fixed.grant {
        code.redirect.ports = &[1455, 1457];
    }
    assert!(query(begun(&fixed, None).url())["redirect_uri"].contains(":1455/"));
    assert!(query(begun(&fixed, Some(1457)).url())["redirect_uri"].contains(":1457/"));
    let http = Canned::silent();
    let overrides = Overrides::default();
    let unknown = CodeLogin::begin(&fixed, &overrides, Known::default(), Some(9999), &http);
    assert!(matches!(run(unknown), Err(LoginError::Setting { .. })));
}

#[test]
fn a_callback_counts_only_with_this_logins_state() {
    let login = begun(&flow(None), Some(4000));
    let state = state(&login);
    let other = self::state(&begun(&flow(None), Some(4000)));
    let taken = login.accept(&format!("code=c%2F1&state={state}&scope=x")).unwrap();
    assert_eq!(taken.code.expose(), "c/1");
    assert_eq!(taken.redirect, "http://127.0.0.1:4000/back");
    for stray in [
        String::new(),
        "code=c".to_owned(),
        format!("code=c&state={other}"),
        format!("code=c&state={}", &state[1..]),
        format!("code=c&state={state}x"),
        format!("state={state}"),
        format!("code=&state={state}"),
        format!("code=a&code=b&state={state}"),
        format!("code=a&state={state}&state={other}"),
        format!("error=access_denied&state={other}"),
        "error=access_denied".to_owned(),
        format!("code=c&state={state}&pad={}", "x".repeat(20_000)),
    ] {
        assert_eq!(login.accept(&stray).unwrap_err(), CallbackError::NotOurs, "{stray:.99}");
    }
}

#[test]
fn a_no_with_the_right_state_ends_the_login() {
    let login = begun(&flow(None), Some(4000));
    let state = state(&login);
    let said = format!("error=access_denied&error_description=no%0Away%1b%5B2J+{state}&state={state}");
    let expected = CallbackError::Denied {
        error: "access_denied".to_owned(),
        description: Some("no way [2J ****".to_owned()),
    };
    assert_eq!(login.accept(&said).unwrap_err(), expected);
    let strange = login.accept(&format!("error=%3Cscript%3E&state={state}")).unwrap_err();
    assert!(matches!(strange, CallbackError::Denied { error, .. } if error == "refused"));
}

#[test]
fn what_people_paste_is_understood() {
    let login = begun(&flow(Some(PAGE)), Some(4000));
    let state = state(&login);
    let loopback = "http://127.0.0.1:4000/back";
    for (pasted, redirect) in [
        (format!("{loopback}?code=c1&state={state}"), loopback),
        (format!("  \"{loopback}?code=c1&state={state}#\"\n"), loopback),
        (format!("127.0.0.1:4000/back?code=c1&state={state}"), loopback),
        (format!("{loopback}?code=c1&sta\n  te={state}"), loopback),
        (format!("code=c1&state={state}"), loopback),
        (format!("?state={state}&code=c1"), loopback),
        (format!("https://vendor.test/shown?code=c1&state={state}"), PAGE.redirect),
        (format!("vendor.test/shown?code=c1&state={state}"), PAGE.redirect),
        (format!("c1#{state}"), PAGE.redirect),
        (format!(" c1#{state}\r\n"), PAGE.redirect),
    ] {
        let taken = login.accept_pasted(&pasted).unwrap_or_else(|error| panic!("{pasted}: {error}"));
        assert_eq!((taken.code.expose(), &*taken.redirect), ("c1", redirect), "{pasted}");
    }
    for (pasted, expected) in [
        (String::new(), CallbackError::Incomplete(SHOWN_CODE)),
        ("c1".to_owned(), CallbackError::Incomplete(SHOWN_CODE)),
        ("c1#".to_owned(), CallbackError::Incomplete(SHOWN_CODE)),
        (format!("#{state}"), CallbackError::NotOurs),
        ("c1#wrong".to_owned(), CallbackError::NotOurs),
        (format!("{loopback}?code=c1"), CallbackError::NotOurs),
        ("https://vendor.test/shown".to_owned(), CallbackError::Incomplete(SHOWN_CODE)),
    ] {
        assert_eq!(login.accept_pasted(&pasted).unwrap_err(), expected, "{pasted}");
    }
}

#[test]
fn a_bare_code_is_taken_only_where_the_vendor_shows_nothing_else() {
    let shown = Manual { shows: Shown::Code, ..PAGE };
    let login = begun(&flow(Some(shown)), Some(4000));
    let taken = login.accept_pasted(" 4/0AbC\n").unwrap();
    assert_eq!((taken.code.expose(), &*taken.redirect), ("4/0AbC", PAGE.redirect));
    let bare = begun(&flow(None), Some(4000));
    assert_eq!(bare.accept_pasted("4/0AbC").unwrap_err(), CallbackError::Incomplete(WHOLE_ADDRESS));
}

#[test]
fn the_configs_client_comes_without_the_published_secret() {
    let overrides = Overrides {
        client_id: Some("mine".to_owned()),
        authorize_url: Some(Url::parse("http://127.0.0.1:9/a").unwrap()),
        scopes: Some(vec!["one".to_owned()]),
        ..Overrides::default()
    };
    let http = Canned::silent();
    let flow = flow(None);
    let login = CodeLogin::begin(&flow, &overrides, Known::default(), Some(4000), &http);
    let login = run(login).unwrap();
    assert!(login.url().starts_with("http://127.0.0.1:9/a?"));
    let query = query(login.url());
    assert_eq!((&*query["client_id"], &*query["scope"]), ("mine", "one"));
    assert!(login.identity.unwrap().secret.is_none());
}

#[test]
fn an_answer_is_an_error_whatever_it_is_unless_it_has_a_token() {
    let mut said = Vec::new();
    for (status, body) in [
        (400, r#"{"error":"invalid_grant","error_description":"code c1-secret is bad\u001b[1m"}"#),
        (401, r#"{"error":{"message":"who are you","code":"invalid_client","type":"x"}}"#),
        (
            403,
            r#"{"message":"no plan","error_details":{"title":"No plan","message":"Buy one","url":"https://x.test/buy"}}"#,
        ),
        (429, r#"{"error":"Too many requests. Wait."}"#),
        (502, "<html>bad gateway</html>"),
        (403, "<html>blocked</html>"),
        (302, ""),
        (200, "<html>welcome to the hotel</html>"),
        (200, r#"{"token_type":"bearer"}"#),
        (200, r#"{"error":"bad_verification_code","error_description":"wrong"}"#),
        (200, "[1,2]"),
        (400, r#"{"__type":"com.vendor#InvalidRequestException","message":"no"}"#),
    ] {
        let login = begun(&flow(None), Some(4000));
        let code = login.accept(&format!("code=c1-secret&state={}", state(&login))).unwrap();
        let error = run(login.finish(code, &Canned::answers(status, body))).unwrap_err();
        let text = error.to_string();
        assert!(!text.contains("c1-secret") && !text.contains('\x1b'), "{text}");
        said.push(format!("{status} {body:.40}\n    {text}"));
    }
    let login = begun(&flow(None), Some(4000));
    let code = login.accept(&format!("code=c1-secret&state={}", state(&login))).unwrap();
    let error = run(login.finish(code, &Canned::silent())).unwrap_err();
    said.push(format!("no answer\n    {error}"));
    insta::assert_snapshot!(said.join("\n"));
}

proptest! {
    #[test]
    fn no_callback_makes_it_panic(text in ".*", tail in "[a-z=&%#?]*") {
        let login = begun(&flow(Some(PAGE)), Some(4000));
        let text = text + &tail;
        prop_assert!(login.accept(&text).is_err());
        prop_assert!(login.accept_pasted(&text).is_err());
        let state = state(&login);
        let _ = login.accept(&format!("state={state}&{text}"));
        let _ = login.accept_pasted(&format!("{text}#{state}"));
    }

    #[test]
    fn a_code_survives_the_way(code in "[!-~]{1,60}") {
        let login = begun(&flow(None), Some(4000));
        let encoded: Cow<'_, str> = url::form_urlencoded::byte_serialize(code.as_bytes()).collect();
        let taken = login.accept(&format!("state={}&code={encoded}", state(&login))).unwrap();
        prop_assert_eq!(taken.code.expose(), code);
    }
}
