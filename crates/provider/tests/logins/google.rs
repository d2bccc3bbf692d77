//! Google's two logins, and the search for a project.

use byok_auth::flow::renew;
use byok_auth::{CodeLogin, Flow, Known, LoginError, Overrides};
use byok_types::{Detail, TokenSet};
use serde_json::{Value, json};

use crate::script::{ANY, Script, Step, begin, callback, flow, get, is_bound, known, post, query, shown};

const TOKEN: &str = "https://oauth2.googleapis.com/token";
const LOAD: &str = "https://cloudcode-pa.googleapis.com/v1internal:loadCodeAssist";
const ONBOARD: &str = "https://cloudcode-pa.googleapis.com/v1internal:onboardUser";
const DAILY_ONBOARD: &str = "https://daily-cloudcode-pa.googleapis.com/v1internal:onboardUser";
const GEMINI: &str = "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com";
const ANTIGRAVITY: &str = "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com";

fn gemini_secret() -> String {
    ["GOCSPX", "-4uHgMPm-1o7Sk-geV6Cu5clXFsxl"].concat()
}

fn exchange(client: &str, secret: &str, redirect: &str) -> Step {
    post(TOKEN)
        .form(&[
            ("grant_type", "authorization_code"),
            ("code", "c1"),
            ("client_id", client),
            ("client_secret", secret),
            ("redirect_uri", redirect),
            ("code_verifier", ANY),
        ])
        .gives(&json!({
            "access_token": "ya29.a", "expires_in": 3599, "refresh_token": "1//r", "token_type": "Bearer",
        }))
}

fn user() -> Step {
    get("https://www.googleapis.com/oauth2/v2/userinfo")
        .bearer("ya29.a")
        .gives(&json!({ "id": "1", "email": "me@example.com" }))
}

fn metadata() -> Value {
    json!({ "ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI" })
}

fn load() -> Step {
    post(LOAD).bearer("ya29.a").json(json!({ "metadata": metadata() }))
}

async fn gemini(script: &Script, known: Known) -> Result<TokenSet, LoginError> {
    let flow: &Flow = flow("gemini", "browser");
    let login = begin(flow, known, 40_000, script).await;
    let challenge = query(login.url())["code_challenge"].clone();
    let redirected = login.accept(&callback(&login, "c1")).unwrap();
    let tokens = login.finish(redirected, script).await;
    is_bound(&challenge, &script.sent("code_verifier"));
    tokens
}

fn to_listener() -> [Step; 2] {
    [exchange(GEMINI, &gemini_secret(), "http://127.0.0.1:40000/oauth2callback"), user()]
}

#[tokio::test]
async fn an_account_with_a_project_is_done() {
    let script = Script::new(to_listener());
    script.expect([load().gives(&json!({
        "currentTier": { "id": "standard-tier" }, "cloudaicompanionProject": "my-project",
    }))]);
    let tokens = gemini(&script, known()).await.unwrap();
    script.is_over();
    insta::assert_snapshot!(shown(&tokens));
    let secret = gemini_secret();
    script.expect([post(TOKEN)
        .form(&[
            ("grant_type", "refresh_token"),
            ("client_id", GEMINI),
            ("client_secret", &secret),
            ("refresh_token", "1//r"),
        ])
        .gives(&json!({ "access_token": "ya29.b", "expires_in": 3599 }))]);
    let next = renew(flow("gemini", "browser"), &Overrides::default(), &tokens, &script).await.unwrap();
    assert_eq!(next.refresh.as_ref().unwrap().expose(), "1//r");
    assert_eq!(next.details.get(Detail::Project), Some("my-project"));
    script.is_over();
}

#[tokio::test]
async fn the_page_shows_a_bare_code() {
    let redirect = "https://codeassist.google.com/authcode";
    let script = Script::new([exchange(GEMINI, &gemini_secret(), redirect), user()]);
    script.expect([load().gives(&json!({ "currentTier": {}, "cloudaicompanionProject": "p" }))]);
    let flow = flow("gemini", "browser");
    let login = CodeLogin::begin(flow, &Overrides::default(), known(), None, &script).await.unwrap();
    assert_eq!(query(login.url())["redirect_uri"], redirect);
    let redirected = login.accept_pasted("c1").unwrap();
    assert!(login.finish(redirected, &script).await.is_ok());
    script.is_over();
}

