-- How a login is kept alive.
ALTER TABLE account ADD COLUMN state TEXT NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'needs-login'));
ALTER TABLE account ADD COLUMN renewed_at INTEGER;     -- the last renewal that succeeded
ALTER TABLE account ADD COLUMN renewing_since INTEGER; -- a renewal began, and its end is not known yet
ALTER TABLE account ADD COLUMN renewing_by TEXT;       -- who began it
ALTER TABLE account ADD COLUMN cut_off_at INTEGER;     -- a renewal began, and its process ended before it did
ALTER TABLE account ADD COLUMN failures INTEGER NOT NULL DEFAULT 0; -- renewals that failed since the last success

-- That a renewal began, or how the one before ended, is no news to other processes.
DROP TRIGGER account_changed;
CREATE TRIGGER account_changed
AFTER UPDATE OF provider, account, kind, label, base_url, hint, sealed, position, created_at, updated_at, expires_at,
                last_error, state
ON account BEGIN UPDATE store SET generation = generation + 1; END;

-- When each renewal of the last minute began, so that no account is renewed in a loop.
CREATE TABLE renewal (
    provider TEXT NOT NULL,
    account  TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX renewal_of ON renewal (provider, account);
