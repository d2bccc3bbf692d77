//! Apps: the tools that have a session key of their own. Only the digest of a key is known here; the keys
//! are random, so a plain SHA-256 of one tells nothing about it.

use std::time::SystemTime;

use byok_types::AppId;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::Error;
use crate::{Store, time};

/// A tool with a session key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// What the person calls it.
    pub id: AppId,
    /// SHA-256 of its session key.
    pub digest: [u8; 32],
    /// The last characters of its session key.
    pub hint: String,
    /// When it was added.
    pub created_at: SystemTime,
    /// When its key ends by itself, if ever.
    pub expires_at: Option<SystemTime>,
    /// When the person ended it, if so.
    pub revoked_at: Option<SystemTime>,
}

impl Store {
    /// All apps, revoked ones included, by name.
    pub async fn apps(&self) -> Result<Vec<App>, Error> {
        self.worker.run(|database| Ok(all(&database.connection)?)).await
    }

    /// Stores an app, over the one of the same name if there is one.
    pub async fn save_app(&self, app: App) -> Result<(), Error> {
        self.worker.run(move |database| Ok(insert(&database.connection, &app)?)).await
    }

    /// The app whose session key has this SHA-256 digest, revoked or over as it may be.
    pub async fn app_by_digest(&self, digest: [u8; 32]) -> Result<Option<App>, Error> {
        self.worker
            .run(move |database| {
                let app = database
                    .connection
                    .query_row(&format!("SELECT {COLUMNS} FROM app WHERE digest = ?1"), [digest], read)
                    .optional()?;
                Ok(app)
            })
            .await
    }
}

const COLUMNS: &str = "id, digest, hint, created_at, expires_at, revoked_at";

pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<App>> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM app ORDER BY id"))?;
    statement.query_map([], read)?.collect()
}

pub(crate) fn insert(connection: &Connection, app: &App) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT INTO app (id, digest, hint, created_at, expires_at, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET
                 digest = excluded.digest, hint = excluded.hint, created_at = excluded.created_at,
                 expires_at = excluded.expires_at, revoked_at = excluded.revoked_at",
            params![
                app.id.as_str(),
                app.digest,
                app.hint,
                time::to_ms(app.created_at),
                app.expires_at.map(time::to_ms),
                app.revoked_at.map(time::to_ms),
            ],
        )
        .map(drop)
}

fn read(row: &Row<'_>) -> rusqlite::Result<App> {
    Ok(App {
        id: AppId::new(row.get::<_, String>(0)?),
        digest: row.get(1)?,
        hint: row.get(2)?,
        created_at: time::from_ms(row.get(3)?),
        expires_at: row.get::<_, Option<i64>>(4)?.map(time::from_ms),
        revoked_at: row.get::<_, Option<i64>>(5)?.map(time::from_ms),
    })
}
