//! A second token: the one that the login gave lives long and buys short-lived ones, which calls carry.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use byok_types::{Detail, TokenSet};
use serde_json::Value;

use crate::flow::vendor::{Asker, Vendor};
use crate::flow::{LoginError, Refusal, named_base, number};

/// An exchange of a long-lived token for one that calls carry.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Where.
    pub url: &'static str,
    /// What stands before the token in `Authorization`.
    pub scheme: &'static str,
    /// Sent along.
    pub headers: &'static [(&'static str, &'static str)],
    /// How long-lived tokens begin that calls can carry themselves: they are not exchanged.
    pub direct: &'static [&'static str],
    /// Where tokens may be sent that the answer names an address for.
    pub trusted: &'static [&'static str],
}

/// Clocks drift: the vendor's own programs take a token to live for so much longer than until it is to be
/// renewed, and do not look at when it ends.
const DRIFT: Duration = Duration::from_secs(60);
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

impl Exchange {
    /// Puts the exchanged token in place of the long-lived one, which is kept to buy the next.
    pub(super) async fn run(&self, vendor: &Vendor<'_>, tokens: &mut TokenSet) -> Result<(), LoginError> {
        if self.direct.iter().any(|begin| tokens.access.expose().starts_with(begin)) {
            return Ok(());
        }
        let long_lived = tokens.access.clone();
        let at = vendor.addresses.login(self.url)?;
        let asker = Asker::Holder { scheme: self.scheme, token: &long_lived };
        let answer = vendor.fetch_with(&at, asker, self.headers, &[]).await?;
        let host = answer.host.clone();
        if matches!(answer.status.as_u16(), 403 | 404) {
            return Err(not_served(answer.refusal()));
        }
        let value = answer.accepted()?;
        tokens.access = super::token_at(&value, "/token", &host)?;
        tokens.refresh = Some(long_lived);
        let now = SystemTime::now();
        let life = life(&value, now);
        tokens.expires_at = life.map(|life| now + life);
        if let Some(life) = life {
            tokens.details.set(Detail::Lifetime, life.as_secs().to_string());
        }
        if vendor.overrides.api_base.is_none()
            && let Some(named) = base(&value)
        {
            tokens.details.set(Detail::ApiBase, named_base(vendor, &named, "", self.trusted)?);
        }
        Ok(())
    }
}

/// The login is fine, but the account has no plan, or is kept from using it.
fn not_served(refusal: Refusal) -> LoginError {
    let Refusal { host, status, code, message, link, .. } = refusal;
    let said = message.or(code).unwrap_or_else(|| "it gave no reason".to_owned());
    LoginError::Ineligible {
        host,
        reason: format!("{said} ({status}); does your account have a plan?"),
        link,
    }
}

fn life(value: &Value, now: SystemTime) -> Option<Duration> {
    let seconds = |name: &str| Duration::try_from_secs_f64(number(&value[name])?).ok();
    let renew = seconds("refresh_in").filter(|seconds| !seconds.is_zero()).map(|life| life + DRIFT);
    let life = renew.or_else(|| {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(seconds("expires_at")?.saturating_sub(now))
    })?;
    Some(life.clamp(DRIFT, LONGEST_LIFE))
}

/// The address for calls: said outright, or in the token as that of a proxy beside it.
fn base(value: &Value) -> Option<String> {
    if let Some(api) = value.pointer("/endpoints/api").and_then(Value::as_str) {
        return Some(api.to_owned());
    }
    let mut fields = value["token"].as_str()?.split(';');
    let proxy = fields.find_map(|field| field.strip_prefix("proxy-ep="))?;
    Some(format!("https://api.{}", proxy.strip_prefix("proxy.")?))
}
