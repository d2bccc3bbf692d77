//! Gets a usable credential for an account. It knows no provider by name, and no SQL.
//!
//! - [`Vault`] holds the credentials in memory for the hot path, keeps up with the store, and renews logins:
//!   once for all who wait, ahead of their end, and on the disk before anyone sees the new tokens.
//! - [`callback`] listens on loopback for the browser that comes back from a login.
//! - [`import`] reads the logins that vendors' own programs keep on this machine.
//! - [`input`] says what an API key, an account name and a base URL that a person hands in may be.
//! - [`flow`] logs in, renews and revokes: a flow is data that the provider's row hands in, run by an engine
//!   that reaches its vendor through an [`Http`] that is handed in as well.
//! - [`after`] is what comes between a token and a usable login: exchanges, projects, names.
//!
//! The vault is where a refreshed pair is stored before it is used.

pub mod after;
pub mod callback;
pub mod error;
pub mod flow;
pub mod http;
pub mod import;
pub mod input;
mod link;
mod refresh;
pub mod renew;
mod upkeep;
pub mod vault;

pub use error::AuthError;
pub use flow::{CallbackError, CodeLogin, DeviceLogin, Flow, Known, LoginError, Overrides, Polled, Revoked};
pub use http::{Http, HttpError};
pub use input::{InputError, api_key};
pub use refresh::cut_off_notice;
pub use renew::{Renew, RenewError};
pub use vault::Vault;
