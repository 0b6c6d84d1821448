//! A hierarchical hashed timer wheel: one deadline per key, re-arming is one store.
//!
//! Connections push their deadline back with every byte. So `arm` to a *later* time only writes
//! the new deadline; the entry stays where it is and is moved when its slot comes up. Five levels
//! of 64 slots cover [`TICK_MS`] to years; each level has one word that says which slots are in
//! use, so the next wake-up is a few bit operations.
//!
//! ```text
//! level 0: 64 × 16 ms   level 1: 64 × 1 s   level 2: 64 × 65 s   level 3: 64 × 70 min   level 4 …
//! ```
//!
//! Invariant: every placed entry lies in a slot whose first tick is after `now_tick` and not after
//! the tick of its deadline; so a timer is never early, and at most one tick late.

/// Granularity (milliseconds).
pub const TICK_MS: u64 = 16;

const LEVELS: usize = 5;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Farthest placement: half of the top level, so that its slots cannot be taken for a past lap.
/// A later deadline is reached by being placed again.
const SPAN_TICKS: u64 = 1 << (SLOT_BITS * LEVELS as u32 - 1);
const NIL: u32 = u32::MAX;
const NEVER: u64 = u64::MAX;

/// Timers keyed by small integers (slab indices).
#[derive(Debug)]
pub struct Wheel {
    /// Every tick up to and including this one has been processed.
    now_tick: u64,
    levels: [Level; LEVELS],
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Level {
    occupied: u64,
    heads: [u32; SLOTS],
}

/// One key's timer; linked into a slot while `place` is set.
#[derive(Debug, Clone)]
struct Node {
    deadline_ms: u64,
    place: Option<Place>,
    next: u32,
    prev: u32,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    level: u8,
    slot: u8,
    first_tick: u64,
}

// === impl Wheel ===

impl Wheel {
    /// An empty wheel whose time is `now_ms`.
    pub fn new(now_ms: u64) -> Self {
        let level = || Level { occupied: 0, heads: [NIL; SLOTS] };
        Self {
            now_tick: now_ms / TICK_MS,
            levels: std::array::from_fn(|_| level()),
            nodes: Vec::new(),
        }
    }

    /// Sets the deadline of `key`, replacing an earlier one. Later than before: one store.
    pub fn arm(&mut self, key: u32, deadline_ms: u64) {
        if self.nodes.len() <= key as usize {
            let empty = Node { deadline_ms: NEVER, place: None, next: NIL, prev: NIL };
            self.nodes.resize(key as usize + 1, empty);
        }
        let deadline_ms = deadline_ms.min(NEVER - TICK_MS);
        let tick = tick_of(deadline_ms);
        let node = &mut self.nodes[key as usize];
        node.deadline_ms = deadline_ms;
        match node.place {
            Some(place) if place.first_tick <= tick => {}
            Some(_) => {
                self.unlink(key);
                self.link(key, tick);
            }
            None => self.link(key, tick),
        }
    }

    /// Forgets the deadline of `key`: one store. The slot is cleaned when it comes up.
    pub fn disarm(&mut self, key: u32) {
        if let Some(node) = self.nodes.get_mut(key as usize) {
            node.deadline_ms = NEVER;
        }
    }

    /// Forgets `key` altogether, before its index is used for something else.
    pub fn remove(&mut self, key: u32) {
        self.disarm(key);
        if self.nodes.get(key as usize).is_some_and(|node| node.place.is_some()) {
            self.unlink(key);
        }
    }

    /// The deadline of `key` (milliseconds), if it is armed.
    pub fn deadline_ms(&self, key: u32) -> Option<u64> {
        let deadline_ms = self.nodes.get(key as usize)?.deadline_ms;
        (deadline_ms != NEVER).then_some(deadline_ms)
    }

