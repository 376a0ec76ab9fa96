//! The head of a segment file, and its name.
//!
//! ```text
//! 0   8 bytes  "HWSEG\0\0\n"
//! 8   u32  version
//! 12  u32  epoch
//! 16  u16  chain
//! 18  u64  base: every record has a higher sequence number
//! 26  u64  newest record of the chain when the segment was made
//! 34  u64  time of creation, microseconds since the Unix epoch
//! 42  u32  checksum over everything before
//! ```
//!
//! The file is called `<chain>-<base>.seg`, both in hex of fixed width.

use super::{Checksum, Input, VERSION};
use crate::Timestamp;

/// What a segment file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) chain: u16,
    pub(crate) base: u64,
    /// Newest record of the chain before; 0 for none.
    pub(crate) before: u64,
    pub(crate) created: Timestamp,
}

/// Bytes of the head.
pub(crate) const HEAD_BYTES: usize = 46;
const MAGIC: &[u8; 8] = b"HWSEG\0\0\n";

impl SegmentHead {
    pub(crate) fn encode(&self, checksum: Checksum, epoch: u32) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend(epoch.to_le_bytes());
        out.extend(self.chain.to_le_bytes());
        out.extend(self.base.to_le_bytes());
        out.extend(self.before.to_le_bytes());
        out.extend(self.created.to_le_bytes());
        out.extend(checksum.of(&[&out]).to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8], checksum: Checksum, epoch: u32) -> Option<Self> {
        let mut input = Input(bytes);
        if input.take(8)? != MAGIC || input.u32()? != VERSION || input.u32()? != epoch {
            return None;
        }
        let head = Self { chain: input.u16()?, base: input.u64()?, before: input.u64()?, created: input.u64()? };
        let whole = input.u32()? == checksum.of(&[bytes.get(..HEAD_BYTES - 4)?]);
        whole.then_some(head)
    }
}

/// The name of a segment's file.
pub(crate) fn file_name(chain: u16, base: u64) -> String {
    format!("{chain:04x}-{base:016x}.seg")
}

/// Chain and base from a file's name; `None` for any other file.
pub(crate) fn parse_file_name(name: &str) -> Option<(u16, u64)> {
    let (chain, base) = name.strip_suffix(".seg")?.split_once('-')?;
    let (chain, base) = (u16::from_str_radix(chain, 16).ok()?, u64::from_str_radix(base, 16).ok()?);
    (file_name(chain, base) == name).then_some((chain, base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_names_round_trip() {
        let checksum = Checksum::new(1, 2);
        let head = SegmentHead { chain: 3, base: 1 << 40, before: 8, created: 9 };
        let mut bytes = head.encode(checksum, 1);
        assert_eq!(bytes.len(), HEAD_BYTES);
        assert_eq!(SegmentHead::decode(&bytes, checksum, 1), Some(head));
        for at in 0..bytes.len() {
            bytes[at] ^= 4;
            assert_eq!(SegmentHead::decode(&bytes, checksum, 1), None, "flipped at {at}");
            bytes[at] ^= 4;
        }
        assert_eq!(parse_file_name(&file_name(3, 1 << 40)), Some((3, 1 << 40)));
        assert_eq!(parse_file_name("0003-1.seg"), None);
        assert_eq!(parse_file_name("lock"), None);
    }
}
