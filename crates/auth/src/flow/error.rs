//! What can go wrong while a person logs in. No text here holds a code, a verifier or a token; what a vendor
//! said is cut to size and cleaned before it gets here.

use std::fmt;
use std::time::Duration;

/// Why there is no login.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The person, or who decides for them, said no.
    #[error(
        "{host} was told not to grant access ({reason}); log in again and allow it if that was a mistake"
    )]
    Denied {
        /// The vendor's host.
        host: String,
        /// What the vendor said.
        reason: String,
    },
    /// The code was not used in time.
    #[error("the code of {host} has run out before it was used; log in again for a new one")]
    Expired {
        /// The vendor's host.
        host: String,
    },
    /// The login stands, but must not be used for calls.
    #[error(
        "the login at {host} says who you are, but was not allowed to use your plan (`{scope}` was not \
         granted); log in again and allow the use of your plan, or use an API key"
    )]
    IdentityOnly {
        /// The vendor's host.
        host: String,
        /// What was not granted.
        scope: String,
    },
    /// The id token does not stand the check.
    #[error("the id token of {host} cannot be trusted: {wrong}; nothing was stored")]
    IdToken {
        /// The issuer's host.
        host: String,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// The vendor does not serve this account.
    #[error("{host} does not serve this account: {reason}{}", link_text(.link.as_deref()))]
    Ineligible {
        /// The vendor's host.
        host: String,
        /// What the vendor said.
        reason: String,
        /// Where the person can change that.
        link: Option<String>,
    },
    /// The vendor does not offer this flow, or not to this account.
    #[error("{host} does not offer this way to log in, or not to your account; try another --flow")]
    NotOffered {
        /// The vendor's host.
        host: String,
    },
    /// The vendor asks for a cloud project that only the person can name.
    #[error(
        "{host} needs a cloud project of yours for this account; log in again with its id: --project ID (or \
         GOOGLE_CLOUD_PROJECT)"
    )]
    ProjectNeeded {
        /// The vendor's host.
        host: String,
    },
    /// The vendor said no.
    #[error("{refusal}; {}", .refusal.advice())]
    Refused {
        /// What it said.
        refusal: Box<Refusal>,
    },
    /// A setting of the person's, or of the row, cannot be used.
    #[error("{name}: {wrong}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        wrong: String,
    },
    /// The vendor was not done in time.
    #[error("{host} was not done with setting up your account in time; log in again in some minutes")]
    TooSlow {
        /// The vendor's host.
        host: String,
    },
    /// No answer came.
    #[error("{host} could not be asked: {reason}; check your connection (and proxy), then log in again")]
    Unreachable {
        /// The vendor's host.
        host: String,
        /// What the network said.
        reason: String,
    },
    /// An answer came that is none.
    #[error("{host} answered, but {what}; the vendor may have changed its login: try again, or update byok")]
    Unreadable {
        /// The vendor's host.
        host: String,
        /// What is wrong with it.
        what: String,
    },
}

/// A vendor's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its host.
    pub host: String,
    /// The HTTP status.
    pub status: u16,
    /// The code, such as `invalid_grant`.
    pub code: Option<String>,
    /// What it said to people.
    pub message: Option<String>,
    /// Where the person can do something about it.
    pub link: Option<String>,
    /// How long to wait.
    pub retry_after: Option<Duration>,
    /// Whether it was said in JSON. A page of HTML is a proxy's, a portal's or a firewall's word.
    pub in_json: bool,
}

impl Refusal {
    /// Whether the code is this one.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    fn advice(&self) -> String {
        if let Some(link) = &self.link {
            return format!("see {link}");
        }
        match (self.status, &self.retry_after) {
            (429, Some(wait)) => format!("log in again in {} s", wait.as_secs().max(1)),
            (429, None) => "log in again in some minutes".to_owned(),
            (500.., _) => "that is trouble at its end: log in again later".to_owned(),
            _ => match self.code.as_deref() {
                Some("invalid_client" | "unauthorized_client" | "incorrect_client_credentials") => {
                    "it does not accept the client id: check `oauth` in your config, or log out first"
                        .to_owned()
                }
                Some("invalid_grant" | "bad_verification_code" | "incorrect_device_code") => {
                    "the code was wrong, late or used before: log in again".to_owned()
                }
                _ if !self.in_json => {
                    "that was no answer of a login: check what is between you and it (proxy, portal)"
                        .to_owned()
                }
                _ => "log in again".to_owned(),
            },
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} refused ({}", self.host, self.status)?;
        if let Some(code) = &self.code {
            write!(f, ", {code}")?;
        }
        f.write_str(")")?;
        match &self.message {
            Some(message) => write!(f, ": {}", message.trim_end_matches(['.', ' '])),
            None => Ok(()),
        }
    }
}

fn link_text(link: Option<&str>) -> String {
    link.map(|link| format!("; see {link}")).unwrap_or_default()
}

/// What is wrong with what a browser or a person brought back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// The vendor said no to this very login, which is over.
    #[error("the login was refused: {error}{}", description_text(.description.as_deref()))]
    Denied {
        /// The vendor's code.
        error: String,
        /// What it said to people.
        description: Option<String>,
    },
    /// There is a part missing in what was pasted; the login goes on.
    #[error("that is not all of it; paste {0}")]
    Incomplete(&'static str),
    /// It does not belong to this login, which goes on.
    #[error("that does not belong to this login; paste what the last page of this login shows")]
    NotOurs,
}

fn description_text(description: Option<&str>) -> String {
    description.map(|text| format!(" ({text})")).unwrap_or_default()
}
