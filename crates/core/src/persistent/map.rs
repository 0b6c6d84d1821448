//! An ordered map as a tree of shared nodes.
//!
//! A B+ tree: entries in leaves of at most [`NODE_MAX`], branches that know the first key below
//! each child. A write copies the nodes from the root to one leaf, unless this map is their only
//! owner; then it changes them in place.
//!
//! Invariant: keys ascend from leaf to leaf; no node but the root of an empty map is empty; all
//! leaves have the same depth.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Bound, Index, RangeBounds};
use std::slice;
use std::sync::Arc;

/// Entries of a leaf, children of a branch. Small in tests, so that few keys make a deep tree.
const NODE_MAX: usize = if cfg!(test) { 8 } else { 32 };
/// A node with fewer is merged with a neighbour, when both fit into one with room to spare.
const NODE_FEW: usize = NODE_MAX / 4;

/// An ordered map. Cloning it costs a pointer; clones share what they have in common.
pub struct Map<K, V> {
    root: Option<Arc<Node<K, V>>>,
    len: usize,
}

/// Entries in order of their keys.
pub struct Iter<'a, K, V> {
    /// From the root to the parent of the leaf: children that are still to come.
    above: Vec<slice::Iter<'a, Child<K, V>>>,
    leaf: slice::Iter<'a, (K, V)>,
}

/// The place of a key in a map.
pub struct Entry<'a, K, V> {
    map: &'a mut Map<K, V>,
    key: K,
}

#[derive(Clone)]
enum Node<K, V> {
    Leaf(Vec<(K, V)>),
    Branch(Vec<Child<K, V>>),
}

/// A child and a key that is not above its first key and above all keys of the child before it.
/// That of the first child of all means nothing: whatever is lower goes there too.
#[derive(Clone)]
struct Child<K, V> {
    from: K,
    node: Arc<Node<K, V>>,
}

/// What is still to be compared of one side.
enum Rest<'a, K, V> {
    Node(&'a Arc<Node<K, V>>),
    Entry(&'a (K, V)),
}

// === impl Node ===

impl<K, V> Node<K, V> {
    fn len(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Branch(children) => children.len(),
        }
    }

    fn depth(&self) -> usize {
        let (mut node, mut depth) = (self, 0);
        while let Self::Branch(children) = node {
            node = &children[0].node;
            depth += 1;
        }
        depth
    }
}

impl<K: Ord + Clone, V: Clone> Node<K, V> {
    /// Inserts below this node. The second value is a new right neighbour, when it was full.
    fn insert(self: &mut Arc<Self>, key: K, value: V) -> (Option<V>, Option<Child<K, V>>) {
        match Arc::make_mut(self) {
            Self::Leaf(entries) => {
                let at = match entries.binary_search_by(|(k, _)| k.cmp(&key)) {
                    Ok(at) => {
                        let old = std::mem::replace(&mut entries[at].1, value);
                        return (Some(old), None);
                    }
                    Err(at) => at,
                };
                // Most leaves are shared again before the next insertion copies them anyway.
                entries.reserve_exact(1);
                entries.insert(at, (key, value));
                let right = overflow(entries, at);
                let neighbour =
                    |e: Vec<(K, V)>| Child { from: e[0].0.clone(), node: Arc::new(Self::Leaf(e)) };
                (None, right.map(neighbour))
            }
            Self::Branch(children) => {
                let at = child_of(children, &key);
                let (old, more) = children[at].node.insert(key, value);
                let Some(more) = more else { return (old, None) };
                children.reserve_exact(1);
                children.insert(at + 1, more);
                let right = overflow(children, at + 1);
                let neighbour = |c: Vec<Child<K, V>>| Child {
                    from: c[0].from.clone(),
                    node: Arc::new(Self::Branch(c)),
                };
                (old, right.map(neighbour))
            }
        }
    }

