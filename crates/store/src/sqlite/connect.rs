//! Connections with the settings that the promises rest on, and the check of the file.
//!
//! Invariant: the writing connection syncs every commit before it returns.

use rusqlite::{Connection, OpenFlags};

use std::time::Duration;

use crate::error::{OpenError, Outage};

use super::dir::DataDir;

/// `WEIR` in the file's header.
const APPLICATION_ID: i32 = 0x5745_4952;
/// How long to wait for an operator's `sqlite3` shell.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// The write-ahead log is cut back to this many bytes after a checkpoint.
const LOG_BYTES_KEPT: i64 = 16 * 1024 * 1024;
/// Files up to this size are checked whole at every open; larger ones (years of audit) only in
/// the tables that a start needs.
const CHECK_WHOLE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most problems that a check lists.
const PROBLEMS_MAX: usize = 3;

/// The connection that writes, after the file was found sound.
pub(super) fn writer(dir: &DataDir, pages_max: Option<u32>) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| dir.open_error(&error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(dir.file(), flags).map_err(failed)?;
    connection.busy_timeout(BUSY_WAIT).map_err(failed)?;
    claim(&connection, dir)?;
    configure(&connection, pages_max).map_err(failed)?;
    check(&connection, dir)?;
    Ok(connection)
}

/// The connection that reads.
pub(super) fn reader(dir: &DataDir) -> Result<Connection, OpenError> {
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(dir.file(), flags)?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    };
    open().map_err(|error: rusqlite::Error| dir.open_error(&error))
}

fn claim(connection: &Connection, dir: &DataDir) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| dir.open_error(&error);
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let found = number("application_id").map_err(failed)?;
    if found == APPLICATION_ID {
        return Ok(());
    }
    let empty = number("page_count").map_err(failed)? == 0;
    if !empty {
        return Err(OpenError::Foreign { file: dir.file(), found });
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)
}

fn configure(connection: &Connection, pages_max: Option<u32>) -> rusqlite::Result<()> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    debug_assert_eq!(mode, "wal");
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    if let Some(pages) = pages_max {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

fn check(connection: &Connection, dir: &DataDir) -> Result<(), OpenError> {
    let whole = std::fs::metadata(dir.file()).is_ok_and(|f| f.len() <= CHECK_WHOLE_BYTES_MAX);
    let tables: &[Option<&str>] =
        if whole { &[None] } else { &[Some("meta"), Some("resource"), Some("change_log")] };
    for table in tables {
        let problems = quick_check(connection, *table).map_err(|error| dir.open_error(&error))?;
        if !problems.is_empty() {
            let text = format!("{}: {}", dir.file().display(), problems.join("; "));
            let outage = Outage::Corrupt(text);
            return Err(OpenError::Outage { dir: dir.path().to_owned(), outage });
        }
    }
    Ok(())
}

fn quick_check(connection: &Connection, table: Option<&str>) -> rusqlite::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut note = |row: &rusqlite::Row<'_>| {
        let line: String = row.get(0)?;
        if line != "ok" && problems.len() < PROBLEMS_MAX {
            problems.push(line.replace('\n', " "));
        }
        Ok(())
    };
    match table {
        Some(table) => connection.pragma(None, "quick_check", table, &mut note)?,
        None => connection.pragma_query(None, "quick_check", &mut note)?,
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_synced_and_readers_cannot_write() {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::take(home.path()).unwrap();
        let writer = writer(&dir, None).unwrap();
        let full: u32 = writer.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        let mode: String = writer.pragma_query_value(None, "journal_mode", |r| r.get(0)).unwrap();
        assert_eq!((full, mode.as_str()), (2, "wal"));
        let error = reader(&dir).unwrap().execute_batch("CREATE TABLE x (y)").unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ReadOnly));
    }
}
