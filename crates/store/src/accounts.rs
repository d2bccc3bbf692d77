//! Accounts and their credentials, keyed by provider and account, never by provider alone.
//!
//! The secret of a row is sealed for that row: under another account, kind or base URL it does not open,
//! so whoever can write the file cannot have a key sent elsewhere.

use std::time::SystemTime;

use byok_types::{AccountId, AccountKey, Credential, CredentialKind, Detail, ProviderId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use zeroize::Zeroizing;

use crate::database::Database;
use crate::error::{Error, Failure};
use crate::key;
use crate::seal::{DataKey, Place};
use crate::{Store, leases, payload, time};

/// An account as it may be shown: all but the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Which account of which provider.
    pub key: AccountKey,
    /// What kind of credential it has.
    pub kind: CredentialKind,
    /// Who it belongs to, as the vendor or the person calls them.
    pub label: Option<String>,
    /// The address that this credential is for, where it is not the provider's usual one.
    pub base_url: Option<String>,
    /// When it was first stored.
    pub created_at: SystemTime,
    /// When it was last stored.
    pub updated_at: SystemTime,
    /// When its token ends, where that is known.
    pub expires_at: Option<SystemTime>,
    /// What last went wrong with it. Storing a credential clears this.
    pub last_error: Option<String>,
    /// Whether it can be used, as far as is known.
    pub state: AccountState,
    /// When its tokens were last renewed.
    pub renewed_at: Option<SystemTime>,
    /// How many renewals failed since the last one that succeeded.
    pub failures: u32,
    /// When a renewal began whose process ended before it did, unless a renewal or a login has succeeded
    /// since. The vendor may have ended the tokens that are here.
    pub cut_off_at: Option<SystemTime>,
    /// Its place in the person's order; lower comes first.
    pub position: i64,
    /// The last characters of an API key.
    pub hint: Option<String>,
    /// Which of the provider's logins it was made with, for one that came from a login.
    pub flow: Option<String>,
}

/// Whether an account can be used, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountState {
    /// Its vendor has ended the login; the person has to log in again.
    NeedsLogin,
    /// Nothing is known against it.
    Ok,
}

impl AccountState {
    /// The name that is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::NeedsLogin => "needs-login",
            Self::Ok => "ok",
        }
    }
}

/// An account to store.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Which account of which provider.
    pub key: AccountKey,
    /// Its secret.
    pub credential: Credential,
    /// The address that the secret is for, where it is not the provider's usual one.
    pub base_url: Option<String>,
    /// Who it belongs to. Where absent, the label of the tokens is taken.
    pub label: Option<String>,
}

/// All accounts with their credentials, as they were at one instant.
#[derive(Debug)]
pub struct Wallet {
    /// The [`Store::generation`] of that instant.
    pub generation: u64,
    /// In the person's order.
    pub accounts: Vec<Held>,
}

/// An account and its credential.
#[derive(Debug)]
pub struct Held {
    /// The account.
    pub account: Account,
    /// Its credential; an error where the row was altered from outside.
    pub credential: Result<Credential, Error>,
}