#[tokio::test]
async fn a_person_can_name_the_project() {
    let named = Known { project: Some("named".to_owned()), ..known() };
    let ask = |mut metadata: Value| {
        metadata["duetProject"] = json!("named");
        json!({ "cloudaicompanionProject": "named", "metadata": metadata })
    };
    let load = || post(LOAD).bearer("ya29.a").json(ask(metadata()));
    let perimeter =
        json!({ "error": { "code": 403, "details": [{ "reason": "SECURITY_POLICY_VIOLATED" }] } });
    for step in [load().gives(&json!({ "currentTier": {} })), load().answers(403, &perimeter)] {
        let script = Script::new(to_listener());
        script.expect([step]);
        let tokens = gemini(&script, named.clone()).await.unwrap();
        assert_eq!(tokens.details.get(Detail::Project), Some("named"));
        script.is_over();
    }
    let script = Script::new(to_listener());
    let body = {
        let mut body = ask(metadata());
        body["tierId"] = json!("standard-tier");
        body
    };
    script.expect([
        load().gives(&json!({ "allowedTiers": [
            { "id": "legacy-tier" },
            { "id": "standard-tier", "isDefault": true, "userDefinedCloudaicompanionProject": true },
        ]})),
        post(ONBOARD).bearer("ya29.a").json(body).gives(&json!({ "done": true, "response": {} })),
    ]);
    let tokens = gemini(&script, named).await.unwrap();
    assert_eq!(tokens.details.get(Detail::Project), Some("named"));
    script.is_over();
}

#[tokio::test(start_paused = true)]
async fn an_account_without_a_project_gets_one() {
    let script = Script::new(to_listener());
    let operation = "https://cloudcode-pa.googleapis.com/v1internal/operations/o1";
    script.expect([
        load().gives(&json!({ "allowedTiers": [{ "id": "free-tier", "isDefault": true }] })),
        post(ONBOARD)
            .bearer("ya29.a")
            .json(json!({ "tierId": "free-tier", "metadata": metadata() }))
            .gives(&json!({ "name": "operations/o1", "done": false })),
        get(operation).bearer("ya29.a").gives(&json!({ "name": "operations/o1" })),
        get(operation).bearer("ya29.a").gives(&json!({
            "done": true, "response": { "cloudaicompanionProject": { "id": "new-project", "name": "x" } },
        })),
    ]);
    let tokens = gemini(&script, known()).await.unwrap();
    assert_eq!(tokens.details.get(Detail::Project), Some("new-project"));
    script.is_over();
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_not_served_hears_why() {
    let mut said = Vec::new();
    let refusal =
        json!({ "error": { "code": 403, "message": "Code Assist is off", "status": "PERMISSION_DENIED" } });
    for (status, answer) in [
        (
            200,
            json!({ "ineligibleTiers": [{
                "reasonCode": "UNSUPPORTED_LOCATION", "reasonMessage": "Your location is\nnot served.",
                "validationUrl": "https://accounts.google.com/verify",
            }]}),
        ),
        (200, json!({ "ineligibleTiers": [{ "reasonCode": "RESTRICTED" }] })),
        (200, json!({ "currentTier": { "id": "standard-tier" } })),
        (
            200,
            json!({ "allowedTiers": [
                { "id": "standard-tier", "isDefault": true, "userDefinedCloudaicompanionProject": true },
            ]}),
        ),
        (403, refusal),
    ] {
        let script = Script::new(to_listener());
        script.expect([load().answers(status, &answer)]);
        said.push(gemini(&script, known()).await.unwrap_err().to_string());
        script.is_over();
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn antigravity_asks_for_a_project_until_it_has_one() {
    let secret = ["GOCSPX", "-K58FWR486LdLJ1mLB8sXC4z6qDAf"].concat();
    let load = || post(LOAD).bearer("ya29.a").json(json!({ "metadata": { "ideType": "ANTIGRAVITY" } }));
    let onboard = || {
        post(DAILY_ONBOARD)
            .bearer("ya29.a")
            .json(json!({ "tier_id": "free-tier", "metadata": { "ide_type": "ANTIGRAVITY" } }))
    };
    let tiers = json!({ "allowedTiers": [{ "id": "free-tier", "isDefault": true }] });
    let ready = json!({ "done": true, "response": { "cloudaicompanionProject": { "id": "p9" } } });
    let slow: Vec<Step> = (0..6).map(|_| onboard().gives(&json!({ "done": false }))).collect();
    for (steps, project) in [
        (vec![load().gives(&json!({ "cloudaicompanionProject": { "id": "p1" } }))], Some("p1")),
        (
            vec![load().gives(&tiers), onboard().gives(&json!({ "done": false })), onboard().gives(&ready)],
            Some("p9"),
        ),
        (std::iter::once(load().gives(&tiers)).chain(slow).collect(), None),
    ] {
        let script =
            Script::new([exchange(ANTIGRAVITY, &secret, "http://localhost:51121/oauth-callback"), user()]);
        script.expect(steps);
        let login = begin(flow("antigravity", "browser"), known(), 51_121, &script).await;
        let redirected = login.accept(&callback(&login, "c1")).unwrap();
        match (login.finish(redirected, &script).await, project) {
            (Ok(tokens), Some(project)) => assert_eq!(tokens.details.get(Detail::Project), Some(project)),
            (Err(LoginError::TooSlow { .. }), None) => {}
            (other, _) => panic!("{other:?}"),
        }
        script.is_over();
    }
}
