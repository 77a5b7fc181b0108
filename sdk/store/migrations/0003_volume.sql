-- How loud somebody is played in calls, where the user has changed it. Outlives the contact.
CREATE TABLE volume (
    name_key TEXT    NOT NULL PRIMARY KEY,
    pseudo   TEXT    NOT NULL,
    percent  INTEGER NOT NULL CHECK (percent BETWEEN 0 AND 200)
) STRICT, WITHOUT ROWID;