impl Store {
    /// All accounts, in the person's order.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        self.worker
            .run(|database| {
                let rows = rows(&database.connection)?;
                rows.into_iter().map(StoredRow::account).collect()
            })
            .await
    }

    /// Stores an account's credential: a new account goes last, a known one keeps its place. On the disk
    /// when this returns.
    pub async fn save(&self, account: NewAccount) -> Result<(), Error> {
        let now = SystemTime::now();
        self.worker
            .run(move |database| {
                let (transaction, keys) = database.write()?;
                let data_key = keys.current_or_new(&transaction)?;
                insert(&transaction, data_key, &account, now)?;
                transaction.commit()?;
                Ok(())
            })
            .await
    }

    /// The credential of an account, or `None` when there is no such account.
    pub async fn credential(&self, key: &AccountKey) -> Result<Option<Credential>, Error> {
        let key = key.clone();
        self.worker
            .run(move |database| {
                let (transaction, keys) = database.read()?;
                let Some(row) = row(&transaction, &key)? else {
                    return Ok(None);
                };
                let store = key::store_id(&transaction)?;
                let data_key = keys.current(&transaction)?;
                Ok(Some(row.open(&store, data_key)?))
            })
            .await
    }

    /// All accounts with their credentials, and the generation that they are of.
    pub async fn wallet(&self) -> Result<Wallet, Error> {
        self.worker
            .run(|database| {
                let (transaction, keys) = database.read()?;
                let generation = generation(&transaction)?;
                let rows = rows(&transaction)?;
                let store = key::store_id(&transaction)?;
                let data_key = keys.current(&transaction)?;
                let accounts = rows
                    .into_iter()
                    .map(|row| Ok(Held { credential: row.open(&store, data_key), account: row.account()? }));
                Ok(Wallet { generation, accounts: accounts.collect::<Result<_, Failure>>()? })
            })
            .await
    }

    /// Notes what went wrong with an account, for the person to see. `false` when there is no such account.
    pub async fn note_error(&self, key: &AccountKey, error: String) -> Result<bool, Error> {
        let key = key.clone();
        self.worker
            .run(move |database| {
                let changed = database.connection.execute(
                    "UPDATE account SET last_error = ?3 WHERE provider = ?1 AND account = ?2",
                    params![key.provider.as_str(), key.account.as_str(), error],
                )?;
                Ok(changed > 0)
            })
            .await
    }

    /// Removes an account. `false` when there was none. With the last account goes the key, so that what
    /// copies of the file still hold stays closed for ever.
    pub async fn delete(&self, key: &AccountKey) -> Result<bool, Error> {
        let key = key.clone();
        self.worker
            .run(move |database| {
                let deleted = database.connection.execute(
                    "DELETE FROM account WHERE provider = ?1 AND account = ?2",
                    params![key.provider.as_str(), key.account.as_str()],
                )?;
                if deleted > 0 {
                    let (transaction, keys) = database.write()?;
                    keys.retire(&transaction)?;
                    transaction.commit()?;
                    database.empty_log();
                }
                Ok(deleted > 0)
            })
            .await
    }

    /// Puts an account before the others of its provider. `false` when there is no such account.
    pub async fn prefer(&self, key: &AccountKey) -> Result<bool, Error> {
        let key = key.clone();
        self.worker
            .run(move |database| {
                let changed = database.connection.execute(
                    "UPDATE account SET position =
                         (SELECT min(position) FROM account WHERE provider = ?1) - (position >
                         (SELECT min(position) FROM account WHERE provider = ?1))
                     WHERE provider = ?1 AND account = ?2",
                    params![key.provider.as_str(), key.account.as_str()],
                )?;
                Ok(changed > 0)
            })
            .await
    }

    /// Gives an account another name; its place in the order stays. `false` when there is no such account.
    /// Usage keeps the name that it was recorded with. Fails while the account is being renewed.
    pub async fn rename(&self, key: &AccountKey, name: AccountId) -> Result<bool, Error> {
        let key = key.clone();
        self.worker
            .run(move |database| {
                leases::undisturbed(database, vec![key.clone()], |database| rename(database, &key, name))
            })
            .await
    }

    /// A number that rises with every change to accounts and apps, whichever process makes it.
    pub async fn generation(&self) -> Result<u64, Error> {
        self.worker.run(|database| Ok(generation(&database.connection)?)).await
    }
}

fn generation(connection: &Connection) -> rusqlite::Result<u64> {
    let generation: i64 = connection.query_row("SELECT generation FROM store", [], |row| row.get(0))?;
    Ok(generation.unsigned_abs())
}

/// A row of the table, sealed.
pub(crate) struct StoredRow {
    provider: String,
    account: String,
    kind: String,
    pub(crate) label: Option<String>,
    pub(crate) base_url: Option<String>,
    hint: Option<String>,
    sealed: Vec<u8>,
    position: i64,
    created_at: i64,
    updated_at: i64,
    expires_at: Option<i64>,
    last_error: Option<String>,
    flow: Option<String>,
    state: String,
    renewed_at: Option<i64>,
    failures: u32,
    cut_off_at: Option<i64>,
}

