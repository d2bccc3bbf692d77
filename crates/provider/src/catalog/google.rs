//! What Google's two logins have in common (provider facts, 4.1, 4.2 and 6.1). This is no row.

use std::time::Duration;

use byok_auth::after::{Onboarding, Step, UserInfo};
use byok_auth::flow::{Client, Code, Fields, Flow, Grant, Redirect, TokenAddress};

/// A browser login at Google.
pub(super) const CODE: Code = Code {
    authorize: "https://accounts.google.com/o/oauth2/v2/auth",
    scopes: &[
        "https://www.googleapis.com/auth/cloud-platform",
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
    ],
    // Without consent there is no refresh token for a person who has granted access before.
    parameters: &[("access_type", "offline"), ("prompt", "consent")],
    renamed: &[],
    pkce: true,
    redirect: Redirect { host: "127.0.0.1", ports: &[], path: "/" },
    manual: None,
    state_in_exchange: false,
};

/// Its tokens live for an hour; the refresh token stays. Revoking it would end the logins of Google's own
/// programs too, which share the client id, so that is not done.
pub(super) const FLOW: Flow = Flow {
    name: "browser",
    title: "in a browser",
    grant: Grant::Code(CODE),
    client: Client::Known { id: "", secret: None },
    token: TokenAddress::form("https://oauth2.googleapis.com/token"),
    ..Flow::BASE
};

/// Who logged in.
pub(super) const USER: Step = Step::User(UserInfo {
    url: "https://www.googleapis.com/oauth2/v2/userinfo",
    fields: Fields { label: &["/email"], ..Fields::NONE },
});

/// How an account without a project gets one.
pub(super) const ONBOARDING: Onboarding = Onboarding {
    url: "https://cloudcode-pa.googleapis.com/v1internal:onboardUser",
    tier_field: "tierId",
    last_tier: "legacy-tier",
    free_tier: "free-tier",
    metadata: &[],
    named: true,
    every: Duration::from_secs(5),
    most: 60,
};
