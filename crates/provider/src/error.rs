//! What is wrong with the providers as configured. What goes wrong in a call is a [`byok_types::Fault`].

use byok_types::{Family, ProviderId};

/// The providers cannot be set up as the config has them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A built-in provider does not speak the family that the config gives it.
    #[error("providers.{provider}: it does not speak {family}; give a `base_url` that does")]
    ForeignFamily {
        /// The provider.
        provider: ProviderId,
        /// The family of the config.
        family: Family,
    },
    /// A header may not be set, or its value is no header value.
    #[error("providers.{provider}.headers.{name}: this header cannot be sent")]
    Header {
        /// The provider.
        provider: ProviderId,
        /// The header.
        name: String,
    },
    /// A provider that is not built in lacks something.
    #[error(
        "providers.{provider}: no provider of this name is built in, so it needs `family` and `base_url`; \
         `{field}` is missing"
    )]
    Incomplete {
        /// The provider.
        provider: ProviderId,
        /// What is missing.
        field: &'static str,
    },
    /// A key in the config cannot be one.
    #[error(transparent)]
    Key(#[from] byok_auth::AuthError),
    /// Secure connections cannot be set up at all.
    #[error("cannot set up secure connections: {0}")]
    Tls(#[source] rustls::Error),
    /// Two names in the config mean the same provider.
    #[error("providers: `{first}` and `{second}` are the same provider; keep one of them")]
    Twice {
        /// One name.
        first: ProviderId,
        /// The other.
        second: ProviderId,
    },
}
