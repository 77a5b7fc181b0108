-- One row: what this database is to clients, and what it counts.
-- `epoch` changes when a backup is restored: cursors of before are worth nothing then. `change`
-- counts the changes of conversations. `last_profile` is the highest id that a profile ever had:
-- none is given twice, for entries outlive their authors.
CREATE TABLE server (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    change INTEGER NOT NULL,
    last_profile INTEGER NOT NULL
) STRICT;
INSERT INTO server (one, epoch, change, last_profile)
SELECT 1, lower(hex(randomblob(4))), 0, coalesce(max(id), 0) FROM profiles;

-- A conversation for each group and each pair, under their id. `last` is the last sequence that
-- was given, `shown` the last of an entry that everybody sees. No id is given twice, since the
-- entries of a conversation that is gone are cleaned away later.
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    id_group TEXT NOT NULL UNIQUE,
    pair INTEGER NOT NULL CHECK (pair IN (0, 1)),
    last INTEGER NOT NULL DEFAULT 0,
    shown INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What a member has of a conversation. `own` is the last sequence of an entry that is shown to
-- this member alone. The marks that the others are told stay behind the member's own while
-- somebody in between blocks.
CREATE TABLE places (
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    profile INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    joined_after INTEGER NOT NULL DEFAULT 0,
    own INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    read INTEGER NOT NULL DEFAULT 0,
    told_delivered INTEGER NOT NULL DEFAULT 0,
    told_read INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, profile)
) STRICT, WITHOUT ROWID;
CREATE INDEX places_by_profile ON places (profile);

INSERT INTO conversations (id_group, pair) SELECT id, 0 FROM groups;
INSERT INTO conversations (id_group, pair) SELECT id, 1 FROM pairs;
INSERT INTO places (conversation, profile)
SELECT conversations.id, members.profile FROM members
JOIN conversations ON conversations.id_group = members.group_id;
INSERT INTO places (conversation, profile)
SELECT conversations.id, pairs.low FROM pairs
JOIN conversations ON conversations.id_group = pairs.id;
INSERT INTO places (conversation, profile)
SELECT conversations.id, pairs.high FROM pairs
JOIN conversations ON conversations.id_group = pairs.id;

-- Entries. `audience` is 0, or the one profile that sees the entry. Neither the conversation nor
-- the author is a foreign key: when one of them goes, its entries count as gone (or erased) at
-- once, and are cleaned away piece by piece, so that nobody waits for a million rows.
-- `kind`: 0 message, 1 edit, 2 deletion, 3 reaction, 4 call. `time` is in microseconds since 1970.
-- `attachments` holds SHA-256s, one after the other.
CREATE TABLE entries (
    conversation INTEGER NOT NULL,
    audience INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    id BLOB NOT NULL,
    time INTEGER NOT NULL,
    author INTEGER,
    kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 4),
    content_type TEXT,
    body TEXT,
    reply_to BLOB,
    refers_to BLOB,
    attachments BLOB NOT NULL DEFAULT x'',
    erased INTEGER NOT NULL DEFAULT 0 CHECK (erased IN (0, 1)),
    PRIMARY KEY (conversation, audience, sequence)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entries_by_id ON entries (conversation, id);
CREATE UNIQUE INDEX entries_by_author ON entries (author, id);
CREATE INDEX entries_by_target ON entries (conversation, refers_to) WHERE refers_to IS NOT NULL;

-- What is still to be cleaned away: the entries of conversations, and the bodies of authors.
CREATE TABLE ended_conversations (
    conversation INTEGER PRIMARY KEY
) STRICT;
CREATE TABLE departed_authors (
    profile INTEGER PRIMARY KEY
) STRICT;

-- Who blocks whom.
CREATE TABLE blocks (
    profile INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    other INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    PRIMARY KEY (profile, other),
    CHECK (profile <> other)
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_by_other ON blocks (other);

-- A profile that goes takes these with it, from either side.
CREATE INDEX contacts_by_other ON contacts (other);
CREATE INDEX pairs_by_high ON pairs (high);
CREATE INDEX groups_by_creator ON groups (creator);
