//! What went wrong: one type for every failure that a client can be told about.
//!
//! A fault is neutral between formats. Each dialect writes it in its own shape, and only the proxy
//! decides which faults become answers.

use std::time::Duration;

/// A failure of an upstream, or of byok on the way to it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{status} {message}")]
pub struct Fault {
    /// The HTTP status, as the upstream gave it or as byok chose it.
    pub status: u16,
    /// What kind of failure.
    pub kind: FaultKind,
    /// Whose end it happened at.
    pub blame: Blame,
    /// byok's own code, where byok itself speaks.
    pub code: Option<Code>,
    /// The upstream's code (`context_length_exceeded`, `model_not_found`, …), where it gave one.
    pub upstream_code: Option<String>,
    /// The upstream's own word for the error's type (`invalid_request_error`, `RESOURCE_EXHAUSTED`, …).
    pub upstream_type: Option<String>,
    /// The field of the request that is at fault.
    pub param: Option<String>,
    /// What happened, for the person. Never holds a secret or a prompt.
    pub message: String,
    /// How long the vendor asks to wait.
    pub retry_after: Option<Duration>,
    /// The upstream's id of the request.
    pub request_id: Option<String>,
}

impl Fault {
    /// A fault of the given status, whose kind follows from the status.
    pub fn new(status: u16, blame: Blame, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: FaultKind::of_status(status),
            blame,
            code: None,
            upstream_code: None,
            upstream_type: None,
            param: None,
            message: message.into(),
            retry_after: None,
            request_id: None,
        }
    }

    /// The client's request cannot be served as it stands: 400, naming the field.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        let mut fault = Self::new(400, Blame::Client, message);
        fault.param = Some(param.into());
        fault
    }

    /// The upstream broke the protocol: 502.
    pub fn upstream_broken(message: impl Into<String>) -> Self {
        let mut fault = Self::new(502, Blame::Upstream, message);
        fault.kind = FaultKind::UpstreamBroken;
        fault.code = Some(Code::ProxyError);
        fault
    }

    /// With byok's own code.
    #[must_use]
    pub fn with_code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }
}

/// The kinds of failure that the formats tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// 401: the credential was refused.
    Auth,
    /// 402: there is no money.
    Billing,
    /// 409: two requests are in each other's way.
    Conflict,
    /// 5xx without a better word.
    Internal,
    /// 400, 422: the request is wrong.
    Invalid,
    /// 404: no such model or path.
    NotFound,
    /// 503, 529: the upstream is too busy.
    Overloaded,
    /// 403: the credential does not allow this.
    Permission,
    /// 429: too many requests, or the quota is used up.
    Rate,
    /// 408, 504: it took too long.
    Timeout,
    /// 413: the request is too large.
    TooLarge,
    /// 502: the upstream's answer makes no sense, or the connection broke.
    UpstreamBroken,
}

impl FaultKind {
    /// The kind that a status stands for when nothing else is known.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 498 => Self::Auth,
            402 => Self::Billing,
            403 => Self::Permission,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            409 => Self::Conflict,
            413 => Self::TooLarge,
            429 => Self::Rate,
            502 => Self::UpstreamBroken,
            503 | 529 => Self::Overloaded,
            400..=499 => Self::Invalid,
            _ => Self::Internal,
        }
    }
}

/// Whose end a failure happened at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// byok itself, or this machine.
    Byok,
    /// The caller's request.
    Client,
    /// The provider.
    Upstream,
}

/// The codes that clients see in `error.code` where byok itself speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// An app's key is unknown, expired or revoked, or a credential was refused.
    InvalidKey,
    /// Nothing can serve this model or provider.
    ProviderUnavailable,
    /// The way to the upstream failed.
    ProxyError,
    /// An app's budget, or an account's quota, is used up.
    QuotaExceeded,
    /// Too many requests.
    RateLimited,
    /// The relay could not be reached.
    RelayConnectionFailed,
    /// The relay went away during a request.
    RelayDisconnected,
    /// An app's session is over.
    SessionExpired,
    /// A login can no longer be refreshed.
    TokenExpired,
    /// No better code applies.
    Unknown,
    /// The person said no.
    UserRejected,
    /// The wallet is locked; nothing in it can be used until it is unlocked.
    WalletLocked,
}

impl Code {
    /// The code as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidKey => "INVALID_KEY",
            Self::ProviderUnavailable => "PROVIDER_UNAVAILABLE",
            Self::ProxyError => "PROXY_ERROR",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::RateLimited => "RATE_LIMITED",
            Self::RelayConnectionFailed => "RELAY_CONNECTION_FAILED",
            Self::RelayDisconnected => "RELAY_DISCONNECTED",
            Self::SessionExpired => "SESSION_EXPIRED",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::Unknown => "UNKNOWN",
            Self::UserRejected => "USER_REJECTED",
            Self::WalletLocked => "WALLET_LOCKED",
        }
    }
}