    /// When `expire` should next be called (milliseconds). May be early for a timer that was
    /// pushed back, never late.
    pub fn next_ms(&self) -> Option<u64> {
        self.next_tick().map(|tick| tick.saturating_mul(TICK_MS))
    }

    /// Moves time to `now_ms` and appends every key whose deadline has passed to `fired`.
    /// Each is disarmed first, so the caller may arm it again at once.
    pub fn expire(&mut self, now_ms: u64, fired: &mut Vec<u32>) {
        let target = now_ms / TICK_MS;
        while let Some(tick) = self.next_tick().filter(|&tick| tick <= target) {
            self.now_tick = tick;
            for level in (0..LEVELS).rev() {
                let shift = SLOT_BITS * level as u32;
                if tick & ((1 << shift) - 1) == 0 {
                    self.drain_slot(level, slot_of(tick, level), fired);
                }
            }
        }
        self.now_tick = self.now_tick.max(target);
    }

    fn drain_slot(&mut self, level: usize, slot: usize, fired: &mut Vec<u32>) {
        loop {
            let key = self.levels[level].heads[slot];
            if key == NIL {
                return;
            }
            self.unlink(key);
            let node = &mut self.nodes[key as usize];
            if node.deadline_ms == NEVER {
                continue;
            }
            let tick = tick_of(node.deadline_ms);
            if tick <= self.now_tick {
                node.deadline_ms = NEVER;
                fired.push(key);
            } else {
                self.link(key, tick);
            }
        }
    }

    fn next_tick(&self) -> Option<u64> {
        let first = |(index, level): (usize, &Level)| {
            if level.occupied == 0 {
                return None;
            }
            let shift = SLOT_BITS * index as u32;
            let here = self.now_tick >> shift;
            // Bit 0 of the rotated word is the slot after the current one.
            let from = ((here + 1) % SLOTS as u64) as u32;
            let ahead = level.occupied.rotate_right(from).trailing_zeros();
            Some((here + 1 + u64::from(ahead)) << shift)
        };
        self.levels.iter().enumerate().filter_map(first).min()
    }

    fn link(&mut self, key: u32, tick: u64) {
        let tick = tick.clamp(self.now_tick + 1, self.now_tick + SPAN_TICKS);
        let differing = u64::BITS - 1 - (tick ^ self.now_tick).leading_zeros();
        let level = ((differing / SLOT_BITS) as usize).min(LEVELS - 1);
        let slot = slot_of(tick, level);
        let shift = SLOT_BITS * level as u32;
        let head = std::mem::replace(&mut self.levels[level].heads[slot], key);
        self.levels[level].occupied |= 1 << slot;
        if head != NIL {
            self.nodes[head as usize].prev = key;
        }
        let node = &mut self.nodes[key as usize];
        node.next = head;
        node.prev = NIL;
        node.place = Some(Place {
            level: level as u8,
            slot: slot as u8,
            first_tick: tick >> shift << shift,
        });
    }

