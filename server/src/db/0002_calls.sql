-- Calls in which somebody has accepted: who is in, so that a server that comes back knows them.
CREATE TABLE calls (
    id TEXT PRIMARY KEY,
    direct INTEGER NOT NULL CHECK (direct IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Their participants, by the session that each is in with; `info` is what it told, as JSON.
CREATE TABLE participants (
    call TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    profile INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    token BLOB NOT NULL,
    info TEXT NOT NULL,
    PRIMARY KEY (call, place)
) STRICT, WITHOUT ROWID;
