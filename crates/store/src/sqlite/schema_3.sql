-- Large contents, named by their SHA-256. `put_ms` is when somebody last wanted it kept; the sweep
-- removes older ones that no record names.
CREATE TABLE blob (
    name   TEXT PRIMARY KEY,
    put_ms INTEGER NOT NULL,
    body   BLOB NOT NULL
) STRICT;