    /// Removes a key that is there.
    fn remove<Q>(self: &mut Arc<Self>, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match Arc::make_mut(self) {
            Self::Leaf(entries) => {
                let at = entries.binary_search_by(|(k, _)| k.borrow().cmp(key)).ok()?;
                Some(entries.remove(at).1)
            }
            Self::Branch(children) => {
                let at = child_of(children, key);
                let old = children[at].node.remove(key);
                match children[at].node.len() {
                    0 => drop(children.remove(at)),
                    1..NODE_FEW => merge(children, at),
                    _ => {}
                }
                old
            }
        }
    }

    fn value_mut<Q>(self: &mut Arc<Self>, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match Arc::make_mut(self) {
            Self::Leaf(entries) => {
                let at = entries.binary_search_by(|(k, _)| k.borrow().cmp(key)).ok()?;
                Some(&mut entries[at].1)
            }
            Self::Branch(children) => {
                let at = child_of(children, key);
                children[at].node.value_mut(key)
            }
        }
    }
}

/// The child that holds `key`, if any does.
fn child_of<K, V, Q>(children: &[Child<K, V>], key: &Q) -> usize
where
    K: Borrow<Q>,
    Q: Ord + ?Sized,
{
    children.partition_point(|child| child.from.borrow() <= key).saturating_sub(1)
}

/// The right part of what is too long; `at` is where it grew.
fn overflow<T>(parts: &mut Vec<T>, at: usize) -> Option<Vec<T>> {
    if parts.len() <= NODE_MAX {
        return None;
    }
    // What grows at its end (a load in order) leaves full nodes behind.
    let middle = if at + 1 == parts.len() { at } else { parts.len() / 2 };
    let right = parts.split_off(middle);
    parts.shrink_to_fit();
    Some(right)
}

/// Joins the small child at `at` with a neighbour if there is one with room.
fn merge<K: Clone, V: Clone>(children: &mut Vec<Child<K, V>>, at: usize) {
    let fits = |left: usize, right: usize| {
        let pair = children.get(left).zip(children.get(right));
        pair.is_some_and(|(a, b)| a.node.len() + b.node.len() <= NODE_MAX * 3 / 4)
    };
    let left = match at {
        at if fits(at, at + 1) => at,
        at if at > 0 && fits(at - 1, at) => at - 1,
        _ => return,
    };
    let right = children.remove(left + 1);
    match (Arc::make_mut(&mut children[left].node), Arc::unwrap_or_clone(right.node)) {
        (Node::Leaf(entries), Node::Leaf(more)) => entries.extend(more),
        (Node::Branch(inner), Node::Branch(mut more)) => {
            // As a first child it may hold keys below its own mark.
            more[0].from = right.from;
            inner.extend(more);
        }
        _ => unreachable!("bug: neighbours of different depth"),
    }
}

// === impl Map ===

impl<K, V> Map<K, V> {
    /// An empty map.
    pub const fn new() -> Self {
        Self { root: None, len: 0 }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries, by key.
    pub fn iter(&self) -> Iter<'_, K, V> {
        let mut iter = Iter { above: Vec::new(), leaf: [].iter() };
        if let Some(root) = &self.root {
            iter.descend(root);
        }
        iter
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The entry with the lowest key.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// Whether both are the same version: nothing was changed in between.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl<K: Ord, V> Map<K, V> {
    /// The value of a key.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut node = self.root.as_ref()?;
        loop {
            match node.as_ref() {
                Node::Leaf(entries) => {
                    let at = entries.binary_search_by(|(k, _)| k.borrow().cmp(key)).ok()?;
                    return Some(&entries[at].1);
                }
                Node::Branch(children) => node = &children[child_of(children, key)].node,
            }
        }
    }

