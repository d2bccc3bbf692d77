//! A wallet in one file, for another machine or for a safe place: encrypted under a passphrase of its own.
//!
//! ```text
//! magic (8) · version (1) · salt (16) · memory KiB, passes, lanes (4 each, big-endian) · sealed
//! ```
//!
//! `sealed` is what [`crate::seal`] writes, under the key that argon2id makes of the passphrase, with all that
//! stands before it as associated data. Its plaintext is JSON: accounts in the person's order with their
//! credentials, and the apps with the digests of their keys. Usage, leases and failures stay at home.
//!
//! A file that someone hands over is hostile: its size and its parameters are bounded before any work is
//! done, and what is wrong with it is one error, since nobody can tell a wrong passphrase from a changed byte.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use byok_types::{AccountId, AccountKey, AppId, Credential, CredentialKind, ProviderId, Secret};
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::accounts;
use crate::apps::{self, App};
use crate::database::Database;
use crate::error::{Error, Failure};
use crate::passphrase::Stretch;
use crate::seal::{DataKey, Place};
use crate::{NewAccount, Store, key, leases, payload, time};

/// How large an export may be, in bytes.
pub const MAX_EXPORT: usize = 10 * 1024 * 1024;

const MAGIC: &[u8; 8] = b"byok\xf0\x9f\x94\x91";
const VERSION: u8 = 1;
const HEADER: usize = MAGIC.len() + 1 + 16 + 3 * 4;

/// What an export holds, opened.
pub struct Contents {
    /// When it was made.
    pub exported_at: SystemTime,
    /// In the person's order.
    pub accounts: Vec<NewAccount>,
    /// With the digests of their keys, revoked ones included.
    pub apps: Vec<App>,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = (self.accounts.len(), self.apps.len());
        f.debug_tuple("Contents").field(&counts).finish()
    }
}

/// What happens to what is here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// It stays; what comes in under a name that is taken gets another.
    Beside,
    /// It goes.
    Instead,
}

/// Where an account or app of an import ended up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed<T> {
    /// Under its own name.
    Added(T),
    /// Under another name, since its own is taken.
    Renamed {
        /// Its name in the file.
        from: T,
        /// Its name here.
        to: T,
    },
    /// The very same one is here.
    Known(T),
}

/// What an import came to.
#[derive(Debug)]
pub struct Imported {
    /// Each account of the file, in its order.
    pub accounts: Vec<Placed<AccountKey>>,
    /// Each app of the file.
    pub apps: Vec<Placed<AppId>>,
    /// How many accounts were here and are not any more.
    pub removed: usize,
}

impl Store {
    /// The wallet as one encrypted file, and how many accounts and apps are in it.
    pub async fn export(&self, passphrase: Secret) -> Result<(Vec<u8>, usize, usize), Error> {
        let now = SystemTime::now();
        self.worker
            .run(move |database| {
                let (transaction, keys) = database.read()?;
                let rows = accounts::rows(&transaction)?;
                let store = key::store_id(&transaction)?;
                let data_key = keys.current(&transaction)?;
                let mut accounts = Vec::with_capacity(rows.len());
                for row in rows {
                    let credential = row.open(&store, data_key)?;
                    accounts.push(NewAccount {
                        key: row.key(),
                        credential,
                        base_url: row.base_url,
                        label: row.label,
                    });
                }
                let apps = apps::all(&transaction)?;
                let contents = Contents { exported_at: now, accounts, apps };
                let file = seal(&contents, &passphrase)?;
                Ok((file, contents.accounts.len(), contents.apps.len()))
            })
            .await
    }

    /// Takes in what an export holds, all of it or nothing. On the disk when this returns.
    pub async fn import(&self, contents: Contents, merge: Merge) -> Result<Imported, Error> {
        self.worker
            .run(move |database| {
                // What goes may be renewed at this moment, and would come to nothing.
                let going = match merge {
                    Merge::Beside => Vec::new(),
                    Merge::Instead => {
                        accounts::rows(&database.connection)?.iter().map(accounts::StoredRow::key).collect()
                    }
                };
                leases::undisturbed(database, going, |database| import(database, contents, merge))
            })
            .await
    }
}

fn import(database: &mut Database, contents: Contents, merge: Merge) -> Result<Imported, Failure> {
    let now = SystemTime::now();
    let (transaction, keys) = database.write()?;
    let mut removed = 0;
    if merge == Merge::Instead {
        removed = transaction.execute("DELETE FROM account", [])?;
        transaction.execute("DELETE FROM app", [])?;
    }
    let data_key = keys.current_or_new(&transaction)?;
    let mut placed = Vec::with_capacity(contents.accounts.len());
    for account in contents.accounts {
        placed.push(place_account(&transaction, data_key, account, now)?);
    }
    let mut apps = Vec::with_capacity(contents.apps.len());
    for app in contents.apps {
        apps.push(place_app(&transaction, app)?);
    }
    transaction.commit()?;
    if merge == Merge::Instead {
        database.empty_log();
    }
    Ok(Imported { accounts: placed, apps, removed })
}