    fn unlink(&mut self, key: u32) {
        let node = &mut self.nodes[key as usize];
        let place = node.place.take().expect("invariant: callers unlink placed nodes only");
        let (next, prev) = (node.next, node.prev);
        if next != NIL {
            self.nodes[next as usize].prev = prev;
        }
        if prev != NIL {
            self.nodes[prev as usize].next = next;
            return;
        }
        let level = &mut self.levels[usize::from(place.level)];
        level.heads[usize::from(place.slot)] = next;
        if next == NIL {
            level.occupied &= !(1 << place.slot);
        }
    }
}

/// The first tick at which a deadline has passed.
fn tick_of(deadline_ms: u64) -> u64 {
    deadline_ms.div_ceil(TICK_MS)
}

fn slot_of(tick: u64, level: usize) -> usize {
    (tick >> (SLOT_BITS * level as u32)) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    fn expired(wheel: &mut Wheel, now_ms: u64) -> Vec<u32> {
        let mut fired = Vec::new();
        wheel.expire(now_ms, &mut fired);
        fired.sort_unstable();
        fired
    }

    #[test]
    fn fires_once_never_early_and_within_a_tick() {
        let mut wheel = Wheel::new(1_000);
        wheel.arm(3, 1_100);
        assert!(expired(&mut wheel, 1_099).is_empty());
        assert_eq!(expired(&mut wheel, 1_100 + TICK_MS), [3]);
        assert!(expired(&mut wheel, 10 * HOUR_MS).is_empty());
        assert_eq!(wheel.next_ms(), None);
    }

    #[test]
    fn a_deadline_in_the_past_fires_at_the_next_tick() {
        let mut wheel = Wheel::new(50_000);
        wheel.arm(0, 3);
        assert_eq!(expired(&mut wheel, 50_000 + TICK_MS), [0]);
    }

    #[test]
    fn pushing_back_is_lazy_and_right() {
        let mut wheel = Wheel::new(0);
        wheel.arm(7, 60_000);
        let placed = wheel.next_ms();
        for now in (0..50_000).step_by(500) {
            wheel.arm(7, now + 60_000);
        }
        assert_eq!(wheel.next_ms(), placed, "no relinking");
        assert!(expired(&mut wheel, 109_000).is_empty());
        assert_eq!(expired(&mut wheel, 109_500 + TICK_MS), [7]);
    }

    #[test]
    fn timers_of_years_and_laps_of_the_top_level() {
        let year = 365 * 24 * HOUR_MS;
        let mut wheel = Wheel::new(5 * year - 17);
        wheel.arm(0, 8 * year);
        let mut now = 5 * year;
        while let Some(next) = wheel.next_ms() {
            assert!(next > now - TICK_MS);
            now = next;
            let fired = expired(&mut wheel, now);
            assert_eq!(fired.is_empty(), now < 8 * year);
        }
        assert!(now < 8 * year + TICK_MS);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Arm(u32, u64),
        Disarm(u32),
        Remove(u32),
        Advance(u64),
        /// Sleep exactly as the reactor would.
        Sleep,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let span = prop_oneof![0..200u64, 0..70_000u64, 0..(50 * HOUR_MS), 0..(1u64 << 45)];
        let step = prop_oneof![
            4 => (0..24u32, span.clone()).prop_map(|(key, after)| Step::Arm(key, after)),
            1 => (0..24u32).prop_map(Step::Disarm),
            1 => (0..24u32).prop_map(Step::Remove),
            2 => span.prop_map(Step::Advance),
            2 => Just(Step::Sleep),
        ];
        proptest::collection::vec(step, 1..120)
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_map(start in 0..(1u64 << 44), steps in steps()) {
            let mut wheel = Wheel::new(start);
            let (mut model, mut now) = (BTreeMap::new(), start);
            for step in steps {
                match step {
                    Step::Arm(key, after) => {
                        wheel.arm(key, now + after);
                        // What is already due fires at the next tick.
                        model.insert(key, tick_of(now + after).max(now / TICK_MS + 1));
                    }
                    Step::Disarm(key) => { wheel.disarm(key); model.remove(&key); }
                    Step::Remove(key) => { wheel.remove(key); model.remove(&key); }
                    Step::Advance(by) => now += by,
                    Step::Sleep => {
                        let earliest = model.values().min().map(|tick| tick * TICK_MS);
                        let next = wheel.next_ms();
                        if let Some(earliest) = earliest {
                            prop_assert!(next.is_some_and(|next| next <= earliest));
                        }
                        now = next.map_or(now, |next| next.max(now));
                    }
                }
                let due = |tick: &u64| *tick <= now / TICK_MS;
                let expected: Vec<u32> =
                    model.iter().filter(|(_, tick)| due(tick)).map(|(key, _)| *key).collect();
                model.retain(|_, tick| !due(tick));
                prop_assert_eq!(expired(&mut wheel, now), expected);
            }
        }
    }
}
