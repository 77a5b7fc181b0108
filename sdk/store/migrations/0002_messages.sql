-- Conversations, as far as this device has fetched them, and what it still has to send.

-- Of a conversation a device holds one unbroken run of sequences, from first to last.
CREATE TABLE conversation (
    id       INTEGER NOT NULL PRIMARY KEY,
    id_group TEXT    NOT NULL UNIQUE,
    first    INTEGER NOT NULL CHECK (first >= 1),
    last     INTEGER NOT NULL CHECK (last >= first - 1),
    -- The highest sequence that the server has named.
    head     INTEGER NOT NULL CHECK (head >= last)
) STRICT;

-- row_key grows with the server's time, so that a search can give the latest first without sorting.
CREATE TABLE entry (
    row_key      INTEGER NOT NULL PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    sequence     INTEGER NOT NULL,
    id           TEXT    NOT NULL,
    author       TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    -- The id of the entry that this one answers or changes; empty for none.
    target       TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    UNIQUE (conversation, sequence)
) STRICT;

CREATE INDEX entry_by_id ON entry (conversation, id);

-- What stands in the conversation by itself; the others change what stands there.
CREATE INDEX entry_standing ON entry (conversation, sequence)
    WHERE kind NOT IN ('edit', 'delete', 'reaction');

CREATE INDEX entry_change ON entry (conversation, target, sequence)
    WHERE kind IN ('edit', 'delete', 'reaction');

-- The words of each message as it reads now, by the row_key of the message.
CREATE VIRTUAL TABLE entry_words USING fts5 (
    words, tokenize = "unicode61 remove_diacritics 2"
);
-- Words of a message that was withdrawn do not stay in the index until it is merged.
INSERT INTO entry_words (entry_words, rank) VALUES ('secure-delete', 1);

-- AUTOINCREMENT, so that what is sent later stands later, whatever went out in between.
CREATE TABLE outbox (
    position     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    id_group     TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    target       TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    -- Why the server refused it; empty while it waits.
    refusal      TEXT    NOT NULL DEFAULT ''
) STRICT;

-- How far each member has received and read.
CREATE TABLE mark (
    id_group  TEXT    NOT NULL,
    name_key  TEXT    NOT NULL,
    pseudo    TEXT    NOT NULL,
    delivered INTEGER NOT NULL,
    read      INTEGER NOT NULL,
    PRIMARY KEY (id_group, name_key)
) STRICT, WITHOUT ROWID;
