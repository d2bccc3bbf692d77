//! Renewing a login, and ending one at its vendor.
//!
//! A login is dead only when its vendor says so in words that the flow lists. Whatever else goes wrong is
//! taken to pass.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use byok_types::{Detail, TokenSet};

use super::address::{Addresses, host};
use super::answer::TokenAnswer;
use super::code::now;
use super::oidc::discover;
use super::register::Identity;
use super::vendor::{Answer, Form, Vendor, field};
use super::{Encoding, Flow, LoginError, Overrides, Renewing, Revocation};
use crate::after::{self, Stage};
use crate::http::{Http, HttpError};
use crate::renew::RenewError;

/// How long a token is used on whose successor could not be worked out, although its login was renewed.
const GRACE: Duration = Duration::from_secs(60);

/// The next tokens of a login. What the vendor did not say again is taken over.
pub async fn renew(
    flow: &Flow,
    overrides: &Overrides,
    tokens: &TokenSet,
    http: &dyn Http,
) -> Result<TokenSet, RenewError> {
    let Some(refresh) = &tokens.refresh else {
        let reason = "this login cannot be renewed: it has no refresh token; log in again".to_owned();
        return Err(RenewError::Impossible { reason });
    };
    let failed = |error| failure(flow, error);
    let region = tokens.details.get(Detail::Region);
    let addresses = Addresses::new(flow, overrides, region).map_err(failed)?;
    let vendor = Vendor { flow, overrides, addresses: &addresses, http };
    if flow.renewal.how == Renewing::Steps {
        let mut next = tokens.clone();
        next.access = refresh.clone();
        after::run(&vendor, &mut next, Stage::Renewal).await.map_err(failed)?;
        return Ok(next);
    }
    let now = now();
    if let Some(wait) = earliest(tokens).and_then(|earliest| earliest.duration_since(now).ok())
        && !wait.is_zero()
    {
        let reason = format!("the vendor allows no renewal for another {} s", wait.as_secs().max(1));
        return Err(RenewError::Temporary { reason, retry_after: Some(wait) });
    }
    let Some(identity) = Identity::kept(&tokens.details).or_else(|| Identity::known(flow, overrides)) else {
        let reason = "the client id of this login is lost; log in again".to_owned();
        return Err(RenewError::Impossible { reason });
    };
    let at = match &flow.issuer {
        // An issuer that cannot be asked where its addresses are may still renew at the usual one.
        Some(issuer) => {
            discover(&vendor, issuer).await.map_or_else(|_| addresses.token.clone(), |found| found.token)
        }
        None => addresses.token.clone(),
    };
    let mut form = Form::default().plain("grant_type", "refresh_token").plain("client_id", identity.id);
    if let Some(secret) = &identity.secret {
        form = form.secret("client_secret", secret);
    }
    form = form.secret("refresh_token", refresh);
    let value = vendor.post_for_tokens(form, &at).await.and_then(Answer::accepted).map_err(failed)?;
    let answer = TokenAnswer::read(value, &host(&at)).map_err(failed)?;
    let mut next = answer.tokens(&vendor, now).map_err(failed)?;
    next.refresh = next.refresh.or_else(|| tokens.refresh.clone());
    next.label = next.label.or_else(|| tokens.label.clone());
    next.details = next.details.over(&tokens.details);
    // A vendor that does not repeat how long a token lives has not changed its mind.
    let life = tokens.details.get(Detail::Lifetime).and_then(|seconds| seconds.parse().ok());
    next.expires_at = next.expires_at.or_else(|| life.map(|seconds| now + Duration::from_secs(seconds)));
    if field(&answer.value, "earliest_refresh_at").is_none() && earliest(tokens).is_some() {
        next.details.set(Detail::EarliestRefresh, "0");
    }
    let mut finished = next.clone();
    match after::run(&vendor, &mut finished, Stage::Renewal).await {
        Ok(()) => Ok(finished),
        // The refresh token may have been replaced: to drop the answer would be to lose the login.
        Err(error) => {
            tracing::warn!(%error, "a login was renewed, but not what follows from it");
            let soon = now + GRACE;
            let expires_at = tokens.expires_at.map(|end| end.max(soon));
            Ok(TokenSet { access: tokens.access.clone(), expires_at, ..next })
        }
    }
}

