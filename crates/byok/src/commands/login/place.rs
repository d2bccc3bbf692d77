//! Under which name an account is stored: `default` if it is the first, and never a name that somebody
//! else's account has.
//!
//! Whoever logs in again gets their account renewed. Who somebody is, the vendor says: by an id, by a
//! workspace, or by an e-mail address. Where it says nothing, only an account that no longer works is taken
//! to be the same one; and one that the person names.

use byok_store::{Account, Held};
use byok_types::{AccountId, Credential, CredentialKind, Detail, TokenSet};

use crate::commands::Error;

const FIRST: &str = "default";
/// The longest name of an account (byok-auth), less room for a number.
const LONGEST: usize = 120;

/// Where a login goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A name that no account has.
    New(AccountId),
    /// The account of the same person.
    Renewed(AccountId),
}

/// A name that an account can have.
pub(super) fn name(text: &str) -> Result<AccountId, Error> {
    let fits = (1..=128).contains(&text.len()) && !text.chars().any(cannot_be_typed);
    if fits && text != crate::home::CONFIG {
        return Ok(AccountId::from(text));
    }
    Err(Error::AccountName(text.to_owned()))
}

/// Says before a login begins that the name which was asked for cannot be had.
pub(super) fn check(mine: &[Held], asked: Option<&AccountId>) -> Result<(), Error> {
    match asked.and_then(|asked| find(mine, asked)) {
        Some(held) if held.account.kind != CredentialKind::OAuth => Err(taken(held)),
        _ => Ok(()),
    }
}

/// The tokens of the account that logs in again, as far as that is clear before the login: the one that was
/// named, or the only login, where it no longer works.
pub(super) fn earlier<'a>(mine: &'a [Held], asked: Option<&AccountId>) -> Option<&'a TokenSet> {
    if let Some(asked) = asked {
        return tokens(find(mine, asked)?);
    }
    let mut logins = mine.iter().filter(|held| held.account.kind == CredentialKind::OAuth);
    let only = logins.next().filter(|_| logins.next().is_none())?;
    only.account.last_error.as_ref()?;
    tokens(only)
}

/// Where a login goes. `asked` is the name that the person wants.
pub(super) fn of(mine: &[Held], asked: Option<AccountId>, new: &TokenSet) -> Result<Place, Error> {
    if let Some(asked) = asked {
        return match find(mine, &asked) {
            None => Ok(Place::New(asked)),
            Some(held) => match tokens(held).map(|old| same(old, new)) {
                Some(Same::Yes | Same::Unknown) => Ok(Place::Renewed(asked)),
                Some(Same::No) | None => Err(taken(held)),
            },
        };
    }
    let is = |held: &&Held, wanted| tokens(held).is_some_and(|old| same(old, new) == wanted);
    let again = mine
        .iter()
        .find(|held| is(held, Same::Yes))
        .or_else(|| mine.iter().find(|held| is(held, Same::Unknown) && held.account.last_error.is_some()));
    if let Some(held) = again {
        return Ok(Place::Renewed(held.account.key.account.clone()));
    }
    let accounts: Vec<&AccountId> = mine.iter().map(|held| &held.account.key.account).collect();
    Ok(Place::New(free(&accounts, new.label.as_deref())))
}

/// Where a key goes that no name was given for: to the first place, unless a login has that.
pub(super) fn for_key(mine: &[Account]) -> AccountId {
    match mine.iter().find(|account| account.key.account.as_str() == FIRST) {
        Some(account) if account.kind == CredentialKind::OAuth => {
            let keys = mine.iter().find(|account| account.kind == CredentialKind::ApiKey);
            let accounts: Vec<&AccountId> = mine.iter().map(|account| &account.key.account).collect();
            keys.map_or_else(|| free(&accounts, Some("api-key")), |account| account.key.account.clone())
        }
        _ => AccountId::from(FIRST),
    }
}

/// Whose an account is, for messages.
pub(super) fn whose(account: &Account) -> String {
    match (&account.label, account.kind) {
        (Some(label), _) => format!("the login of {label}"),
        (None, CredentialKind::OAuth) => "another login".to_owned(),
        (None, _) => "an API key".to_owned(),
    }
}

fn taken(held: &Held) -> Error {
    Error::AccountTaken { account: held.account.key.clone(), whose: whose(&held.account) }
}

fn find<'a>(mine: &'a [Held], name: &AccountId) -> Option<&'a Held> {
    mine.iter().find(|held| held.account.key.account == *name)
}

fn tokens(held: &Held) -> Option<&TokenSet> {
    match &held.credential {
        Ok(Credential::OAuth(tokens)) => Some(tokens),
        _ => None,
    }
}

/// Whether two logins are one person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Same {
    No,
    Unknown,
    Yes,
}

fn same(old: &TokenSet, new: &TokenSet) -> Same {
    let both = |detail: Detail| Some((old.details.get(detail)?, new.details.get(detail)?));
    // Two workspaces of one person are two accounts.
    if both(Detail::AccountId).is_some_and(|(old, new)| old != new) {
        return Same::No;
    }
    if old.details.get(Detail::StartUrl) != new.details.get(Detail::StartUrl) {
        return Same::No;
    }
    let labels = || Some((old.label.as_deref()?, new.label.as_deref()?));
    match both(Detail::Subject).or_else(labels).or_else(|| both(Detail::Profile)) {
        Some((old, new)) if old == new => Same::Yes,
        Some(_) => Same::No,
        None => Same::Unknown,
    }
}

/// A name that no account has: `default`, or one made of whose it is.
fn free(taken: &[&AccountId], label: Option<&str>) -> AccountId {
    let has = |name: &str| name == crate::home::CONFIG || taken.iter().any(|taken| taken.as_str() == name);
    if !has(FIRST) {
        return AccountId::from(FIRST);
    }
    let label = label.map(plain).filter(|label| !label.is_empty());
    let base = label.unwrap_or_else(|| FIRST.to_owned());
    let numbered = (2_u64..).map(|number| format!("{base}-{number}"));
    let mut names = std::iter::once(base.clone()).chain(numbered);
    let found = names.find(|name| !has(name));
    AccountId::from(found.unwrap_or(base).as_str())
}

/// A text as an account's name: what cannot be typed becomes `-`.
fn plain(text: &str) -> String {
    let mut name = String::new();
    for letter in text.trim().chars() {
        let letter = if cannot_be_typed(letter) { '-' } else { letter };
        if name.len() + letter.len_utf8() > LONGEST {
            break;
        }
        if letter != '-' || !name.ends_with('-') {
            name.push(letter);
        }
    }
    name
}

fn cannot_be_typed(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || letter == '/'
}

#[cfg(test)]
mod tests;