impl StoredRow {
    const COLUMNS: &'static str = "provider, account, kind, label, base_url, hint, sealed, position, created_at, updated_at, expires_at, last_error, flow, state, renewed_at, failures, cut_off_at";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            provider: row.get(0)?,
            account: row.get(1)?,
            kind: row.get(2)?,
            label: row.get(3)?,
            base_url: row.get(4)?,
            hint: row.get(5)?,
            sealed: row.get(6)?,
            position: row.get(7)?,
            created_at: row.get(8)?,
            updated_at: row.get(9)?,
            expires_at: row.get(10)?,
            last_error: row.get(11)?,
            flow: row.get(12)?,
            state: row.get(13)?,
            renewed_at: row.get(14)?,
            failures: row.get(15)?,
            cut_off_at: row.get(16)?,
        })
    }

    pub(crate) fn key(&self) -> AccountKey {
        AccountKey::new(ProviderId::new(self.provider.as_str()), AccountId::new(self.account.as_str()))
    }

    fn kind(&self) -> Result<CredentialKind, Error> {
        [CredentialKind::ApiKey, CredentialKind::Linked, CredentialKind::OAuth, CredentialKind::None]
            .into_iter()
            .find(|kind| kind.name() == self.kind)
            .ok_or_else(|| Error::Sealed { account: self.key() })
    }

    pub(crate) fn account(self) -> Result<Account, Failure> {
        let needs_login = self.state == AccountState::NeedsLogin.name();
        Ok(Account {
            key: self.key(),
            kind: self.kind()?,
            label: self.label,
            base_url: self.base_url,
            created_at: time::from_ms(self.created_at),
            updated_at: time::from_ms(self.updated_at),
            expires_at: self.expires_at.map(time::from_ms),
            last_error: self.last_error,
            position: self.position,
            hint: self.hint,
            flow: self.flow,
            state: if needs_login { AccountState::NeedsLogin } else { AccountState::Ok },
            renewed_at: self.renewed_at.map(time::from_ms),
            failures: self.failures,
            cut_off_at: self.cut_off_at.map(time::from_ms),
        })
    }

    pub(crate) fn open(&self, store: &str, data_key: Option<&DataKey>) -> Result<Credential, Error> {
        let kind = self.kind()?;
        data_key
            .and_then(|key| self.plain(store, key))
            .and_then(|bytes| payload::read(kind, &bytes))
            .ok_or_else(|| Error::Sealed { account: self.key() })
    }

    /// What is sealed, if it opens in its place.
    fn plain(&self, store: &str, data_key: &DataKey) -> Option<Zeroizing<Vec<u8>>> {
        let place = place(store, &self.key(), self.kind().ok()?, self.base_url.as_deref());
        data_key.open(&place, &self.sealed)
    }
}

/// What a sealed credential is bound to.
fn place(store: &str, key: &AccountKey, kind: CredentialKind, base_url: Option<&str>) -> Place {
    Place::new(&[
        Some("byok account"),
        Some(store),
        Some(key.account.as_str()),
        Some(key.provider.as_str()),
        Some(kind.name()),
        base_url,
    ])
}

fn rename(database: &mut Database, key: &AccountKey, name: AccountId) -> Result<bool, Failure> {
    let (transaction, keys) = database.write()?;
    let Some(known) = row(&transaction, key)? else {
        return Ok(false);
    };
    let renamed = AccountKey::new(key.provider.clone(), name);
    if row(&transaction, &renamed)?.is_some() {
        return Err(Failure::Store(Error::NameTaken { account: renamed }));
    }
    let store = key::store_id(&transaction)?;
    let data_key = keys.current(&transaction)?;
    let broken = || Error::Sealed { account: key.clone() };
    let data_key = data_key.ok_or_else(broken)?;
    let plain = known.plain(&store, data_key).ok_or_else(broken)?;
    let place = place(&store, &renamed, known.kind()?, known.base_url.as_deref());
    transaction.execute(
        "UPDATE account SET account = ?3, sealed = ?4 WHERE provider = ?1 AND account = ?2",
        params![
            key.provider.as_str(),
            key.account.as_str(),
            renamed.account.as_str(),
            data_key.seal(&place, &plain)?,
        ],
    )?;
    transaction.commit()?;
    Ok(true)
}

