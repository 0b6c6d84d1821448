//! The search for an order: depth first, each pair of (calls done, object) visited once.
//!
//! Invariant: a call may come next only if no other open call had already ended before it began.

use std::collections::BTreeSet;

use super::Model;

/// One call of a history. Times are of one clock; only their order matters.
#[derive(Clone, Debug)]
pub struct Call<O, A> {
    /// Who called.
    pub client: usize,
    /// What was asked.
    pub op: O,
    /// What was answered.
    pub answer: A,
    /// When the caller began.
    pub began: u64,
    /// When the caller had the answer.
    pub ended: u64,
}

/// A history that has no sound order.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The longest order that was found, and what could not follow it.
    pub text: String,
}

/// Looks for a sound order of `calls`, beginning with `start`.
///
/// # Errors
/// There is none.
pub fn check<M: Model>(
    start: &M,
    calls: &[Call<M::Op, M::Answer>],
) -> Result<(), Box<Counterexample>> {
    let mut calls: Vec<&Call<M::Op, M::Answer>> = calls.iter().collect();
    calls.sort_by_key(|call| (call.began, call.ended));
    let mut search = Search { calls, seen: BTreeSet::new(), longest: Vec::new() };
    if search.run(start) { Ok(()) } else { Err(Box::new(search.complaint())) }
}

/// Calls that were put in order: all before `first`, and those of the set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Done {
    first: usize,
    more: BTreeSet<usize>,
}

struct Search<'a, M: Model> {
    calls: Vec<&'a Call<M::Op, M::Answer>>,
    seen: BTreeSet<(Done, M)>,
    longest: Vec<usize>,
}

struct Step<M> {
    done: Done,
    object: M,
    /// Calls that may still be tried here.
    candidates: Vec<usize>,
    /// The call that led here.
    taken: Option<usize>,
}

// === impl Search ===

impl<M: Model> Search<'_, M> {
    fn run(&mut self, start: &M) -> bool {
        let done = Done { first: 0, more: BTreeSet::new() };
        let candidates = self.candidates(&done);
        let mut path = vec![Step { done, object: start.clone(), candidates, taken: None }];
        while let Some(step) = path.last_mut() {
            if step.done.first == self.calls.len() {
                return true;
            }
            let Some(index) = step.candidates.pop() else {
                path.pop();
                continue;
            };
            let call = self.calls[index];
            let Some(object) = step.object.step(&call.op, &call.answer) else { continue };
            let done = step.done.with(index);
            if !self.seen.insert((done.clone(), object.clone())) {
                continue;
            }
            let candidates = self.candidates(&done);
            path.push(Step { done, object, candidates, taken: Some(index) });
            if path.len() > self.longest.len() + 1 {
                self.longest = path.iter().filter_map(|step| step.taken).collect();
            }
        }
        false
    }

    /// Open calls that began before every open call ended; the one that ended first is tried
    /// first, for that is how it mostly was.
    fn candidates(&self, done: &Done) -> Vec<usize> {
        let open = |index: &usize| !done.has(*index);
        let mut found = Vec::new();
        let mut earliest_end = u64::MAX;
        for index in (done.first..self.calls.len()).filter(open) {
            let call = self.calls[index];
            if call.began > earliest_end {
                break;
            }
            earliest_end = earliest_end.min(call.ended);
            found.push(index);
        }
        found.retain(|index| self.calls[*index].began <= earliest_end);
        found.sort_by_key(|index| std::cmp::Reverse(self.calls[*index].ended));
        found
    }

    fn complaint(&self) -> Counterexample {
        let mut text = format!("no order of {} calls is sound; the longest:\n", self.calls.len());
        let tail = self.longest.len().saturating_sub(20);
        for index in &self.longest[tail..] {
            text.push_str(&format!("  {:?}\n", self.calls[*index]));
        }
        text.push_str("none of these can follow:\n");
        let mut done = Done { first: 0, more: BTreeSet::new() };
        for index in &self.longest {
            done = done.with(*index);
        }
        for index in self.candidates(&done) {
            text.push_str(&format!("  {:?}\n", self.calls[index]));
        }
        Counterexample { text }
    }
}

// === impl Done ===

impl Done {
    fn has(&self, index: usize) -> bool {
        index < self.first || self.more.contains(&index)
    }

    fn with(&self, index: usize) -> Self {
        let mut next = self.clone();
        next.more.insert(index);
        while next.more.remove(&next.first) {
            next.first += 1;
        }
        next
    }
}

impl std::fmt::Display for Counterexample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number: `Some(n)` sets it, `None` reads it.
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Register(u32);

    impl Model for Register {
        type Op = Option<u32>;
        type Answer = u32;

        fn step(&self, op: &Self::Op, answer: &u32) -> Option<Self> {
            match op {
                Some(n) => Some(Self(*n)),
                None => (self.0 == *answer).then(|| self.clone()),
            }
        }
    }

    fn call(began: u64, ended: u64, op: Option<u32>, answer: u32) -> Call<Option<u32>, u32> {
        Call { client: 0, op, answer, began, ended }
    }

    #[test]
    fn overlapping_calls_may_come_in_any_order() {
        let history = [call(0, 10, Some(1), 0), call(1, 9, None, 0), call(2, 8, None, 1)];
        assert!(check(&Register(0), &history).is_ok());
    }

    #[test]
    fn a_stale_read_is_found() {
        let history = [call(0, 1, Some(1), 0), call(2, 3, None, 0)];
        let found = check(&Register(0), &history).unwrap_err();
        assert!(found.text.contains("none of these can follow"), "{found}");
    }

    #[test]
    fn values_that_go_back_are_found() {
        let history = [call(0, 20, Some(1), 0), call(1, 2, None, 1), call(3, 4, None, 0)];
        assert!(check(&Register(0), &history).is_err());
    }

    #[test]
    fn a_lost_update_is_found() {
        let history = [call(0, 5, Some(1), 0), call(6, 9, Some(2), 0), call(10, 11, None, 1)];
        assert!(check(&Register(0), &history).is_err());
    }

    /// `clients` writers at a time, and a read afterwards that saw the writer number `last`.
    fn rounds(clients: u64, last: u64) -> Vec<Call<Option<u32>, u32>> {
        let mut history = Vec::new();
        for round in 0..40u64 {
            let at = round * 100;
            let number = |client| (round * clients + client) as u32;
            for client in 0..clients {
                let (began, ended) = (at + client, at + 50 + client);
                history.push(call(began, ended, Some(number(client)), 0));
            }
            history.push(call(at + 70, at + 80, None, number(last)));
        }
        history
    }

    #[test]
    fn many_concurrent_calls_are_decided() {
        assert!(check(&Register(0), &rounds(16, 15)).is_ok());
        // The writer that began first came last in order: the search has to go back for it.
        assert!(check(&Register(0), &rounds(6, 0)).is_ok());
        let mut history = rounds(6, 0);
        history.push(call(5_000, 5_001, None, 3));
        assert!(check(&Register(0), &history).is_err());
    }
}
