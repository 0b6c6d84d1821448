//! A vector of places that objects keep while they exist.
//!
//! Two levels: chunks of [`CHUNK`] places, shared between clones. Looking a place up is two
//! steps, which a data thread takes for every request; a change copies one chunk and the list of
//! chunks.
//!
//! Invariant: `free` holds exactly the empty places below the end.

use std::sync::Arc;

use super::set::Set;

/// Places of one chunk.
const CHUNK: usize = 64;

/// Numbered places. Cloning it costs two pointers.
#[derive(Debug)]
pub struct Slots<T> {
    chunks: Arc<Vec<Arc<Vec<Option<T>>>>>,
    free: Set<u32>,
    end: u32,
}

// === impl Slots ===

impl<T> Slots<T> {
    /// What is in a place, if anything.
    #[inline]
    pub fn get(&self, slot: u32) -> Option<&T> {
        self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)?.as_ref()
    }

    /// All that are taken, by place.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).flatten()
    }

    /// Calls `told` with every place whose content differs between `older` and this, in order:
    /// before, now. Shared chunks are skipped.
    pub fn changes_since<'a>(
        &'a self,
        older: &'a Self,
        same: impl Fn(&T, &T) -> bool,
        mut told: impl FnMut(Option<&'a T>, Option<&'a T>),
    ) {
        if Arc::ptr_eq(&self.chunks, &older.chunks) {
            return;
        }
        for index in 0..self.chunks.len().max(older.chunks.len()) {
            let (before, now) = (older.chunks.get(index), self.chunks.get(index));
            if before.zip(now).is_some_and(|(before, now)| Arc::ptr_eq(before, now)) {
                continue;
            }
            for place in 0..CHUNK {
                let of = |chunk: Option<&'a Arc<Vec<Option<T>>>>| chunk?.get(place)?.as_ref();
                match (of(before), of(now)) {
                    (None, None) => {}
                    (Some(old), Some(new)) if same(old, new) => {}
                    (old, new) => told(old, new),
                }
            }
        }
    }
}

impl<T: Clone> Slots<T> {
    /// The lowest empty place; it counts as taken from now on.
    pub fn take(&mut self) -> u32 {
        if let Some(slot) = self.free.first().copied() {
            self.free.remove(&slot);
            return slot;
        }
        let slot = self.end;
        self.end += 1;
        let chunks = Arc::make_mut(&mut self.chunks);
        if (slot as usize).is_multiple_of(CHUNK) {
            chunks.push(Arc::default());
        }
        let last = chunks.last_mut().expect("invariant: pushed when the last one was full");
        Arc::make_mut(last).push(None);
        slot
    }

    /// Fills a place that was taken.
    pub fn set(&mut self, slot: u32, value: T) {
        *self.place(slot) = Some(value);
    }

    /// Empties a place.
    pub fn free(&mut self, slot: u32) {
        *self.place(slot) = None;
        self.free.insert(slot);
    }

    fn place(&mut self, slot: u32) -> &mut Option<T> {
        let chunk = &mut Arc::make_mut(&mut self.chunks)[slot as usize / CHUNK];
        &mut Arc::make_mut(chunk)[slot as usize % CHUNK]
    }
}

impl<T> Clone for Slots<T> {
    fn clone(&self) -> Self {
        Self { chunks: Arc::clone(&self.chunks), free: self.free.clone(), end: self.end }
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { chunks: Arc::default(), free: Set::new(), end: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_empty_place_is_taken_first() {
        let mut slots = Slots::default();
        for number in 0..200u32 {
            let slot = slots.take();
            assert_eq!(slot, number);
            slots.set(slot, number);
        }
        let before = slots.clone();
        slots.free(130);
        slots.free(7);
        assert_eq!((slots.take(), slots.get(7), before.get(7)), (7, None, Some(&7)));
        slots.set(7, 1_007);
        assert_eq!(slots.iter().count(), 199);
        let mut told = Vec::new();
        slots.changes_since(&before, PartialEq::eq, |old, new| told.push((old, new)));
        assert_eq!(told, [(Some(&7), Some(&1_007)), (Some(&130), None)]);
        let shared = slots.chunks.iter().zip(before.chunks.iter());
        assert_eq!(shared.filter(|(a, b)| !Arc::ptr_eq(a, b)).count(), 2);
        assert_eq!((slots.take(), slots.take()), (130, 200));
    }
}
