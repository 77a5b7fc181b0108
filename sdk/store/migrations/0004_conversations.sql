-- What following conversations takes: whose they are, how far one has read, what is attached.

-- The other person of a pair; empty for a group.
ALTER TABLE conversation ADD COLUMN pseudo TEXT NOT NULL DEFAULT '';
-- The server shows this account nothing up to this sequence.
ALTER TABLE conversation ADD COLUMN begins_after INTEGER NOT NULL DEFAULT 0;
-- How far the user has read, here or on another device.
ALTER TABLE conversation ADD COLUMN read INTEGER NOT NULL DEFAULT 0;
-- How far the server knows that this account has received and read.
ALTER TABLE conversation ADD COLUMN told_delivered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN told_read INTEGER NOT NULL DEFAULT 0;

ALTER TABLE entry ADD COLUMN own INTEGER NOT NULL DEFAULT 0;
-- Whether the server has erased its body.
ALTER TABLE entry ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
-- The ids of its attachments, with spaces between them.
ALTER TABLE entry ADD COLUMN attachments TEXT NOT NULL DEFAULT '';

-- To whom, where the pair's id is not known yet; id_group is empty then.
ALTER TABLE outbox ADD COLUMN pseudo TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN attachments TEXT NOT NULL DEFAULT '';

-- Up to where the list of conversations is known.
CREATE TABLE conversation_cursor (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    cursor   TEXT    NOT NULL
) STRICT;

CREATE TABLE blocked (
    name_key TEXT NOT NULL PRIMARY KEY,
    pseudo   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