/// How long before its end a token of a login is renewed: as the flow says, but never before half of its
/// life is over, nor before its vendor allows it.
pub fn margin(flow: &Flow, tokens: &TokenSet) -> Duration {
    let life = tokens.details.get(Detail::Lifetime).and_then(|seconds| seconds.parse().ok());
    let half = life.map(|seconds: u64| Duration::from_secs(seconds) / 2);
    let mut margin = flow.renewal.margin;
    if let Some(half) = half {
        margin = if flow.renewal.half_life { half } else { margin.min(half) };
    }
    match (tokens.expires_at, earliest(tokens)) {
        (Some(end), Some(earliest)) => margin.min(end.duration_since(earliest).unwrap_or_default()),
        _ => margin,
    }
}

fn earliest(tokens: &TokenSet) -> Option<SystemTime> {
    let seconds = tokens.details.get(Detail::EarliestRefresh)?.parse().ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn failure(flow: &Flow, error: LoginError) -> RenewError {
    match error {
        LoginError::Refused { refusal } => {
            // A page of HTML is not the vendor's word, and a vendor in trouble is not believed.
            let meant = refusal.in_json && refusal.status < 500 && refusal.status != 429;
            let by_code =
                refusal.code.as_deref().is_some_and(|code| flow.renewal.final_codes.contains(&code));
            let by_status = flow.renewal.final_statuses.contains(&refusal.status);
            let reason = refusal.to_string();
            if meant && (by_code || by_status) {
                return RenewError::Dead { reason };
            }
            RenewError::Temporary { reason, retry_after: refusal.retry_after }
        }
        error => RenewError::Temporary { reason: error.to_string(), retry_after: None },
    }
}

/// What became of ending a login at its vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The vendor has no way for that, or none that would spare other programs' logins.
    NotOffered,
    /// The vendor said no; why.
    Refused(String),
    /// It is ended.
    Yes,
}

/// Ends a login at its vendor (RFC 7009), where that can be done.
pub async fn revoke(
    flow: &Flow,
    overrides: &Overrides,
    tokens: &TokenSet,
    http: &dyn Http,
) -> Result<Revoked, HttpError> {
    match try_revoke(flow, overrides, tokens, http).await {
        Ok(revoked) => Ok(revoked),
        Err(error @ LoginError::Unreachable { .. }) => Err(HttpError(error.to_string())),
        Err(LoginError::Refused { refusal }) => Ok(Revoked::Refused(refusal.to_string())),
        Err(error) => Ok(Revoked::Refused(error.to_string())),
    }
}

async fn try_revoke(
    flow: &Flow,
    overrides: &Overrides,
    tokens: &TokenSet,
    http: &dyn Http,
) -> Result<Revoked, LoginError> {
    let addresses = Addresses::new(flow, overrides, tokens.details.get(Detail::Region))?;
    let vendor = Vendor { flow, overrides, addresses: &addresses, http };
    let at = match (flow.revocation, &flow.issuer) {
        (Revocation::At(url), _) => addresses.login(url)?,
        (Revocation::Discovered, Some(issuer)) => match discover(&vendor, issuer).await?.revocation {
            Some(url) => url,
            None => return Ok(Revoked::NotOffered),
        },
        _ => return Ok(Revoked::NotOffered),
    };
    let (token, hint) = match &tokens.refresh {
        Some(refresh) => (refresh, "refresh_token"),
        None => (&tokens.access, "access_token"),
    };
    let mut form = Form::default().secret("token", token).plain("token_type_hint", hint);
    if let Some(identity) = Identity::kept(&tokens.details).or_else(|| Identity::known(flow, overrides)) {
        form = form.plain("client_id", identity.id);
    }
    let answer = vendor.post_as(&at, &form, Encoding::Form, http::HeaderMap::new()).await?;
    if answer.status.is_success() && !answer.says_error() {
        return Ok(Revoked::Yes);
    }
    Err(answer.refused())
}

#[cfg(test)]
mod tests;
