//! An ordered set: the keys of a [`Map`].
//!
//! Invariant: that of the map.

use std::borrow::Borrow;
use std::fmt;
use std::ops::RangeBounds;

use super::map::{Iter, Map};

/// An ordered set. Cloning it costs a pointer.
pub struct Set<T>(Map<T, ()>);

/// Members in order.
pub struct Members<'a, T>(Iter<'a, T, ()>);

// === impl Set ===

impl<T> Set<T> {
    /// An empty set.
    pub const fn new() -> Self {
        Self(Map::new())
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All members, in order.
    pub fn iter(&self) -> Members<'_, T> {
        Members(self.0.iter())
    }

    /// The lowest member.
    pub fn first(&self) -> Option<&T> {
        self.iter().next()
    }
}

impl<T: Ord> Set<T> {
    /// Whether `member` is in.
    pub fn contains<Q>(&self, member: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.0.contains_key(member)
    }

    /// The members between two bounds, in order.
    pub fn range<Q, R>(&self, range: R) -> impl Iterator<Item = &T>
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
        R: RangeBounds<Q>,
    {
        self.0.range(range).map(|(member, ())| member)
    }
}

impl<T: Ord + Clone> Set<T> {
    /// Adds a member; whether it was new.
    pub fn insert(&mut self, member: T) -> bool {
        self.0.insert(member, ()).is_none()
    }

    /// Takes a member out; whether it was in.
    pub fn remove<Q>(&mut self, member: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.0.remove(member).is_some()
    }
}

impl<T> Clone for Set<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: PartialEq> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Eq> Eq for Set<T> {}

impl<T: fmt::Debug> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: Ord + Clone> Extend<T> for Set<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, members: I) {
        self.0.extend(members.into_iter().map(|member| (member, ())));
    }
}

impl<T: Ord + Clone> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        let mut set = Self::new();
        set.extend(members);
        set
    }
}

impl<'a, T> IntoIterator for &'a Set<T> {
    type Item = &'a T;
    type IntoIter = Members<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

// === impl Members ===

impl<'a, T> Iterator for Members<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        self.0.next().map(|(member, ())| member)
    }
}

impl<T> Clone for Members<'_, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_in_once_and_in_order() {
        let mut set: Set<u8> = [3, 1, 2].into_iter().collect();
        assert!(!set.insert(1) && set.insert(9));
        assert!(set.remove(&3) && !set.remove(&3));
        assert_eq!(set.iter().copied().collect::<Vec<_>>(), [1, 2, 9]);
        assert_eq!(set.range(2..).count(), 2);
        assert_eq!((set.first(), set.len(), set.contains(&2)), (Some(&1), 3, true));
    }
}
