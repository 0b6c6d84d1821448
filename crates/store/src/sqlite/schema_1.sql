-- One row: where the store is, and running totals so that no commit has to count.
CREATE TABLE meta (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    revision    INTEGER NOT NULL,
    log_floor   INTEGER NOT NULL,  -- newest revision that is no longer in change_log
    log_changes INTEGER NOT NULL,
    log_bytes   INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,  -- of the newest audited call
    audit_bytes INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES (1, 0, 0, 0, 0, 0, 0);

-- What exists. `body` is JSON.
CREATE TABLE resource (
    kind     TEXT NOT NULL,
    id       TEXT NOT NULL,
    revision INTEGER NOT NULL,  -- that wrote it last
    body     TEXT NOT NULL,
    UNIQUE (kind, id)
) STRICT;

-- What changed lately, in order. A `body` of NULL is a removal.
CREATE TABLE change_log (
    revision INTEGER NOT NULL,
    ordinal  INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    id       TEXT NOT NULL,
    body     TEXT,
    bytes    INTEGER NOT NULL,
    UNIQUE (revision, ordinal)
) STRICT;

-- Who asked for what. `body` is JSON.
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    time_ms  INTEGER NOT NULL,
    revision INTEGER NOT NULL,  -- after the call
    bytes    INTEGER NOT NULL,
    body     TEXT NOT NULL
) STRICT;

-- The same for people with a `sqlite3` shell.
CREATE VIEW audited AS
SELECT sequence,
       datetime(time_ms / 1000, 'unixepoch') AS time,
       revision,
       body ->> '$.source'        AS source,
       body ->> '$.action'        AS action,
       body ->> '$.region'        AS region,
       body ->> '$.principal'     AS principal,
       body ->> '$.peer'          AS peer,
       body ->> '$.error_code'    AS error_code,
       body ->> '$.error_message' AS error_message,
       body ->> '$.request_id'    AS request_id,
       body ->> '$.parameters'    AS parameters
FROM audit;
