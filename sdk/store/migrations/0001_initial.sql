-- What the server told of the own profile, its contacts and groups, and the history of calls,
-- which only this device keeps. Presence is left out on purpose: it is stale once written.

-- One row at most: the profile that this file belongs to.
CREATE TABLE profile (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    pseudo   TEXT    NOT NULL,
    pp       TEXT    NOT NULL
) STRICT;

-- name_key, here and below: the case-folded pseudo, by which names are compared.
CREATE TABLE contact (
    name_key TEXT NOT NULL PRIMARY KEY,
    pseudo   TEXT NOT NULL,
    pp       TEXT NOT NULL,
    relation TEXT NOT NULL CHECK (relation IN ('confirmed', 'pending', 'requested'))
) STRICT, WITHOUT ROWID;

CREATE TABLE call_group (
    id_group         TEXT NOT NULL PRIMARY KEY,
    group_name       TEXT NOT NULL,
    last_update_date TEXT NOT NULL,
    -- Empty when the server has not said it.
    creator          TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE TABLE call_group_member (
    id_group TEXT    NOT NULL REFERENCES call_group (id_group) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name_key TEXT    NOT NULL,
    pseudo   TEXT    NOT NULL,
    PRIMARY KEY (id_group, position),
    UNIQUE (id_group, name_key)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT, so that the id of a forgotten call never names another one.
-- session names the opened cache that is writing the call down, to tell a call that is going on
-- in another process from one whose process died.
CREATE TABLE call (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    session    TEXT    NOT NULL,
    id_group   TEXT    NOT NULL,
    direction  TEXT    NOT NULL CHECK (direction IN ('outgoing', 'incoming')),
    started_at INTEGER NOT NULL
) STRICT;

CREATE TABLE call_peer (
    call     INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name_key TEXT    NOT NULL,
    pseudo   TEXT    NOT NULL,
    PRIMARY KEY (call, position),
    UNIQUE (call, name_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX call_peer_by_name ON call_peer (name_key);

-- What has not happened yet has no row.
CREATE TABLE call_accepted (
    call        INTEGER NOT NULL PRIMARY KEY REFERENCES call (id) ON DELETE CASCADE,
    accepted_at INTEGER NOT NULL
) STRICT;

CREATE TABLE call_ended (
    call     INTEGER NOT NULL PRIMARY KEY REFERENCES call (id) ON DELETE CASCADE,
    ended_at INTEGER NOT NULL,
    reason   TEXT    NOT NULL
) STRICT;
