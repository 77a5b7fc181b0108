-- Profiles. `name_key` is the form that comparisons use (RFC 8265, UsernameCaseMapped).
CREATE TABLE profiles (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    picture TEXT NOT NULL DEFAULT '',
    created INTEGER NOT NULL
) STRICT;

-- Sessions that can be resumed: the SHA-256 of each token.
CREATE TABLE tokens (
    hash BLOB PRIMARY KEY,
    profile INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_profile ON tokens (profile, used);

-- Two rows for each pair, one as seen from either side.
CREATE TABLE contacts (
    profile INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    other INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    relation TEXT NOT NULL CHECK (relation IN ('pending', 'requested', 'confirmed')),
    since INTEGER NOT NULL,
    PRIMARY KEY (profile, other),
    CHECK (profile <> other)
) STRICT, WITHOUT ROWID;

-- Groups; `updated` is in microseconds since 1970 and only grows.
CREATE TABLE groups (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    creator INTEGER NOT NULL REFERENCES profiles (id),
    updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Members; `joined` counts upwards and gives their order.
CREATE TABLE members (
    joined INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    profile INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    UNIQUE (group_id, profile)
) STRICT;
CREATE INDEX members_by_profile ON members (profile);

-- The lasting id of the direct call between two profiles; `low` is the smaller id.
CREATE TABLE pairs (
    id TEXT PRIMARY KEY,
    low INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    high INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    UNIQUE (low, high),
    CHECK (low < high)
) STRICT, WITHOUT ROWID;

-- Pictures by the SHA-256 of their bytes; the bytes are files in the data folder.
CREATE TABLE pictures (
    id TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who uploaded which, for the quota.
CREATE TABLE uploads (
    profile INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    picture TEXT NOT NULL REFERENCES pictures (id),
    PRIMARY KEY (profile, picture)
) STRICT, WITHOUT ROWID;
