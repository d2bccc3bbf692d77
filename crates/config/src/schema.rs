//! Which fields there are, and where. The reader refuses any other, and the example file must show all.

/// At the top of the file.
pub(crate) const ROOT: &[&str] = &[
    "host",
    "port",
    "providers",
    "aliases",
    "require_key",
    "keys",
    "allowed_hosts",
    "allowed_origins",
    "timeouts",
    "streaming",
    "limits",
    "log",
    "on_lossy",
];

/// Under `providers.NAME`.
pub(crate) const PROVIDER: &[&str] =
    &["enabled", "api_key", "base_url", "family", "models", "headers", "timeout_s", "proxy", "oauth"];

/// Under `providers.NAME.models`, where an entry is more than an id.
pub(crate) const MODEL: &[&str] = &["id", "name", "context", "output"];

/// Under `providers.NAME.oauth`.
pub(crate) const OAUTH: &[&str] =
    &["client_id", "client_secret", "authorize_url", "token_url", "device_url", "scopes"];

/// Under `keys`.
pub(crate) const KEY: &[&str] = &["name", "key"];

/// Under `timeouts`.
pub(crate) const TIMEOUTS: &[&str] = &["connect", "first_byte", "idle"];

/// Under `streaming`.
pub(crate) const STREAMING: &[&str] = &["keepalive_seconds"];

/// Under `limits`.
pub(crate) const LIMITS: &[&str] = &["body_bytes"];

/// Under `log`.
pub(crate) const LOG: &[&str] = &["level"];

/// The one of `known` that `written` most likely means, if any is near enough to be a slip of the fingers.
/// Case, `_` and `-` do not count, so `baseUrl` finds `base_url`.
pub(crate) fn nearest(written: &str, known: &[&'static str]) -> Option<&'static str> {
    // Longer than any name by far: not a slip, and not worth the arithmetic.
    if written.len() > 64 {
        return None;
    }
    let plain = |text: &str| {
        text.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect::<String>()
    };
    let wanted = plain(written);
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&wanted, &plain(name)), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