    /// Whether there is an entry of this key.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.get(key).is_some()
    }

    /// The entries between two keys, by key.
    pub fn range<Q, R>(&self, range: R) -> impl Iterator<Item = (&K, &V)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        R: RangeBounds<Q>,
    {
        let iter = self.iter_from(range.start_bound());
        iter.take_while(move |(key, _)| match range.end_bound() {
            Bound::Included(end) => (*key).borrow() <= end,
            Bound::Excluded(end) => (*key).borrow() < end,
            Bound::Unbounded => true,
        })
    }

    fn iter_from<Q>(&self, start: Bound<&Q>) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let (from, above) = match start {
            Bound::Unbounded => return self.iter(),
            Bound::Included(from) => (from, Ordering::Less),
            Bound::Excluded(from) => (from, Ordering::Equal),
        };
        let mut iter = Iter { above: Vec::new(), leaf: [].iter() };
        let mut next = self.root.as_ref();
        while let Some(node) = next.take() {
            match node.as_ref() {
                Node::Leaf(entries) => {
                    let before = |(key, _): &(K, V)| key.borrow().cmp(from) <= above;
                    iter.leaf = entries[entries.partition_point(before)..].iter();
                }
                Node::Branch(children) => {
                    let at = child_of(children, from);
                    iter.above.push(children[at + 1..].iter());
                    next = Some(&children[at].node);
                }
            }
        }
        iter
    }

    /// Calls `told` with every key whose value differs between `older` and this map, in order:
    /// key, value before, value now. What the two share is skipped, so this costs what changed.
    pub fn changes_since<'a>(
        &'a self,
        older: &'a Self,
        same: impl Fn(&V, &V) -> bool,
        mut told: impl FnMut(&'a K, Option<&'a V>, Option<&'a V>),
    ) {
        let (mut before, mut now) = (Side::of(older), Side::of(self));
        loop {
            match (before.peek(), now.peek()) {
                (None, None) => return,
                (Some(Rest::Node(a)), Some(Rest::Node(b))) if Arc::ptr_eq(a, b) => {
                    before.skip();
                    now.skip();
                }
                (Some(Rest::Node(a)), Some(Rest::Node(b))) => {
                    // The deeper one first, so that shared parts meet at the same depth.
                    let (deep_a, deep_b) = (a.depth(), b.depth());
                    if deep_a >= deep_b {
                        before.open();
                    }
                    if deep_b >= deep_a {
                        now.open();
                    }
                }
                (Some(Rest::Node(_)), _) => before.open(),
                (_, Some(Rest::Node(_))) => now.open(),
                (Some(Rest::Entry((key, value))), None) => {
                    told(key, Some(value), None);
                    before.skip();
                }
                (None, Some(Rest::Entry((key, value)))) => {
                    told(key, None, Some(value));
                    now.skip();
                }
                (Some(Rest::Entry((a, old))), Some(Rest::Entry((b, new)))) => match a.cmp(b) {
                    Ordering::Less => {
                        told(a, Some(old), None);
                        before.skip();
                    }
                    Ordering::Greater => {
                        told(b, None, Some(new));
                        now.skip();
                    }
                    Ordering::Equal => {
                        if !same(old, new) {
                            told(b, Some(old), Some(new));
                        }
                        before.skip();
                        now.skip();
                    }
                },
            }
        }
    }
}

impl<K: Ord + Clone, V: Clone> Map<K, V> {
    /// Sets the value of a key; gives back the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(root) = &mut self.root else {
            self.root = Some(Arc::new(Node::Leaf(vec![(key, value)])));
            self.len = 1;
            return None;
        };
        let (old, more) = root.insert(key, value);
        if let Some(more) = more {
            let from = more.from.clone();
            let left = Child { from, node: Arc::clone(root) };
            *root = Arc::new(Node::Branch(vec![left, more]));
        }
        self.len += usize::from(old.is_none());
        old
    }

    /// Removes a key; gives back its value.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        // Looked up first: a miss must not copy the path.
        if !self.contains_key(key) {
            return None;
        }
        let root = self.root.as_mut()?;
        let old = root.remove(key)?;
        self.len -= 1;
        let lower = match root.as_ref() {
            Node::Branch(children) if children.len() == 1 => Some(Arc::clone(&children[0].node)),
            _ => None,
        };
        match lower {
            _ if self.len == 0 => self.root = None,
            Some(lower) => *root = lower,
            None => {}
        }
        Some(old)
    }

    /// The value of a key, to be changed.
    pub fn value_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        if !self.contains_key(key) {
            return None;
        }
        self.root.as_mut()?.value_mut(key)
    }

    /// The place of a key, taken or not.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry { map: self, key }
    }

    /// Keeps the entries that `keep` picks.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        let gone: Vec<K> =
            self.iter().filter(|(k, v)| !keep(k, v)).map(|(k, _)| k.clone()).collect();
        for key in &gone {
            self.remove(key);
        }
    }
}

