//! The cloud project that calls are for: the account's own, the one that the person names, or one that the
//! vendor sets up now.

use std::time::Duration;

use byok_types::{Detail, TokenSet};
use serde_json::{Value, json};

use crate::flow::vendor::{Asker, Vendor, unreadable};
use crate::flow::{LoginError, clean, code, text_at, visitable};

/// How a project is found.
#[derive(Clone, Copy, Debug)]
pub struct Project {
    /// Where the account's is asked for.
    pub load: &'static str,
    /// What the question says about the asker.
    pub metadata: &'static [(&'static str, &'static str)],
    /// Whether the person can name one.
    pub nameable: bool,
    /// How one is set up.
    pub onboarding: Onboarding,
}

/// How a project is set up for an account that has none.
#[derive(Clone, Copy, Debug)]
pub struct Onboarding {
    /// Where.
    pub url: &'static str,
    /// What the field with the tier is called.
    pub tier_field: &'static str,
    /// The tier of an account that no other is offered to.
    pub last_tier: &'static str,
    /// The tier whose project is the vendor's: none is named.
    pub free_tier: &'static str,
    /// What the request says about the asker.
    pub metadata: &'static [(&'static str, &'static str)],
    /// Whether it is asked about by its name; otherwise by repeating the request.
    pub named: bool,
    /// How long to wait between two questions.
    pub every: Duration,
    /// How many questions.
    pub most: u32,
}

impl Project {
    pub(super) async fn run(
        &self,
        vendor: &Vendor<'_>,
        tokens: &mut TokenSet,
        named: Option<&str>,
    ) -> Result<(), LoginError> {
        let named = named.map(str::trim).filter(|named| self.nameable && !named.is_empty());
        let project = self.find(vendor, tokens, named).await?;
        tokens.details.set(Detail::Project, project);
        Ok(())
    }

    async fn find(
        &self,
        vendor: &Vendor<'_>,
        tokens: &TokenSet,
        named: Option<&str>,
    ) -> Result<String, LoginError> {
        let asker = Asker::bearer(&tokens.access);
        let at = vendor.addresses.api(self.load)?;
        let mut body = json!({ "metadata": metadata(self.metadata, named) });
        if let Some(named) = named {
            body["cloudaicompanionProject"] = json!(named);
        }
        let answer = vendor.post_json(&at, asker, &body).await?;
        let host = answer.host.clone();
        // Behind a service perimeter the question is refused, and the account is an organisation's.
        let fenced = !answer.status.is_success()
            && answer
                .value
                .as_ref()
                .is_some_and(|value| value.to_string().contains("SECURITY_POLICY_VIOLATED"));
        let value = if fenced { json!({ "currentTier": {} }) } else { answer.accepted()? };
        let settled = !value["currentTier"].is_null();
        if let Some(project) = project_of(&value).filter(|_| settled || !self.nameable) {
            return Ok(project);
        }
        if settled {
            return match (named, self.nameable) {
                (Some(named), _) => Ok(named.to_owned()),
                (None, true) => Err(LoginError::ProjectNeeded { host }),
                (None, false) => self.set_up(vendor, asker, &value, None, &host).await,
            };
        }
        self.set_up(vendor, asker, &value, named, &host).await
    }

    async fn set_up(
        &self,
        vendor: &Vendor<'_>,
        asker: Asker<'_>,
        loaded: &Value,
        named: Option<&str>,
        host: &str,
    ) -> Result<String, LoginError> {
        let how = &self.onboarding;
        let tiers = loaded["allowedTiers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let tier = tiers.iter().find(|tier| tier["isDefault"] == true);
        if tier.is_none()
            && tiers.is_empty()
            && let Some(error) = ineligible(loaded, host)
        {
            return Err(error);
        }
        let id = tier.and_then(|tier| text_at(tier, &["/id"])).unwrap_or_else(|| how.last_tier.to_owned());
        let own = tier.is_some_and(|tier| tier["userDefinedCloudaicompanionProject"] == true);
        if own && named.is_none() && self.nameable {
            return Err(LoginError::ProjectNeeded { host: host.to_owned() });
        }
        let mut body = json!({ "metadata": metadata(how.metadata, named) });
        body[how.tier_field] = json!(id);
        if let Some(named) = named.filter(|_| id != how.free_tier) {
            body["cloudaicompanionProject"] = json!(named);
        }
        let at = vendor.addresses.api(how.url)?;
        let mut value = vendor.post_json(&at, asker, &body).await?.accepted()?;
        for _ in 0..how.most {
            if value["done"] == true {
                break;
            }
            tokio::time::sleep(how.every).await;
            value = match operation(&value).filter(|_| how.named) {
                Some(name) => {
                    let mut at = at.clone();
                    let version = at.path().split(':').next().unwrap_or_default().to_owned();
                    at.set_path(&format!("{version}/{name}"));
                    vendor.fetch(&at, asker).await?.accepted()?
                }
                None => vendor.post_json(&at, asker, &body).await?.accepted()?,
            };
        }
        if value["done"] != true {
            return Err(LoginError::TooSlow { host: host.to_owned() });
        }
        let project = project_of(&value["response"]).or_else(|| named.map(ToOwned::to_owned));
        project.ok_or_else(|| unreadable(host, "without a cloud project for your account"))
    }
}

/// An operation's name, fit to stand in a path.
fn operation(value: &Value) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.');
    let name = value["name"].as_str()?.trim_start_matches('/');
    let fits = (1..=256).contains(&name.len()) && name.bytes().all(plain) && !name.contains("..");
    fits.then_some(name)
}

/// The project's id, given as a text or as an object.
fn project_of(value: &Value) -> Option<String> {
    text_at(value, &["/cloudaicompanionProject", "/cloudaicompanionProject/id"])
}

fn metadata(pairs: &[(&str, &str)], project: Option<&str>) -> Value {
    let mut all: Value = pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    // The same project once more, where the account's own is not asked for.
    if let Some(project) = project.filter(|_| all.is_object()) {
        all["duetProject"] = json!(project);
    }
    all
}

/// The vendor offers this account nothing, and says why.
fn ineligible(loaded: &Value, host: &str) -> Option<LoginError> {
    let tiers = loaded["ineligibleTiers"].as_array()?;
    let tier = tiers.iter().find(|tier| tier["reasonMessage"].is_string()).or(tiers.first())?;
    let text = |name: &str| tier[name].as_str();
    let reason = text("reasonMessage").and_then(|text| clean(text, &[]));
    let reason = reason.or_else(|| text("reasonCode").and_then(code)).unwrap_or_default();
    let reason = reason.trim_end_matches('.').to_owned();
    let link = text("validationUrl").and_then(visitable).map(String::from);
    Some(LoginError::Ineligible { host: host.to_owned(), reason, link })
}
