-- Times are milliseconds since 1970 in UTC. NULL means not known.

-- The one row about this database.
CREATE TABLE store (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    id         TEXT NOT NULL,              -- tells this database from others in a keyring
    generation INTEGER NOT NULL            -- rises with every change to accounts and apps
) STRICT;
INSERT INTO store (one, id, generation) VALUES (1, lower(hex(randomblob(16))), 1);

-- How the secrets are sealed. There is no row while there is nothing to seal.
CREATE TABLE data_key (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    id         BLOB NOT NULL,              -- another one with each new key
    protection TEXT NOT NULL CHECK (protection IN ('keyring', 'passphrase', 'key-file')),
    proof      BLOB NOT NULL,              -- opens with the right key only
    wrapped    BLOB,                       -- the key under the passphrase, with how that is stretched:
    salt       BLOB,
    memory_kib INTEGER,
    passes     INTEGER,
    lanes      INTEGER,
    CHECK ((protection = 'passphrase') = (wrapped IS NOT NULL AND salt IS NOT NULL AND memory_kib IS NOT NULL
                                          AND passes IS NOT NULL AND lanes IS NOT NULL))
) STRICT;

CREATE TABLE account (
    provider   TEXT NOT NULL,
    account    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    label      TEXT,
    base_url   TEXT,
    hint       TEXT,                       -- the tail of an API key, as it may be shown
    sealed     BLOB NOT NULL,              -- bound to provider, account, kind and base_url
    position   INTEGER NOT NULL,           -- the person's order
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_error TEXT,
    PRIMARY KEY (provider, account)
) STRICT;

CREATE TABLE app (
    id         TEXT PRIMARY KEY,
    digest     BLOB NOT NULL UNIQUE CHECK (length(digest) = 32), -- SHA-256 of the session key
    hint       TEXT NOT NULL,              -- the tail of the session key, as it may be shown
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;

-- One row per request. Names are not references: usage outlives accounts and apps.
CREATE TABLE usage (
    id               INTEGER PRIMARY KEY,
    at               INTEGER NOT NULL,
    app              TEXT NOT NULL,
    provider         TEXT NOT NULL,
    account          TEXT NOT NULL,
    model            TEXT NOT NULL,
    status           INTEGER NOT NULL,
    input_tokens     INTEGER NOT NULL,
    output_tokens    INTEGER NOT NULL,
    cached_tokens    INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    first_byte_ms    INTEGER,
    total_ms         INTEGER NOT NULL
) STRICT;
CREATE INDEX usage_at ON usage (at);

-- Who may refresh a login now. The row holds until it is released or over.
CREATE TABLE lease (
    provider   TEXT NOT NULL,
    account    TEXT NOT NULL,
    holder     TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (provider, account)
) STRICT;

CREATE TRIGGER account_added   AFTER INSERT ON account BEGIN UPDATE store SET generation = generation + 1; END;
CREATE TRIGGER account_changed AFTER UPDATE ON account BEGIN UPDATE store SET generation = generation + 1; END;
CREATE TRIGGER account_removed AFTER DELETE ON account BEGIN UPDATE store SET generation = generation + 1; END;
CREATE TRIGGER app_added       AFTER INSERT ON app     BEGIN UPDATE store SET generation = generation + 1; END;
CREATE TRIGGER app_changed     AFTER UPDATE ON app     BEGIN UPDATE store SET generation = generation + 1; END;
CREATE TRIGGER app_removed     AFTER DELETE ON app     BEGIN UPDATE store SET generation = generation + 1; END;
