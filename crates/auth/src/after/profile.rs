//! The profile that calls name: an organisation's login has one, a person's may have none.

use byok_types::{Detail, TokenSet};
use serde_json::{Value, json};

use crate::flow::vendor::{Asker, Vendor};
use crate::flow::{LoginError, text_at};

/// A list of profiles.
#[derive(Clone, Copy, Debug)]
pub struct Profiles {
    /// Where, with `{region}` for the region of the API.
    pub url: &'static str,
    /// What the API is below, with `{region}`.
    pub api: &'static str,
    /// Which region's API serves logins of the regions that begin so; the first one serves the rest.
    pub regions: &'static [(&'static str, &'static str)],
}

impl Profiles {
    pub(super) async fn run(&self, vendor: &Vendor<'_>, tokens: &mut TokenSet) {
        let region = self.region(vendor.addresses.region().unwrap_or_default());
        let usual = self.regions.first().map(|(_, region)| *region);
        if vendor.overrides.api_base.is_none() && Some(region) != usual {
            tokens.details.set(Detail::ApiBase, self.api.replace("{region}", region));
        }
        match self.first(vendor, tokens, region).await {
            Ok(Some(profile)) => tokens.details.set(Detail::Profile, profile),
            Ok(None) => {}
            // Some accounts are refused here and can be called all the same.
            Err(error) => tracing::info!(%error, "the login has no profile that calls could name"),
        }
    }

    async fn first(
        &self,
        vendor: &Vendor<'_>,
        tokens: &TokenSet,
        region: &str,
    ) -> Result<Option<String>, LoginError> {
        let at = vendor.addresses.api(&self.url.replace("{region}", region))?;
        let value: Value =
            vendor.post_json(&at, Asker::bearer(&tokens.access), &json!({})).await?.accepted()?;
        Ok(text_at(&value, &["/profiles/0/arn"]))
    }

    fn region(&self, of: &str) -> &'static str {
        let found = self.regions.iter().find(|(begin, _)| of.starts_with(begin));
        found.or(self.regions.first()).map_or("", |(_, region)| region)
    }
}
