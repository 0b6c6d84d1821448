//! The file of the key that seals.
//!
//! Invariant: the file appears whole and only once: a start that finds none makes one only when
//! nothing was sealed yet, and never replaces one.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::seal::{KEY_LEN, SealingKey};

/// Its name in the data directory.
pub const FILE: &str = "sealing.key";

/// Why there is no key to seal with. The text is for the person who started Weir.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Gone, and needed.
    #[error(
        "{} is missing, but private keys in the store are sealed with it: put it back from your \
         backup (nothing else opens them)", .0.display()
    )]
    Missing(PathBuf),
    /// Not a file of this many bytes.
    #[error(
        "{} is not a key of {KEY_LEN} bytes: put the right one back from your backup", .0.display()
    )]
    Damaged(PathBuf),
    /// Others may read it.
    #[error(
        "{} may be read or written by others (mode {mode:04o}): run `chmod 600` on it, and \
         consider its keys as known", file.display()
    )]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Somebody else's.
    #[error("{} belongs to user {owner}, not to user {user} who runs Weir", file.display())]
    Owner {
        /// The file.
        file: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who runs this.
        user: u32,
    },
    /// The world's fault.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What went wrong.
        error: std::io::Error,
    },
}

/// The key of a data directory, made if nothing was `sealed` yet. Blocks for the disk.
///
/// # Errors
/// See [`KeyFileError`].
pub fn open(dir: &Path, sealed: bool) -> Result<(SealingKey, PathBuf), KeyFileError> {
    let path = dir.join(FILE);
    let failed = |error| KeyFileError::Io { file: path.clone(), error };
    let bytes = match OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(&path) {
        Ok(file) => read(&path, file)?,
        Err(error) if error.kind() == ErrorKind::NotFound && sealed => {
            return Err(KeyFileError::Missing(path));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => create(dir, &path).map_err(failed)?,
        Err(error) => return Err(failed(error)),
    };
    let key = SealingKey::new(&bytes).map_err(|_| KeyFileError::Damaged(path.clone()))?;
    Ok((key, path))
}

/// A link would let somebody else choose the key.
const O_NOFOLLOW: i32 = 0o400_000;

fn read(path: &Path, mut file: File) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyFileError> {
    let at = || path.to_owned();
    let failed = |error| KeyFileError::Io { file: at(), error };
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() || found.len() != KEY_LEN as u64 {
        return Err(KeyFileError::Damaged(at()));
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed { file: at(), mode });
    }
    let (owner, user) = (found.uid(), std::fs::metadata("/proc/self").map_err(failed)?.uid());
    if owner != user {
        return Err(KeyFileError::Owner { file: at(), owner, user });
    }
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    file.read_exact(bytes.as_mut_slice()).map_err(failed)?;
    Ok(bytes)
}

/// Written beside its place, synced, then linked there: whoever is first wins, and a crash leaves
/// no part of a key.
fn create(dir: &Path, path: &Path) -> std::io::Result<Zeroizing<[u8; KEY_LEN]>> {
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| std::io::Error::other(error.to_string()))?;
    write_new(dir, path, bytes.as_slice())?;
    Ok(bytes)
}

/// Makes a file of mode 0600 that is there whole or not at all; fails if it exists.
pub(super) fn write_new(dir: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    // Only a crash of this very process number can have left it.
    let _ = std::fs::remove_file(&temporary);
    let write = || {
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::hard_link(&temporary, path)
    };
    let outcome = write();
    let _ = std::fs::remove_file(&temporary);
    outcome?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_start_makes_a_key_that_later_ones_read() {
        let home = tempfile::tempdir().unwrap();
        let (first, path) = open(home.path(), false).unwrap();
        let sealed = first.seal(b"x", "record").unwrap();
        for any in [false, true] {
            let (again, _) = open(home.path(), any).unwrap();
            assert_eq!(again.open(&sealed, "record").unwrap().0.as_slice(), b"x");
        }
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!((found.len(), found.mode() & 0o777), (32, 0o600));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_is_needed_is_never_made_anew() {
        let home = tempfile::tempdir().unwrap();
        assert!(matches!(open(home.path(), true), Err(KeyFileError::Missing(_))));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_key_that_others_know_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let (_, path) = open(home.path(), false).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o666] {
            chmod(&path, mode);
            let error = open(home.path(), true).unwrap_err();
            assert!(matches!(error, KeyFileError::Exposed { .. }), "{mode:o}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        chmod(&path, 0o600);
        open(home.path(), true).unwrap();
        std::fs::write(&path, [0; 31]).unwrap();
        assert!(matches!(open(home.path(), true), Err(KeyFileError::Damaged(_))));
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(open(home.path(), false).is_err());
    }
}
