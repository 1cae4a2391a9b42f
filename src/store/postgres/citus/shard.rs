//! In which shard of a table the rows of a user are, as Citus decides: by `PostgreSQL`'s hash
//! of the user's name, in equal ranges.

/// The number of the shard, of so many. Where an operator has moved the limits of shards this
/// is wrong, which costs time alone.
pub fn number(user: &str, shards: u32) -> u32 {
    // The ranges begin at the lowest signed number.
    let hash = u64::from(hash(user.as_bytes()) ^ (1 << 31));
    u32::try_from((hash * u64::from(shards)) >> 32).unwrap_or_default()
}

/// `hash_bytes` of `PostgreSQL`, as on little-endian machines: Bob Jenkins's `lookup3`.
fn hash(bytes: &[u8]) -> u32 {
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    let start = 0x9e37_79b9_u32.wrapping_add(length).wrapping_add(3_923_095);
    let mut state = [start; 3];
    let mut chunks = bytes.chunks_exact(12);
    for chunk in &mut chunks {
        add(&mut state, chunk, 0);
        mix(&mut state);
    }
    let (rest, last) = (chunks.remainder(), 8.min(chunks.remainder().len()));
    add(&mut state, &rest[..last], 0);
    // The lowest byte is that of the length.
    let tail: Vec<u8> = std::iter::once(0)
        .chain(rest[last..].iter().copied())
        .collect();
    add(&mut state, &tail, 2);
    finish(state)
}

/// Adds bytes as little-endian words, from the word `from` on.
fn add(state: &mut [u32; 3], bytes: &[u8], from: usize) {
    for (word, bytes) in state[from..].iter_mut().zip(bytes.chunks(4)) {
        let mut padded = [0; 4];
        padded[..bytes.len()].copy_from_slice(bytes);
        *word = word.wrapping_add(u32::from_le_bytes(padded));
    }
}

fn mix(state: &mut [u32; 3]) {
    let [mut a, mut b, mut c] = *state;
    for rotation in [4, 6, 8, 16, 19, 4] {
        a = a.wrapping_sub(c) ^ c.rotate_left(rotation);
        c = c.wrapping_add(b);
        (a, b, c) = (b, c, a);
    }
    *state = [a, b, c];
}

fn finish([mut a, mut b, mut c]: [u32; 3]) -> u32 {
    for rotation in [14, 11, 25, 16, 4, 14, 24] {
        c = (c ^ b).wrapping_sub(b.rotate_left(rotation));
        (a, b, c) = (b, c, a);
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SELECT hashtext('ana')` and so on, of `PostgreSQL` 15.
    #[test]
    fn the_hash_is_that_of_postgresql() {
        for (text, expected) in [
            ("", -1_477_818_771),
            ("ana", 1_867_826_225),
            ("user 12", 777_501_128),
            ("abcdefghijkl", -1_586_087_212),
            ("1000000000000000001", -205_957_488),
            ("☕ and a name that is longer than that", -879_337_094),
        ] {
            assert_eq!(
                hash(text.as_bytes()),
                u32::from_ne_bytes(i32::to_ne_bytes(expected)),
                "{text}"
            );
        }
    }

    #[test]
    fn each_shard_is_an_equal_range_of_hashes() {
        for shards in [1, 4, 32, 10_000] {
            let numbers: Vec<_> = (0..10_000)
                .map(|n| number(&n.to_string(), shards))
                .collect();

            assert!(numbers.iter().all(|number| *number < shards));
            assert!(numbers.iter().any(|number| *number >= shards / 2));
        }
        assert_eq!(number("ana", 4), 3, "a positive hash is in the upper half");
    }
}