#[cfg(test)]
impl<K, V> Map<K, V> {
    /// Nodes that this map does not share with `other`: what making it from `other` cost.
    pub(crate) fn nodes_of_its_own(&self, other: &Self) -> usize {
        fn walk<K, V>(node: &Arc<Node<K, V>>, told: &mut impl FnMut(usize) -> bool) {
            if let (true, Node::Branch(children)) = (told(Arc::as_ptr(node) as usize), &**node) {
                children.iter().for_each(|child| walk(&child.node, told));
            }
        }
        let mut known = std::collections::BTreeSet::new();
        other.root.iter().for_each(|root| walk(root, &mut |address| known.insert(address)));
        let mut own = 0;
        self.root.iter().for_each(|root| {
            walk(root, &mut |address| {
                let fresh = !known.contains(&address);
                own += usize::from(fresh);
                fresh
            });
        });
        own
    }
}

impl<K, V> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), len: self.len }
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for Map<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && (self.is_same(other) || self.iter().eq(other.iter()))
    }
}

impl<K: Eq, V: Eq> Eq for Map<K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Clone, V: Clone> Extend<(K, V)> for Map<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord + Clone, V: Clone, const N: usize> From<[(K, V); N]> for Map<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<'a, K, V> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V> Index<&Q> for Map<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("invariant: whoever indexes knows that the key is there")
    }
}

// === impl Entry ===

impl<'a, K: Ord + Clone, V: Clone + Default> Entry<'a, K, V> {
    /// The value of the key; it gets the default one if it had none.
    pub fn or_default(self) -> &'a mut V {
        if !self.map.contains_key(&self.key) {
            self.map.insert(self.key.clone(), V::default());
        }
        self.map.value_mut(&self.key).expect("invariant: inserted if it was missing")
    }
}

// === impl Iter ===

impl<'a, K, V> Iter<'a, K, V> {
    fn descend(&mut self, node: &'a Arc<Node<K, V>>) {
        let mut node = node;
        loop {
            match node.as_ref() {
                Node::Leaf(entries) => {
                    self.leaf = entries.iter();
                    return;
                }
                Node::Branch(children) => {
                    self.above.push(children[1..].iter());
                    node = &children[0].node;
                }
            }
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.leaf.next() {
                return Some((key, value));
            }
            match self.above.last_mut()?.next() {
                Some(child) => self.descend(&child.node),
                None => drop(self.above.pop()),
            }
        }
    }
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self { above: self.above.clone(), leaf: self.leaf.clone() }
    }
}

// === impl Side ===

/// One side of a comparison: what is left of it, the next part last.
struct Side<'a, K, V>(Vec<Rest<'a, K, V>>);

impl<'a, K, V> Side<'a, K, V> {
    fn of(map: &'a Map<K, V>) -> Self {
        Self(map.root.iter().map(Rest::Node).collect())
    }