fn place_account(
    transaction: &Connection,
    data_key: &DataKey,
    mut account: NewAccount,
    now: SystemTime,
) -> Result<Placed<AccountKey>, Failure> {
    let from = account.key.clone();
    let store = key::store_id(transaction)?;
    let mut number = 1;
    while let Some(row) = accounts::row(transaction, &account.key)? {
        let same = row.base_url == account.base_url
            && row.open(&store, Some(data_key)).is_ok_and(|held| is_same(&held, &account.credential));
        if same {
            return Ok(Placed::Known(account.key));
        }
        number += 1;
        let name = format!("{}-{number}", from.account);
        account.key = AccountKey::new(from.provider.clone(), AccountId::new(name));
    }
    accounts::insert(transaction, data_key, &account, now)?;
    let to = account.key;
    Ok(if to == from { Placed::Added(to) } else { Placed::Renamed { from, to } })
}

fn is_same(one: &Credential, other: &Credential) -> bool {
    let bytes = |credential| payload::write(credential).ok();
    one.kind() == other.kind() && bytes(one).is_some_and(|one| bytes(other).is_some_and(|other| one == other))
}

fn place_app(transaction: &Connection, mut app: App) -> Result<Placed<AppId>, Failure> {
    let known: Option<String> = transaction
        .query_row("SELECT id FROM app WHERE digest = ?1", [app.digest], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(Placed::Known(AppId::new(id)));
    }
    let from = app.id.clone();
    let mut number = 1;
    while transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM app WHERE id = ?1)",
        [app.id.as_str()],
        |row| row.get::<_, bool>(0),
    )? {
        number += 1;
        app.id = AppId::new(format!("{from}-{number}"));
    }
    apps::insert(transaction, &app)?;
    Ok(if app.id == from { Placed::Added(from) } else { Placed::Renamed { from, to: app.id } })
}

/// The file, without what opens it.
struct Envelope<'a> {
    header: &'a [u8],
    stretch: Stretch,
    sealed: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Looks at the outside of a file. Nothing is computed with what is out of bounds.
    fn read(file: &'a [u8]) -> Result<Self, Error> {
        if file.len() > MAX_EXPORT {
            return Err(Error::ExportTooLarge);
        }
        let (header, sealed) = file.split_at_checked(HEADER).ok_or(Error::NotAnExport)?;
        let rest = header.strip_prefix(MAGIC).ok_or(Error::NotAnExport)?;
        let (&version, rest) = rest.split_first().ok_or(Error::NotAnExport)?;
        if version != VERSION {
            return Err(if version > VERSION {
                Error::ExportNewer { found: version }
            } else {
                Error::NotAnExport
            });
        }
        let (salt, numbers) = rest.split_first_chunk::<16>().ok_or(Error::NotAnExport)?;
        let mut numbers = numbers.as_chunks::<4>().0.iter().map(|bytes| u32::from_be_bytes(*bytes));
        let mut number = || numbers.next().unwrap_or_default();
        let stretch = Stretch { salt: *salt, memory_kib: number(), passes: number(), lanes: number() };
        if !stretch.is_bounded() {
            return Err(Error::ExportClosed);
        }
        Ok(Self { header, stretch, sealed })
    }
}

fn header(stretch: &Stretch) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.push(VERSION);
    header.extend_from_slice(&stretch.salt);
    for number in [stretch.memory_kib, stretch.passes, stretch.lanes] {
        header.extend_from_slice(&number.to_be_bytes());
    }
    header
}

fn seal(contents: &Contents, passphrase: &Secret) -> Result<Vec<u8>, Error> {
    let stretch = Stretch::for_export()?;
    let mut file = header(&stretch);
    let key = stretch.key(passphrase).ok_or(Error::Panicked)?;
    let plain = contents.write()?;
    file.extend_from_slice(&key.seal(&Place::after("byok export", &file), &plain)?);
    if file.len() > MAX_EXPORT {
        return Err(Error::ExportTooLarge);
    }
    Ok(file)
}

impl Contents {
    /// Opens an export. Takes a moment of one core, and up to 512 MiB if the file asks for that.
    pub fn open(file: &[u8], passphrase: &Secret) -> Result<Self, Error> {
        let envelope = Envelope::read(file)?;
        let key = envelope.stretch.key(passphrase).ok_or(Error::ExportClosed)?;
        let place = Place::after("byok export", envelope.header);
        let plain = key.open(&place, envelope.sealed).ok_or(Error::ExportClosed)?;
        Self::read(&plain).ok_or(Error::ExportClosed)
    }

