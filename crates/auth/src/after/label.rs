//! Whose login it is, and the key that belongs to the person's account.

use byok_types::TokenSet;
use url::Url;

use crate::flow::vendor::{Asker, Vendor};
use crate::flow::{Fields, LoginError, text_at};

/// A question about the person.
#[derive(Clone, Copy, Debug)]
pub struct UserInfo {
    /// Where.
    pub url: &'static str,
    /// What is kept of the answer.
    pub fields: Fields,
}

impl UserInfo {
    pub(super) async fn run(&self, vendor: &Vendor<'_>, tokens: &mut TokenSet) {
        let asked = async {
            let at = vendor.addresses.login(self.url)?;
            vendor.fetch(&at, Asker::bearer(&tokens.access)).await?.accepted()
        };
        match asked.await {
            Ok(value) => {
                tokens.label = self.fields.label(&value).or_else(|| tokens.label.take());
                for (detail, pointers) in self.fields.details {
                    if let Some(found) = text_at(&value, pointers) {
                        tokens.details.set(*detail, found);
                    }
                }
            }
            Err(error) => tracing::info!(%error, "the login works, but whose it is remains unknown"),
        }
    }
}

/// A key that the person's account has, which is what calls carry.
#[derive(Clone, Copy, Debug)]
pub struct KeyOfAccount {
    /// Where.
    pub url: &'static str,
    /// The field of the query that takes the access token.
    pub parameter: &'static str,
    /// Where the key stands in the answer.
    pub key: &'static str,
    /// Where the person's name stands.
    pub label: &'static [&'static str],
}

impl KeyOfAccount {
    pub(super) async fn run(&self, vendor: &Vendor<'_>, tokens: &mut TokenSet) -> Result<(), LoginError> {
        let mut at: Url = vendor.addresses.login(self.url)?;
        at.query_pairs_mut().append_pair(self.parameter, tokens.access.expose());
        let hidden = [tokens.access.clone()];
        let answer = vendor.fetch_with(&at, Asker::Nobody, &[], &hidden).await?;
        let host = answer.host.clone();
        if answer.value.as_ref().is_some_and(|value| value["success"] == false) {
            return Err(answer.refused());
        }
        let value = answer.accepted()?;
        tokens.access = super::token_at(&value, self.key, &host)?;
        tokens.label = text_at(&value, self.label).or_else(|| tokens.label.take());
        Ok(())
    }
}
