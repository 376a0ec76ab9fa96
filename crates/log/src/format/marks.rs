//! The marks file: what was removed and cannot be seen from the segments that are left.
//!
//! ```text
//! 0   8 bytes  "HWMARK\0\n"
//! 8   u32  version
//! 12  u64  newest removed event of any topic that is not listed
//! 20  u64  any topic may have lost events up to here
//! 28  u16  chains; then for each: u16 id, u64 newest record that was in a removed segment
//! …   u32  topics; then for each: u64 newest removed event, u16 bytes of the name, name
//! …   u32  checksum over everything before
//! ```
//!
//! Without it, or when a chain lacks segments that it does not account for, everything up to the hole counts as removed.

use super::{Checksum, Input, VERSION};

/// What the marks file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) forgotten: u64,
    pub(crate) unsure: u64,
    pub(crate) chains: Vec<(u16, u64)>,
    pub(crate) topics: Vec<(Box<str>, u64)>,
}

const MAGIC: &[u8; 8] = b"HWMARK\0\n";

impl Marks {
    pub(crate) fn encode(&self, checksum: Checksum) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend(self.forgotten.to_le_bytes());
        out.extend(self.unsure.to_le_bytes());
        out.extend((self.chains.len() as u16).to_le_bytes());
        for (id, removed) in &self.chains {
            out.extend(id.to_le_bytes());
            out.extend(removed.to_le_bytes());
        }
        out.extend((self.topics.len() as u32).to_le_bytes());
        for (name, removed) in &self.topics {
            out.extend(removed.to_le_bytes());
            out.extend((name.len() as u16).to_le_bytes());
            out.extend(name.as_bytes());
        }
        out.extend(checksum.of(&[&out]).to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8], checksum: Checksum) -> Option<Self> {
        let (covered, sum) = bytes.split_last_chunk()?;
        if checksum.of(&[covered]) != u32::from_le_bytes(*sum) {
            return None;
        }
        let mut input = Input(covered);
        if input.take(8)? != MAGIC || input.u32()? != VERSION {
            return None;
        }
        let (forgotten, unsure) = (input.u64()?, input.u64()?);
        let mut marks = Self { forgotten, unsure, ..Self::default() };
        for _ in 0..input.u16()? {
            marks.chains.push((input.u16()?, input.u64()?));
        }
        for _ in 0..input.u32()? {
            let removed = input.u64()?;
            let length = usize::from(input.u16()?);
            marks.topics.push((input.text(length)?.into(), removed));
        }
        Some(marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_round_trip_and_notice_damage() {
        let checksum = Checksum::new(1, 2);
        let marks = Marks { forgotten: 3, unsure: 4, chains: vec![(0, 7)], topics: vec![("a/b".into(), 9)] };
        let mut bytes = marks.encode(checksum);
        assert_eq!(Marks::decode(&bytes, checksum), Some(marks));
        for at in 0..bytes.len() {
            assert_eq!(Marks::decode(&bytes[..at], checksum), None, "cut at {at}");
            bytes[at] ^= 1;
            assert_eq!(Marks::decode(&bytes, checksum), None, "flipped at {at}");
            bytes[at] ^= 1;
        }
    }
}
