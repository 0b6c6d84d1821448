//! A small seeded generator for choices that need to be fast, not secret.
//!
//! Every data thread owns one, seeded from the operating system; the simulator seeds its own.
//! Ids, trace ids and load-balancing tickets come from here; keys never do.
//!
//! Invariant: the same seed gives the same sequence on every machine.

/// A 256-bit-state generator (xoshiro256++ by Blackman and Vigna, public domain).
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

// === impl Rng ===

impl Rng {
    /// Expands one seed into a full state with splitmix64.
    pub fn new(seed: u64) -> Self {
        let mut x = seed;
        let mut next = || {
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = x;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        Self { state: [next(), next(), next(), next()] }
    }

    /// 64 fresh bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// A value in `0..bound`, without modulo bias worth noticing (multiply-shift).
    ///
    /// `bound` must not be zero.
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "below(0) has no answer");
        ((u64::from((self.next_u64() >> 32) as u32) * u64::from(bound)) >> 32) as u32
    }

    /// `len` lower-case hexadecimal digits.
    pub fn hex(&mut self, len: usize) -> String {
        let mut out = String::with_capacity(len + 16);
        while out.len() < len {
            let mut bits = self.next_u64();
            for _ in 0..16 {
                out.push(char::from(b"0123456789abcdef"[(bits & 15) as usize]));
                bits >>= 4;
            }
        }
        out.truncate(len);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_sequence() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        assert!((0..100).all(|_| a.next_u64() == b.next_u64()));
        assert_ne!(Rng::new(7).next_u64(), Rng::new(8).next_u64());
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut rng = Rng::new(1);
        let mut seen = [0u32; 7];
        for _ in 0..7_000 {
            seen[rng.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 800 && n < 1_200), "{seen:?}");
    }

    #[test]
    fn hex_has_the_length_asked_for() {
        let mut rng = Rng::new(3);
        assert_eq!(rng.hex(17).len(), 17);
        assert!(rng.hex(40).bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