    fn peek(&self) -> Option<Rest<'a, K, V>> {
        self.0.last().map(|rest| match rest {
            Rest::Node(node) => Rest::Node(node),
            Rest::Entry(entry) => Rest::Entry(entry),
        })
    }

    fn skip(&mut self) {
        self.0.pop();
    }

    /// Replaces the next part, a node, by its parts.
    fn open(&mut self) {
        if let Some(Rest::Node(node)) = self.0.pop() {
            match node.as_ref() {
                Node::Leaf(entries) => self.0.extend(entries.iter().rev().map(Rest::Entry)),
                Node::Branch(children) => {
                    self.0.extend(children.iter().rev().map(|child| Rest::Node(&child.node)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn big(count: u32) -> Map<u32, u32> {
        (0..count).map(|n| (n.wrapping_mul(2_654_435_761), n)).collect()
    }

    /// Panics unless the tree keeps its invariant.
    fn sound<K: Ord + Clone, V>(map: &Map<K, V>) {
        fn walk<K: Ord, V>(node: &Node<K, V>, root: bool, depth: usize, leaves: &mut Vec<usize>) {
            assert!(root || node.len() > 0, "an empty node");
            assert!(node.len() <= NODE_MAX);
            match node {
                Node::Leaf(entries) => {
                    assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
                    leaves.push(depth);
                }
                Node::Branch(children) => {
                    assert!(children.len() > 1 || !root);
                    children.iter().for_each(|child| walk(&child.node, false, depth + 1, leaves));
                }
            }
        }
        let mut leaves = Vec::new();
        map.root.iter().for_each(|root| walk(root, true, 0, &mut leaves));
        assert!(leaves.windows(2).all(|pair| pair[0] == pair[1]), "{leaves:?}");
        assert!(map.keys().is_sorted_by(|a, b| a < b));
        assert_eq!(map.iter().count(), map.len());
    }

    proptest! {
        #[test]
        fn it_does_what_the_standard_map_does(
            steps in proptest::collection::vec((any::<bool>(), 0u16..600, any::<u8>()), 0..1_500),
            from in 0u16..600,
        ) {
            let (mut ours, mut theirs) = (Map::new(), BTreeMap::new());
            let mut versions = Vec::new();
            for (number, (insert, key, value)) in steps.into_iter().enumerate() {
                if insert {
                    prop_assert_eq!(ours.insert(key, value), theirs.insert(key, value));
                } else {
                    prop_assert_eq!(ours.remove(&key), theirs.remove(&key));
                }
                if number % 200 == 0 {
                    versions.push((ours.clone(), theirs.clone()));
                }
            }
            versions.push((ours.clone(), theirs.clone()));
            let (newest, model) = (&ours, &theirs);
            for (map, model_then) in &versions {
                sound(map);
                prop_assert!(map.iter().eq(model_then.iter()), "a clone was changed");
                prop_assert!(map.range(from..).eq(model_then.range(from..)));
                let after = (Bound::Excluded(from), Bound::Included(from.saturating_add(50)));
                prop_assert!(map.range(after).eq(model_then.range(after)));
                let mut told = BTreeMap::new();
                newest.changes_since(map, PartialEq::eq, |key, old, new| {
                    told.insert(*key, (old.copied(), new.copied()));
                });
                let keys = model.keys().chain(model_then.keys());
                let differ = keys.filter(|key| model.get(key) != model_then.get(key));
                let expected: BTreeMap<u16, _> = differ
                    .map(|key| (*key, (model_then.get(key).copied(), model.get(key).copied())))
                    .collect();
                prop_assert_eq!(told, expected);
            }
        }
    }

    #[test]
    fn a_change_costs_a_path_and_not_the_map() {
        for count in [1_000, 50_000] {
            let map = big(count);
            let mut changed = map.clone();
            changed.insert(7, 7);
            let levels = map.root.as_ref().unwrap().depth() + 1;
            assert!(changed.nodes_of_its_own(&map) <= 2 * levels, "{count}");
            assert!(levels <= 9, "{levels}");
            let mut told = 0;
            changed.changes_since(&map, PartialEq::eq, |_, _, _| told += 1);
            assert_eq!(told, 1);
        }
    }

    #[test]
    fn a_miss_copies_nothing() {
        let map = big(1_000);
        let mut same = map.clone();
        assert_eq!((same.remove(&1), same.value_mut(&1)), (None, None));
        assert!(same.is_same(&map));
    }

    #[test]
    fn a_load_in_order_fills_its_leaves() {
        let map: Map<u32, ()> = (0..10_000).map(|n| (n, ())).collect();
        sound(&map);
        assert!(map.nodes_of_its_own(&Map::new()) <= 10_000 / NODE_MAX * 12 / 10);
    }

    #[test]
    fn what_shrinks_gives_its_nodes_back() {
        let mut map = big(10_000);
        let keys: Vec<u32> = map.keys().copied().collect();
        for key in keys.iter().filter(|key| *key % 100 != 0) {
            map.remove(key);
        }
        sound(&map);
        assert!(map.nodes_of_its_own(&Map::new()) <= 200 / NODE_FEW, "{}", map.len());
        map.retain(|_, _| false);
        assert!(map.is_empty() && map.root.is_none());
    }
}