/// Seals every account anew, and says how many there are. One that does not open with the old key stops it:
/// it would be lost for good.
pub(crate) fn reseal(
    transaction: &Connection,
    old: Option<&DataKey>,
    new: &DataKey,
) -> Result<usize, Failure> {
    let store = key::store_id(transaction)?;
    let rows = rows(transaction)?;
    for row in &rows {
        let key = row.key();
        let plain = old.and_then(|old| row.plain(&store, old));
        let plain = plain.ok_or_else(|| Error::Sealed { account: key.clone() })?;
        let place = place(&store, &key, row.kind()?, row.base_url.as_deref());
        transaction.execute(
            "UPDATE account SET sealed = ?3 WHERE provider = ?1 AND account = ?2",
            params![key.provider.as_str(), key.account.as_str(), new.seal(&place, &plain)?],
        )?;
    }
    Ok(rows.len())
}

pub(crate) fn rows(connection: &Connection) -> rusqlite::Result<Vec<StoredRow>> {
    let columns = StoredRow::COLUMNS;
    let mut statement =
        connection.prepare(&format!("SELECT {columns} FROM account ORDER BY position, provider, account"))?;
    statement.query_map([], StoredRow::read)?.collect()
}

pub(crate) fn row(connection: &Connection, key: &AccountKey) -> rusqlite::Result<Option<StoredRow>> {
    let columns = StoredRow::COLUMNS;
    connection
        .query_row(
            &format!("SELECT {columns} FROM account WHERE provider = ?1 AND account = ?2"),
            [key.provider.as_str(), key.account.as_str()],
            StoredRow::read,
        )
        .optional()
}

pub(crate) fn insert(
    transaction: &Connection,
    data_key: &DataKey,
    new: &NewAccount,
    now: SystemTime,
) -> Result<(), Failure> {
    let kind = new.credential.kind();
    let (label, hint, expires_at, flow) = match &new.credential {
        Credential::ApiKey(key) => (None, Some(key.tail()), None, None),
        Credential::OAuth(tokens) => {
            (tokens.label.as_ref(), None, tokens.expires_at, tokens.details.get(Detail::Flow))
        }
        Credential::Linked(_) | Credential::None => (None, None, None, None),
    };
    let place = place(&key::store_id(transaction)?, &new.key, kind, new.base_url.as_deref());
    // Writing strings as JSON into memory does not fail.
    let plain = payload::write(&new.credential).map_err(|_impossible| Error::Panicked)?;
    transaction.execute(
        "INSERT INTO account (provider, account, kind, label, base_url, hint, sealed, position, created_at, updated_at, expires_at, flow)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, (SELECT coalesce(max(position), 0) + 1 FROM account), ?8, ?8, ?9, ?10)
         ON CONFLICT (provider, account) DO UPDATE SET
             kind = excluded.kind, label = excluded.label, base_url = excluded.base_url, hint = excluded.hint,
             sealed = excluded.sealed, updated_at = excluded.updated_at, expires_at = excluded.expires_at,
             flow = excluded.flow,
             last_error = NULL, state = 'ok', failures = 0, renewing_since = NULL, renewing_by = NULL,
             cut_off_at = NULL",
        params![
            new.key.provider.as_str(),
            new.key.account.as_str(),
            kind.name(),
            new.label.as_ref().or(label),
            new.base_url,
            hint,
            data_key.seal(&place, &plain)?,
            time::to_ms(now),
            expires_at.map(time::to_ms),
            flow,
        ],
    )?;
    Ok(())
}
