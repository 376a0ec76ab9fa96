//! The header that opens a group's block in a chain.
//!
//! ```text
//! 0   u32  length of the block, this header included; 0 ends the segment
//! 4   u32  checksum over the length and everything from 8 to the end of the header
//! 8   u32  epoch
//! 12  u32  records in this block
//! 16  u64  first sequence number of the group
//! 24  u64  last sequence number of the group (all chains)
//! 32  u16  chains listed
//! 34  …    per chain: u16 id, u64 its newest sequence number once this group is stored
//! ```
//!
//! A listed chain whose newest number is at least the group's first holds a part of the group. The
//! others say how far they had come: a chain found shorter than that has lost something.

use super::{Checksum, Input};

/// What stands before the records of one group in one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub(crate) block_bytes: u32,
    pub(crate) records: u32,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Newest sequence number of every chain in use, the chains of this group included.
    pub(crate) tails: Vec<(u16, u64)>,
}

/// Bytes before the list of chains.
pub(crate) const FIXED_BYTES: usize = 34;
/// Bytes of one listed chain.
const TAIL_BYTES: usize = 10;

impl GroupHeader {
    /// Bytes of a header that lists this many chains.
    pub(crate) fn bytes_for(chains: usize) -> usize {
        FIXED_BYTES + chains * TAIL_BYTES
    }

    pub(crate) fn bytes(&self) -> usize {
        Self::bytes_for(self.tails.len())
    }

    /// Writes it over the start of `block`, which has room for it.
    pub(crate) fn write(&self, block: &mut [u8], checksum: Checksum, epoch: u32) {
        let header = self.encode(checksum, epoch);
        block[..header.len()].copy_from_slice(&header);
    }

    pub(crate) fn encode(&self, checksum: Checksum, epoch: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes());
        out.extend(self.block_bytes.to_le_bytes());
        out.extend([0; 4]);
        out.extend(epoch.to_le_bytes());
        out.extend(self.records.to_le_bytes());
        out.extend(self.first.to_le_bytes());
        out.extend(self.last.to_le_bytes());
        out.extend((self.tails.len() as u16).to_le_bytes());
        for (chain, newest) in &self.tails {
            out.extend(chain.to_le_bytes());
            out.extend(newest.to_le_bytes());
        }
        let sum = checksum.of(&[&out[..4], &out[8..]]);
        out[4..8].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads one from the start of `bytes`; `None` unless it is whole and its checksum holds.
    pub(crate) fn read(bytes: &[u8], checksum: Checksum, epoch: u32) -> Option<Self> {
        let mut input = Input(bytes);
        let block_bytes = input.u32()?;
        let sum = input.u32()?;
        if input.u32()? != epoch {
            return None;
        }
        let records = input.u32()?;
        let (first, last) = (input.u64()?, input.u64()?);
        let chains = usize::from(input.u16()?);
        let header_bytes = Self::bytes_for(chains);
        if bytes.len() < header_bytes || (block_bytes as usize) < header_bytes {
            return None;
        }
        if checksum.of(&[&bytes[..4], &bytes[8..header_bytes]]) != sum {
            return None;
        }
        let tails = (0..chains).map(|_| Some((input.u16()?, input.u64()?))).collect::<Option<_>>()?;
        Some(Self { block_bytes, records, first, last, tails })
    }

    /// The chains that hold a part of the group, with the number of its last record there.
    pub(crate) fn touched(&self) -> impl Iterator<Item = (u16, u64)> {
        self.tails.iter().copied().filter(|(_, newest)| *newest >= self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_noticed() {
        let checksum = Checksum::new(7, 9);
        let header = GroupHeader { block_bytes: 400, records: 3, first: 10, last: 14, tails: vec![(0, 14), (2, 9)] };
        let mut block = vec![0; 400];
        header.write(&mut block, checksum, 7);
        assert_eq!(GroupHeader::read(&block, checksum, 7), Some(header.clone()));
        assert_eq!(header.touched().collect::<Vec<_>>(), [(0, 14)]);
        for bit in 0..header.bytes() * 8 {
            block[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(GroupHeader::read(&block, checksum, 7), None, "bit {bit}");
            block[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
