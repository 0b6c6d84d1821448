//! The tables, how they came to be, and the one row of totals.
//!
//! Migrations only append: entry `n` takes a file from version `n` to `n + 1`, in one transaction
//! with the note that it happened.
//!
//! Invariant: `meta` changes only in the transaction that changes what it counts.

use rusqlite::{Connection, TransactionBehavior, params};
use weir_core::catalog::Revision;

use crate::error::OpenError;

use super::dir::DataDir;

const MIGRATIONS: &[&str] =
    &[include_str!("schema_1.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

/// The row of totals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meta {
    /// Where the store is.
    pub revision: u64,
    /// The newest revision that the log no longer holds.
    pub log_floor: u64,
    /// Changes in the log.
    pub log_changes: usize,
    /// Their bytes.
    pub log_bytes: u64,
    /// Of the newest audited call.
    pub sequence: u64,
    /// Bytes of all audited calls.
    pub audit_bytes: u64,
}

// === impl Meta ===

impl Meta {
    /// Reads the row.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT revision, log_floor, log_changes, log_bytes, sequence, audit_bytes \
                   FROM meta";
        connection.prepare_cached(sql)?.query_row([], |row| {
            Ok(Self {
                revision: row.get(0)?,
                log_floor: row.get(1)?,
                log_changes: row.get(2)?,
                log_bytes: row.get(3)?,
                sequence: row.get(4)?,
                audit_bytes: row.get(5)?,
            })
        })
    }

    /// Writes the row.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "UPDATE meta SET revision = ?1, log_floor = ?2, log_changes = ?3, \
                   log_bytes = ?4, sequence = ?5, audit_bytes = ?6";
        connection.prepare_cached(sql)?.execute(params![
            self.revision,
            self.log_floor,
            self.log_changes,
            self.log_bytes,
            self.sequence,
            self.audit_bytes,
        ])?;
        Ok(())
    }
}

/// Where the store is.
pub(super) fn revision(connection: &Connection) -> rusqlite::Result<Revision> {
    Ok(Revision(Meta::read(connection)?.revision))
}

/// Brings the file to this build's version.
pub(super) fn migrate(connection: &mut Connection, dir: &DataDir) -> Result<(), OpenError> {
    migrate_with(connection, dir, MIGRATIONS)
}

fn migrate_with(
    connection: &mut Connection,
    dir: &DataDir,
    migrations: &[&str],
) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| dir.open_error(&error);
    let found = version(connection).map_err(failed)?;
    let known = migrations.len() as u32;
    if found > known {
        return Err(OpenError::Newer { file: dir.file(), found, known });
    }
    for (at, sql) in (found..).zip(&migrations[found as usize..]) {
        step(connection, at + 1, sql).map_err(failed)?;
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY) STRICT",
    )?;
    let sql = "SELECT coalesce(max(version), 0) FROM schema_version";
    connection.query_row(sql, [], |row| row.get(0))
}

fn step(connection: &mut Connection, version: u32, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(sql)?;
    transaction.execute("INSERT INTO schema_version VALUES (?1)", [version])?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::super::connect;
    use super::*;

    #[test]
    fn migrations_append_once_and_a_newer_file_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::take(home.path()).unwrap();
        let mut connection = connect::writer(&dir, None).unwrap();
        let two = &[MIGRATIONS[0], "ALTER TABLE meta ADD COLUMN extra INTEGER DEFAULT 7"];
        migrate_with(&mut connection, &dir, &two[..1]).unwrap();
        let text = "UPDATE meta SET revision = 41";
        connection.execute(text, []).unwrap();
        for _ in 0..2 {
            migrate_with(&mut connection, &dir, two).unwrap();
            let sql = "SELECT revision, extra FROM meta";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            assert_eq!(connection.query_row(sql, [], row).unwrap(), (41, 7));
        }
        let newer = migrate_with(&mut connection, &dir, &two[..1]).unwrap_err();
        assert!(matches!(newer, OpenError::Newer { found: 2, known: 1, .. }), "{newer}");
    }

    #[test]
    fn audited_calls_of_the_first_version_are_taken_over() {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::take(home.path()).unwrap();
        let mut connection = connect::writer(&dir, None).unwrap();
        migrate_with(&mut connection, &dir, &MIGRATIONS[..1]).unwrap();
        let body = r#"{"request_id":"r-1","time_ms":5000,"source":"ec2.amazonaws.com",
            "action":"CreateTags","region":"us-east-1","principal":"AKIA1","peer":"127.0.0.1",
            "error_code":null,"error_message":null,"parameters":"{\"Resources\":[\"i-1\"]}"}"#;
        let insert = "INSERT INTO audit VALUES (7, 5000, 3, 1, ?1)";
        connection.execute(insert, [body]).unwrap();
        migrate(&mut connection, &dir).unwrap();
        let sql = "SELECT sequence, action, body ->> '$.eventTime', \
                   body ->> '$.requestParameters.Resources[0]', \
                   bytes = (SELECT audit_bytes FROM meta) FROM audit";
        let row = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        };
        let found: (u64, String, String, String, bool) =
            connection.query_row(sql, [], row).unwrap();
        let expected = (7, "CreateTags", "1970-01-01T00:00:05Z", "i-1", true);
        assert_eq!(
            (found.0, found.1.as_str(), found.2.as_str(), found.3.as_str(), found.4),
            expected
        );
    }

    #[test]
    fn a_failed_migration_leaves_no_trace() {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::take(home.path()).unwrap();
        let mut connection = connect::writer(&dir, None).unwrap();
        let bad = &["CREATE TABLE half (x INTEGER); SELECT broken FROM nowhere"];
        assert!(migrate_with(&mut connection, &dir, bad).is_err());
        assert_eq!(version(&connection).unwrap(), 0);
        migrate(&mut connection, &dir).unwrap();
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'half'";
        assert_eq!(connection.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap(), 0);
    }
}
