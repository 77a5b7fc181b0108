-- Attachments by the SHA-256 of their bytes; the bytes are files in the data folder.
CREATE TABLE attachments (
    id BLOB PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who uploaded which, for the quota and for reading it before an entry has it; `since` in seconds.
CREATE TABLE attachment_uploads (
    profile INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    attachment BLOB NOT NULL REFERENCES attachments (id) ON DELETE CASCADE,
    since INTEGER NOT NULL,
    PRIMARY KEY (profile, attachment)
) STRICT, WITHOUT ROWID;
CREATE INDEX attachment_uploads_by_attachment ON attachment_uploads (attachment);

-- Uploads that are not complete: `bytes` is what they will come to, `touched` the last time in
-- seconds that something came.
CREATE TABLE unfinished_uploads (
    profile INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    attachment BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    touched INTEGER NOT NULL,
    PRIMARY KEY (profile, attachment)
) STRICT, WITHOUT ROWID;

-- Which entries have an attachment: whoever reads one of them reads it too.
CREATE TABLE entry_attachments (
    attachment BLOB NOT NULL REFERENCES attachments (id),
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    audience INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    author INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    PRIMARY KEY (attachment, conversation, audience, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_attachments_by_entry
    ON entry_attachments (conversation, audience, sequence);
CREATE INDEX entry_attachments_by_author ON entry_attachments (author, attachment);

-- A picture goes with the last profile that has it or has uploaded it.
CREATE INDEX profiles_by_picture ON profiles (picture) WHERE picture <> '';
CREATE INDEX uploads_by_picture ON uploads (picture);

-- Who has placed a call, and when it was answered first, in microseconds since 1970.
ALTER TABLE calls ADD COLUMN caller INTEGER;
ALTER TABLE calls ADD COLUMN answered INTEGER;
