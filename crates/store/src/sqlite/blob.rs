//! The table of blobs.
//!
//! Invariant: a row is written in one statement, so that it is there whole or not at all.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use crate::blob::BlobName;

/// Writes a blob, or only its time when it is there.
pub(super) fn put(
    connection: &Connection,
    name: &BlobName,
    bytes: &[u8],
    now_ms: i64,
) -> rusqlite::Result<()> {
    let sql = "UPDATE blob SET put_ms = max(put_ms, ?2) WHERE name = ?1";
    if connection.prepare_cached(sql)?.execute(params![name.as_str(), now_ms])? > 0 {
        return Ok(());
    }
    let sql = "INSERT INTO blob (name, put_ms, body) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![name.as_str(), now_ms, bytes])?;
    Ok(())
}

/// Reads a blob.
pub(super) fn read(connection: &Connection, name: &BlobName) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "SELECT body FROM blob WHERE name = ?1";
    connection.prepare_cached(sql)?.query_row([name.as_str()], |row| row.get(0)).optional()
}

/// Removes what is neither kept nor young.
pub(super) fn sweep(
    connection: &mut Connection,
    keep: &BTreeSet<BlobName>,
    before_ms: i64,
) -> rusqlite::Result<usize> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let names: Vec<String> = {
        let mut old = transaction.prepare_cached("SELECT name FROM blob WHERE put_ms < ?1")?;
        old.query_map([before_ms], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    let mut removed = 0;
    for name in names {
        if BlobName::parse(&name).is_some_and(|name| keep.contains(&name)) {
            continue;
        }
        removed +=
            transaction.prepare_cached("DELETE FROM blob WHERE name = ?1")?.execute([name])?;
    }
    transaction.commit()?;
    Ok(removed)
}
