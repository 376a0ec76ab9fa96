//! The bytes on disk. One file per kind of record; `docs/src/internals/log-format.md` describes them all.
//!
//! Numbers are little endian. Every checksum is a CRC-32 that starts from the log's epoch and a secret
//! salt, so bytes of another log, or text that a publisher made up, never pass for a record.

pub(crate) mod footer;
pub(crate) mod group;
pub(crate) mod manifest;
pub(crate) mod marks;
pub(crate) mod record;
pub(crate) mod segment;

/// Version of everything in the folder. Raised with any change that an older program would misread.
pub(crate) const VERSION: u32 = 1;

/// Makes the checksums of one log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checksum {
    seed: u32,
}

impl Checksum {
    pub(crate) fn new(epoch: u32, salt: u64) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&epoch.to_le_bytes());
        hasher.update(&salt.to_le_bytes());
        Self { seed: hasher.finalize() }
    }

    /// Over several parts as if they stood together.
    pub(crate) fn of(self, parts: &[&[u8]]) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.seed);
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

/// Takes numbers and slices off the front of bytes; `None` when they run out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// A LEB128 number.
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// UTF-8 text of the given length.
    pub(crate) fn text(&mut self, count: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(count)?).ok()
    }
}

/// Appends a LEB128 number.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut input = Input(&out);
            assert_eq!((input.varint(), input.0.len()), (Some(value), 0));
        }
    }

    #[test]
    fn checksums_of_two_logs_differ() {
        let parts: [&[u8]; 2] = [b"ab", b"c"];
        assert_eq!(Checksum::new(1, 2).of(&parts), Checksum::new(1, 2).of(&[b"abc"]));
        assert_ne!(Checksum::new(1, 2).of(&parts), Checksum::new(2, 2).of(&parts));
        assert_ne!(Checksum::new(1, 2).of(&parts), Checksum::new(1, 3).of(&parts));
    }
}
