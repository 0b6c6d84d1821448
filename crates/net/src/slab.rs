//! The sources of one data thread, found by generation-checked tokens.
//!
//! A slot is reused; its generation is not. An event, timer or run-again entry that was meant for
//! an earlier owner of the slot finds nothing.
//!
//! Invariant: a token of a closed source never matches again (until 2^32 reuses of its slot).

use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};

/// Names one source of one data thread. Meaningless on another thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    index: u32,
    generation: u32,
}

/// What the kernel has said about a stream and nobody has used up yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Bytes, an end or an error may be read without blocking.
    pub readable: bool,
    /// Bytes may be written without blocking.
    pub writable: bool,
    /// The peer will send nothing more (FIN or RST was seen); bytes before it may be unread.
    pub read_closed: bool,
    /// The peer takes nothing more (RST, or both directions closed).
    pub write_closed: bool,
    /// The socket has an error; the next `recv` returns it.
    pub error: bool,
}

pub(crate) struct Slab {
    entries: Vec<Entry>,
    free: Vec<u32>,
}

struct Entry {
    generation: u32,
    source: Source,
}

pub(crate) enum Source {
    Free,
    Stream(Stream),
    /// Boxed: there are few, and a connection's entry stays small.
    Listener(Box<Listener>),
    Timer,
}

pub(crate) struct Stream {
    pub socket: TcpStream,
    pub ready: Ready,
    pub connecting: bool,
    pub again: bool,
}

pub(crate) struct Listener {
    pub socket: TcpListener,
    pub addr: SocketAddr,
    pub again: bool,
}

// === impl Token ===

impl Token {
    /// Index of the slot: small and dense, for a handler's own side table.
    pub fn index(self) -> usize {
        self.index as usize
    }

    pub(crate) fn key(self) -> u32 {
        self.index
    }

    pub(crate) fn to_mio(self) -> mio::Token {
        mio::Token((self.generation as usize) << 32 | self.index as usize)
    }

    pub(crate) fn from_mio(token: mio::Token) -> Self {
        Self { index: token.0 as u32, generation: (token.0 >> 32) as u32 }
    }
}

// === impl Slab ===

impl Slab {
    pub fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    /// Reserves a slot; the token is needed before the source can be registered.
    pub fn insert(&mut self, source: Source) -> Token {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.entries.len())
                    .expect("invariant: descriptors are far fewer than 2^32");
                // Generation 0 is never used: token 0 of mio is the doorbell's.
                self.entries.push(Entry { generation: 1, source: Source::Free });
                index
            }
        };
        let entry = &mut self.entries[index as usize];
        entry.source = source;
        Token { index, generation: entry.generation }
    }

    pub fn remove(&mut self, token: Token) -> Source {
        let Some(entry) = self.entry_mut(token) else {
            return Source::Free;
        };
        let source = std::mem::replace(&mut entry.source, Source::Free);
        entry.generation = entry.generation.wrapping_add(1).max(1);
        self.free.push(token.index);
        source
    }

    pub fn contains(&self, token: Token) -> bool {
        self.entries.get(token.index()).is_some_and(|entry| entry.generation == token.generation)
    }

    /// The token that owns a slot now, for timers, which are kept by slot.
    pub fn token_at(&self, index: u32) -> Option<Token> {
        let entry = self.entries.get(index as usize)?;
        let live = !matches!(entry.source, Source::Free);
        live.then_some(Token { index, generation: entry.generation })
    }

    pub fn source(&self, token: Token) -> Option<&Source> {
        let entry = self.entries.get(token.index())?;
        (entry.generation == token.generation).then_some(&entry.source)
    }

    pub fn source_mut(&mut self, token: Token) -> Option<&mut Source> {
        self.entry_mut(token).map(|entry| &mut entry.source)
    }

    pub fn stream_mut(&mut self, token: Token) -> Option<&mut Stream> {
        match self.source_mut(token) {
            Some(Source::Stream(stream)) => Some(stream),
            _ => None,
        }
    }

    pub fn listener_tokens(&self) -> Vec<Token> {
        let all = self.entries.iter().enumerate();
        let listeners = all.filter(|(_, entry)| matches!(entry.source, Source::Listener(_)));
        listeners
            .map(|(index, entry)| Token { index: index as u32, generation: entry.generation })
            .collect()
    }

    fn entry_mut(&mut self, token: Token) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(token.index())?;
        (entry.generation == token.generation).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_costs_little() {
        assert!(size_of::<Entry>() <= 32, "{}", size_of::<Entry>());
    }

    #[test]
    fn a_closed_token_never_matches_the_next_owner_of_its_slot() {
        let mut slab = Slab::new();
        let first = slab.insert(Source::Timer);
        assert!(slab.contains(first));
        assert_eq!(Token::from_mio(first.to_mio()), first);
        slab.remove(first);
        assert_eq!(slab.token_at(first.key()), None);
        let second = slab.insert(Source::Timer);
        assert_eq!(first.index(), second.index());
        assert!(!slab.contains(first) && slab.source(first).is_none());
        assert!(matches!(slab.remove(first), Source::Free), "a stale close closes nothing");
        assert!(slab.contains(second));
    }
}
