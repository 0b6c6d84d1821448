//! Objects of S3: files below a root, `<root>/<bucket>/<key>`, where access logs go too.
//!
//! Invariant: nothing outside of the root is ever read, whatever the names say and whatever links
//! lie below the root; only plain files are read, and only so many bytes of them.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Never waits for the writer of a pipe.
const O_NONBLOCK: i32 = 0o4_000;
/// Bytes of a key.
const KEY_MAX: usize = 1_024;

/// The root.
#[derive(Clone, Debug)]
pub struct ObjectRoot {
    root: PathBuf,
}

/// Why there is no content.
#[derive(Debug, PartialEq, Eq)]
pub enum ObjectTrouble {
    /// No such object.
    NotFound,
    /// It is larger than is read.
    TooLarge,
}

// === impl ObjectRoot ===

impl ObjectRoot {
    /// Objects below this folder, which need not exist yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Reads an object of at most `max` bytes. Blocks for the disk.
    ///
    /// # Errors
    /// What is not there, may not be read, or is no plain file below the root, is not found.
    pub fn read(&self, bucket: &str, key: &str, max: usize) -> Result<Vec<u8>, ObjectTrouble> {
        let missing = |_| ObjectTrouble::NotFound;
        let path = self.path(bucket, key).ok_or(ObjectTrouble::NotFound)?;
        // Links are followed only while they stay inside.
        let root = self.root.canonicalize().map_err(missing)?;
        let path = path.canonicalize().map_err(missing)?;
        if !path.starts_with(&root) {
            return Err(ObjectTrouble::NotFound);
        }
        let open = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(&path);
        let file = open.map_err(missing)?;
        let found = file.metadata().map_err(missing)?;
        if !found.is_file() {
            return Err(ObjectTrouble::NotFound);
        }
        if found.len() > max as u64 {
            return Err(ObjectTrouble::TooLarge);
        }
        let mut bytes = Vec::with_capacity(found.len() as usize);
        // It may grow while it is read.
        file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(missing)?;
        if bytes.len() > max {
            return Err(ObjectTrouble::TooLarge);
        }
        Ok(bytes)
    }

    fn path(&self, bucket: &str, key: &str) -> Option<PathBuf> {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let bucket_fits = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(letter)
            && !bucket.starts_with('.')
            && !bucket.contains("..");
        let part_fits = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        let key_fits = key.len() <= KEY_MAX && key.split('/').all(part_fits);
        (bucket_fits && key_fits).then(|| self.root.join(bucket).join(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_root_are_read() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("s3");
        std::fs::create_dir_all(root.join("bucket/a")).unwrap();
        std::fs::write(root.join("bucket/a/b.pem"), "content").unwrap();
        std::fs::write(home.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(home.path().join("secret"), root.join("bucket/out")).unwrap();
        std::os::unix::fs::symlink(root.join("bucket/a/b.pem"), root.join("bucket/in")).unwrap();
        let objects = ObjectRoot::new(root);
        assert_eq!(objects.read("bucket", "a/b.pem", 7).unwrap(), b"content");
        assert_eq!(objects.read("bucket", "in", 7).unwrap(), b"content");
        assert_eq!(objects.read("bucket", "a/b.pem", 6), Err(ObjectTrouble::TooLarge));
        let bad = [
            ("bucket", "../../secret"),
            ("bucket", "a/../../../secret"),
            ("bucket", "/etc/passwd"),
            ("bucket", "out"),
            ("bucket", "a"),
            ("bucket", "a/"),
            ("bucket", ""),
            ("bucket", "a//b.pem"),
            ("bucket", "a/./b.pem"),
            ("bucket", "a/b.pem\0"),
            ("..", "secret"),
            ("../s3/bucket", "a/b.pem"),
            (".bucket", "a"),
            ("", "bucket/a/b.pem"),
            ("other", "a"),
        ];
        for (bucket, key) in bad {
            let read = objects.read(bucket, key, 100);
            assert_eq!(read, Err(ObjectTrouble::NotFound), "{bucket} {key}");
        }
    }
}