    fn write(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        // Writing strings as JSON into memory does not fail.
        let failed = |_impossible| Error::Panicked;
        let payloads: Vec<Zeroizing<Vec<u8>>> = self
            .accounts
            .iter()
            .map(|account| payload::write(&account.credential).map_err(failed))
            .collect::<Result<_, _>>()?;
        let accounts = self.accounts.iter().zip(&payloads).map(|(account, payload)| {
            Ok(PlainAccount {
                provider: Cow::Borrowed(account.key.provider.as_str()),
                account: Cow::Borrowed(account.key.account.as_str()),
                kind: Cow::Borrowed(account.credential.kind().name()),
                label: account.label.as_deref().map(Cow::Borrowed),
                base_url: account.base_url.as_deref().map(Cow::Borrowed),
                credential: match account.credential.kind() {
                    CredentialKind::None => None,
                    CredentialKind::ApiKey | CredentialKind::Linked | CredentialKind::OAuth => {
                        Some(serde_json::from_slice(payload).map_err(failed)?)
                    }
                },
            })
        });
        let plain = Plain {
            exported_at: time::to_ms(self.exported_at),
            accounts: accounts.collect::<Result<_, Error>>()?,
            apps: self.apps.iter().map(PlainApp::of).collect(),
        };
        // Large enough from the start, so that no copy stays behind.
        let texts = |account: &NewAccount| {
            let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            optional(&account.label) + optional(&account.base_url) + account.key.account.as_str().len()
        };
        let length = payloads.iter().map(|payload| payload.len()).sum::<usize>()
            + self.accounts.iter().map(|account| 6 * texts(account) + 512).sum::<usize>()
            + self.apps.iter().map(|app| 6 * app.id.as_str().len() + 512).sum::<usize>()
            + 256;
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        serde_json::to_writer(&mut *bytes, &plain).map_err(failed)?;
        Ok(bytes)
    }

    fn read(plain: &[u8]) -> Option<Self> {
        let plain: Plain<'_> = serde_json::from_slice(plain).ok()?;
        let accounts = plain.accounts.into_iter().map(PlainAccount::account).collect::<Option<_>>()?;
        let apps = plain.apps.into_iter().map(PlainApp::app).collect::<Option<_>>()?;
        Some(Self { exported_at: time::from_ms(plain.exported_at), accounts, apps })
    }
}

/// What is sealed. A later version may add fields, which this one passes over.
#[derive(Serialize, Deserialize)]
struct Plain<'a> {
    /// Milliseconds since 1970.
    exported_at: i64,
    #[serde(borrow)]
    accounts: Vec<PlainAccount<'a>>,
    #[serde(borrow)]
    apps: Vec<PlainApp<'a>>,
}

#[derive(Serialize, Deserialize)]
struct PlainAccount<'a> {
    #[serde(borrow)]
    provider: Cow<'a, str>,
    #[serde(borrow)]
    account: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    label: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    base_url: Option<Cow<'a, str>>,
    /// As [`payload`] writes it.
    #[serde(borrow, default)]
    credential: Option<&'a RawValue>,
}

impl PlainAccount<'_> {
    fn account(self) -> Option<NewAccount> {
        let kind =
            [CredentialKind::ApiKey, CredentialKind::Linked, CredentialKind::OAuth, CredentialKind::None]
                .into_iter()
                .find(|kind| kind.name() == self.kind)?;
        let bytes = self.credential.map_or(&b""[..], |raw| raw.get().as_bytes());
        Some(NewAccount {
            key: AccountKey::new(ProviderId::new(&*self.provider), AccountId::new(&*self.account)),
            credential: payload::read(kind, bytes)?,
            base_url: self.base_url.map(Cow::into_owned),
            label: self.label.map(Cow::into_owned),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct PlainApp<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    /// Base64.
    #[serde(borrow)]
    digest: Cow<'a, str>,
    #[serde(borrow)]
    hint: Cow<'a, str>,
    created_at: i64,
    #[serde(default)]
    expires_at: Option<i64>,
    #[serde(default)]
    revoked_at: Option<i64>,
}

impl<'a> PlainApp<'a> {
    fn of(app: &'a App) -> Self {
        Self {
            id: Cow::Borrowed(app.id.as_str()),
            digest: Cow::Owned(BASE64.encode(app.digest)),
            hint: Cow::Borrowed(&app.hint),
            created_at: time::to_ms(app.created_at),
            expires_at: app.expires_at.map(time::to_ms),
            revoked_at: app.revoked_at.map(time::to_ms),
        }
    }

    fn app(self) -> Option<App> {
        Some(App {
            id: AppId::new(&*self.id),
            digest: BASE64.decode(&*self.digest).ok()?.try_into().ok()?,
            hint: self.hint.into_owned(),
            created_at: time::from_ms(self.created_at),
            expires_at: self.expires_at.map(time::from_ms),
            revoked_at: self.revoked_at.map(time::from_ms),
        })
    }
}

#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    use super::*;

    /// The outside of a file, up to where the passphrase would be stretched.
    pub fn envelope(file: &[u8]) -> bool {
        Envelope::read(file).is_ok()
    }

    /// The inside of a file; what is read is written and read again.
    pub fn contents(plain: &[u8]) {
        if let Some(contents) = Contents::read(plain) {
            let Ok(bytes) = contents.write() else { return };
            let again = Contents::read(&bytes).and_then(|again| again.write().ok());
            assert!(again.is_some_and(|again| again == bytes), "what was written reads back");
        }
    }
}

#[cfg(test)]
mod tests;
