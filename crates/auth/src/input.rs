//! What a person hands in: keys are pasted, and bring along what stood beside them.
//!
//! An error says what is wrong and where, and shows nothing of the key.

use byok_types::{AccountId, AccountKey, ProviderId, Secret};
use url::Url;

/// The longest API key, in bytes. The longest that a vendor is known to give out is a JWT of about 2 KiB.
const LONGEST: usize = 8 * 1024;
/// The longest name of an account, in bytes.
const LONGEST_NAME: usize = 128;

/// Why a key, a name or an address cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// An account's name is empty, too long, or holds what cannot be typed.
    #[error("an account's name has 1 to 128 bytes, without white space, control characters or `/`")]
    AccountName,
    /// The base URL is no http(s) address.
    #[error("the base URL must begin with http:// or https:// and name a host")]
    BaseUrl,
    /// The base URL holds a user name or password, a query or a fragment.
    #[error("the base URL must hold no user name, password, `?` or `#`")]
    BaseUrlExtras,
    /// There is a control character inside of the key.
    #[error("the API key has a control character at position {0}; paste it again, as one line")]
    ControlCharacter(usize),
    /// There is nothing but white space.
    #[error("the API key is empty")]
    Empty,
    /// There is a character that no key has, such as a typographic quote or a zero-width space.
    #[error("the API key has a character outside of ASCII at position {0}; copy it from its source again")]
    NotAscii(usize),
    /// The provider's name cannot be one.
    #[error("a provider's name has 1 to 64 characters out of a-z, 0-9, `_` and `-`")]
    ProviderName,
    /// The key is longer than 8 KiB.
    #[error("the API key is longer than 8 KiB, which no API key is")]
    TooLong,
    /// There is white space inside of the key.
    #[error("the API key has white space at position {0}; paste the key alone, as one line")]
    WhiteSpace(usize),
}

/// The key in what a person pasted: without the white space around it, and fit to be a header's value.
pub fn api_key(pasted: &Secret) -> Result<Secret, InputError> {
    let key = pasted.expose().trim();
    if key.is_empty() {
        return Err(InputError::Empty);
    }
    if key.len() > LONGEST {
        return Err(InputError::TooLong);
    }
    for (position, character) in (1..).zip(key.chars()) {
        if character.is_whitespace() && !matches!(character, '\n' | '\r') {
            return Err(InputError::WhiteSpace(position));
        }
        if character.is_control() {
            return Err(InputError::ControlCharacter(position));
        }
        if !character.is_ascii() {
            return Err(InputError::NotAscii(position));
        }
    }
    if key.len() == pasted.expose().len() {
        return Ok(pasted.clone());
    }
    Ok(Secret::new(key))
}

/// Whether both halves of the key may be names.
pub fn account_key(key: &AccountKey) -> Result<(), InputError> {
    if !ProviderId::is_valid(key.provider.as_str()) {
        return Err(InputError::ProviderName);
    }
    account_name(&key.account)
}

fn account_name(account: &AccountId) -> Result<(), InputError> {
    let name = account.as_str();
    let fits = (1..=LONGEST_NAME).contains(&name.len());
    let strange = |c: char| c.is_whitespace() || c.is_control() || c == '/';
    if fits && !name.contains(strange) { Ok(()) } else { Err(InputError::AccountName) }
}

/// The base URL without the white space and slashes around it. What stands after the host is the
/// provider's business.
pub fn base_url(typed: &str) -> Result<String, InputError> {
    let typed = typed.trim();
    let url = Url::parse(typed).map_err(|_not_a_url| InputError::BaseUrl)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(InputError::BaseUrl);
    }
    let extras = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if extras {
        return Err(InputError::BaseUrlExtras);
    }
    Ok(typed.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_without_what_surrounds_it() {
        for pasted in ["sk-1", "  sk-1\n", "\tsk-1\r\n"] {
            assert_eq!(api_key(&Secret::new(pasted)).unwrap().expose(), "sk-1");
        }
        let longest = "x".repeat(LONGEST);
        assert_eq!(api_key(&Secret::new(longest.as_str())).unwrap().expose(), longest);
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for (pasted, expected) in [
            ("", InputError::Empty),
            (" \n\t", InputError::Empty),
            ("sk 1", InputError::WhiteSpace(3)),
            ("sk\u{a0}1", InputError::WhiteSpace(3)),
            ("sk\tsecret", InputError::WhiteSpace(3)),
            ("sk-1\nsk-2", InputError::ControlCharacter(5)),
            ("sk-1\0", InputError::ControlCharacter(5)),
            ("sk-1\x7f", InputError::ControlCharacter(5)),
            ("“sk-secret”", InputError::NotAscii(1)),
            ("sk-\u{200b}secret", InputError::NotAscii(4)),
            ("\u{feff}sk-secret", InputError::NotAscii(1)),
        ] {
            let error = api_key(&Secret::new(pasted)).unwrap_err();
            assert_eq!(error, expected, "{pasted:?}");
            assert!(!error.to_string().contains("secret"));
        }
        let long = Secret::new("x".repeat(LONGEST + 1));
        assert_eq!(api_key(&long).unwrap_err(), InputError::TooLong);
    }

    #[test]
    fn a_base_url_is_an_address_and_no_more() {
        assert_eq!(base_url(" https://host/v1/ ").unwrap(), "https://host/v1");
        assert_eq!(base_url("http://127.0.0.1:11434").unwrap(), "http://127.0.0.1:11434");
        for bad in ["", "host", "file:///etc/passwd", "ftp://host", "https://"] {
            assert_eq!(base_url(bad).unwrap_err(), InputError::BaseUrl, "{bad}");
        }
        for bad in ["https://me:pw@host", "https://me@host", "https://host?x=1", "https://host#x"] {
            assert_eq!(base_url(bad).unwrap_err(), InputError::BaseUrlExtras, "{bad}");
        }
    }

    #[test]
    fn an_accounts_name_can_be_typed() {
        for good in ["default", "me@example.com", "büro"] {
            assert!(account_name(&AccountId::from(good)).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "a\n", &"x".repeat(129)] {
            assert!(account_name(&AccountId::from(bad)).is_err(), "{bad}");
        }
    }
}
