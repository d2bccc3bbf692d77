-- The one row about what was done with this database as a whole.
CREATE TABLE wallet (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    failed_unlocks INTEGER NOT NULL,       -- wrong passphrases since the last right one
    failed_at      INTEGER,                -- when the last wrong one was given
    exported_at    INTEGER
) STRICT;
INSERT INTO wallet (one, failed_unlocks) VALUES (1, 0);

-- Which of the provider's logins it was made with; a copy, for the person to see without the key.
ALTER TABLE account ADD COLUMN flow TEXT;
