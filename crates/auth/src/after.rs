//! What comes between a vendor's token and a login that calls can be made with.
//!
//! A step knows a mechanism, not a vendor; a flow lists the ones that it needs, in their order. Steps that
//! only make a login nicer to look at are best effort; the others end the login when they fail.

mod exchange;
mod label;
mod profile;
mod project;

use byok_types::{Secret, TokenSet};
use serde_json::Value;

use crate::flow::vendor::Vendor;
use crate::flow::{LoginError, vendor::unreadable};

pub use exchange::Exchange;
pub use label::{KeyOfAccount, UserInfo};
pub use profile::Profiles;
pub use project::{Onboarding, Project};

/// Something to do after the token.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Exchanges the vendor's long-lived token for one that calls carry.
    Exchange(Exchange),
    /// Fetches the key that calls carry from the person's account.
    Key(KeyOfAccount),
    /// Asks for the profile that calls name. Best effort.
    Profile(Profiles),
    /// Finds the cloud project that calls are for, and sets it up where there is none.
    Project(Project),
    /// Asks who the login belongs to. Best effort.
    User(UserInfo),
}

/// When the steps are done.
#[derive(Clone, Copy)]
pub(crate) enum Stage<'a> {
    /// After a login, with the project that the person named.
    Login { project: Option<&'a str> },
    /// After a renewal.
    Renewal,
}

/// Does the flow's steps.
pub(crate) async fn run(
    vendor: &Vendor<'_>,
    tokens: &mut TokenSet,
    stage: Stage<'_>,
) -> Result<(), LoginError> {
    for step in vendor.flow.after {
        match (step, stage) {
            (Step::Exchange(exchange), _) => exchange.run(vendor, tokens).await?,
            (Step::Key(key), _) => key.run(vendor, tokens).await?,
            (Step::Profile(profiles), Stage::Login { .. }) => profiles.run(vendor, tokens).await,
            (Step::Project(project), Stage::Login { project: named }) => {
                project.run(vendor, tokens, named).await?;
            }
            (Step::User(user), Stage::Login { .. }) => user.run(vendor, tokens).await,
            // A project, a profile and a person stay what they are.
            (Step::Profile(_) | Step::Project(_) | Step::User(_), Stage::Renewal) => {}
        }
    }
    Ok(())
}

/// A token in an answer, or the error that there is none.
fn token_at(value: &Value, pointer: &str, host: &str) -> Result<Secret, LoginError> {
    let found = value.pointer(pointer).and_then(Value::as_str).and_then(crate::flow::token);
    found.ok_or_else(|| unreadable(host, "without a token that can be used"))
}
