//! Pages of the change log: what a node that is behind reads to catch up.
//!
//! Invariant: a page ends at the end of a revision, so whoever absorbs it stands on a state
//! that existed.

use weir_core::catalog::{Change, Revision};
use weir_core::limits::CHANGES_PER_READ_MAX;

/// Changes of consecutive revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// In the order in which they are absorbed.
    pub changes: Vec<Change>,
    /// Where their reader stands afterwards: ask for `since(upto)` next.
    pub upto: Revision,
    /// Where the store stands; more is there while `upto < current`.
    pub current: Revision,
}

// === impl ChangePage ===

impl ChangePage {
    /// Fills a page from `changes`, which come in order and start right after `revision`.
    pub(crate) fn fill<E>(
        revision: Revision,
        current: Revision,
        changes: impl Iterator<Item = Result<(Revision, Change), E>>,
    ) -> Result<Self, E> {
        let mut page = Self { changes: Vec::new(), upto: revision, current };
        // Length of the page at the end of the last whole revision.
        let mut whole = 0;
        let mut open = revision;
        for change in changes {
            let (at, change) = change?;
            if at != open {
                (whole, page.upto, open) = (page.changes.len(), open, at);
            }
            if page.changes.len() >= CHANGES_PER_READ_MAX && whole > 0 {
                page.changes.truncate(whole);
                return Ok(page);
            }
            page.changes.push(change);
        }
        page.upto = current;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use weir_core::catalog::ResourceKey;
    use weir_core::resource::VpcId;

    fn fill(sizes: &[usize]) -> ChangePage {
        let key = ResourceKey::Vpc(VpcId::new("vpc-1"));
        let changes = sizes.iter().enumerate().flat_map(|(i, &size)| {
            std::iter::repeat_n(Revision(i as u64 + 1), size)
                .map(|at| Ok::<_, ()>((at, Change::Delete(key.clone()))))
        });
        ChangePage::fill(Revision(0), Revision(sizes.len() as u64), changes).unwrap()
    }

    #[test]
    fn pages_end_at_revisions() {
        const MAX: usize = CHANGES_PER_READ_MAX;
        let seen = |sizes: &[usize]| {
            let page = fill(sizes);
            (page.changes.len(), page.upto.0)
        };
        assert_eq!(seen(&[]), (0, 0));
        assert_eq!(seen(&[1, 2, 3]), (6, 3));
        assert_eq!(seen(&[MAX]), (MAX, 1));
        assert_eq!(seen(&[MAX, 1]), (MAX, 1));
        assert_eq!(seen(&[MAX - 1, 2, 5]), (MAX - 1, 1));
        assert_eq!(seen(&[1, MAX - 1, 1]), (MAX, 2));
        // A revision that alone exceeds the bound comes whole.
        assert_eq!(seen(&[MAX + 7, 1]), (MAX + 7, 1));
        assert_eq!(seen(&[1, MAX + 7, 1]), (1, 1));
    }
}
