//! Whether the write-ahead log is damaged in a place where no crash can have torn it.
//!
//! SQLite reads the log up to the first frame whose checksum fails and takes the rest for a write
//! that was cut off. After a crash that is right for the last transaction only: each commit is on
//! the disk before the next begins. When commits of this log follow the bad frame, acknowledged
//! changes would be dropped without a word; opening is refused instead.
//!
//! One commit behind the bad frame may be the torn one's own, whose blocks the disk wrote in
//! another order; two cannot be.
//!
//! Invariant: reads only; a log that SQLite would use whole, or whose tail is torn, is sound.

/// Of the log's header and of each frame's.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The last bit of the magic number tells the byte order of the checksums.
const MAGIC: u32 = 0x377f_0682;

/// The number of the first damaged frame, from 1, when at least two commits follow it.
pub(super) fn damaged_frame(log: &[u8]) -> Option<usize> {
    let header = log.get(..HEADER)?;
    let magic = word(header, 0, true);
    let page = word(header, 8, true) as usize;
    if magic & !1 != MAGIC || !(512..=65_536).contains(&page) {
        return None;
    }
    let big = magic & 1 == 1;
    let mut sum = checksum((0, 0), &header[..24], big);
    let mut damaged = None;
    let mut commits_after = 0;
    for (number, frame) in (1..).zip(log[HEADER..].chunks_exact(FRAME_HEADER + page)) {
        let (head, body) = frame.split_at(FRAME_HEADER);
        // Frames with other salts are left from before the log began anew.
        let ours = head[8..16] == header[16..24];
        if damaged.is_some() {
            commits_after += usize::from(ours && word(head, 4, true) != 0);
            continue;
        }
        sum = checksum(checksum(sum, &head[..8], big), body, big);
        if !ours || (word(head, 16, true), word(head, 20, true)) != sum {
            damaged = Some(number);
        }
    }
    damaged.filter(|_| commits_after >= 2)
}

fn word(bytes: &[u8], at: usize, big: bool) -> u32 {
    let four = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
}

fn checksum((mut one, mut two): (u32, u32), bytes: &[u8], big: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        one = one.wrapping_add(word(pair, 0, big)).wrapping_add(two);
        two = two.wrapping_add(word(pair, 4, big)).wrapping_add(one);
    }
    (one, two)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The log that SQLite itself writes for this many commits.
    fn log(commits: usize) -> Vec<u8> {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("a.db");
        let connection = rusqlite::Connection::open(&file).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute("CREATE TABLE t (x)", []).unwrap();
        for _ in 0..commits {
            connection.execute("INSERT INTO t VALUES (randomblob(300))", []).unwrap();
        }
        std::fs::read(home.path().join("a.db-wal")).unwrap()
    }

    #[test]
    fn a_log_of_sqlite_is_sound_whole_and_cut_anywhere() {
        let whole = log(40);
        assert_eq!(damaged_frame(&whole), None);
        for len in (0..whole.len()).step_by(997) {
            assert_eq!(damaged_frame(&whole[..len]), None, "{len}");
        }
    }

    #[test]
    fn a_torn_last_commit_is_no_damage_but_a_broken_earlier_one_is() {
        let whole = log(40);
        let mut torn = whole.clone();
        let last = torn.len() - 100;
        torn[last] ^= 1;
        assert_eq!(damaged_frame(&torn), None);
        let mut broken = whole.clone();
        broken[whole.len() / 2] ^= 1;
        assert!(damaged_frame(&broken).is_some());
    }
}
