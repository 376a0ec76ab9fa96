//! The manifest: which log this is, which chains it has, and how far positions are reserved.
//!
//! ```text
//! 0   8 bytes  "HWLOG\0\0\n"
//! 8   u32  version: 1, or 2 when the log has been given another epoch
//! 12  u32  epoch the log was made with, which stands in its files
//! 16  u64  salt of every checksum
//! 24  u64  no position up to here is handed out again after a restart
//! 32  u16  chains; then for each: u16 id, u32 length, text that says which class writes it
//! …   u32  only in version 2: epoch of event ids
//! …   u32  checksum over everything before
//! ```

use super::{Checksum, Input, VERSION};
use crate::Epoch;

/// What the manifest file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Of event ids.
    pub(crate) epoch: Epoch,
    /// Of every file: the epoch the log was made with, which another one for its ids does not change.
    pub(crate) origin: Epoch,
    pub(crate) salt: u64,
    /// Positions up to here may have been used by events that are not on disk.
    pub(crate) reserved: u64,
    /// Id and identity of every chain.
    pub(crate) chains: Vec<(u16, Box<str>)>,
}

/// Why a manifest cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ManifestFault {
    Damaged,
    /// Written by a version that is not known here.
    Version(u32),
}

const MAGIC: &[u8; 8] = b"HWLOG\0\0\n";
/// The version that has an epoch for event ids.
const RENEWED: u32 = 2;

impl Manifest {
    pub(crate) fn checksum(&self) -> Checksum {
        Checksum::new(self.origin.get(), self.salt)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let renewed = self.epoch != self.origin;
        out.extend(if renewed { RENEWED } else { VERSION }.to_le_bytes());
        out.extend(self.origin.get().to_le_bytes());
        out.extend(self.salt.to_le_bytes());
        out.extend(self.reserved.to_le_bytes());
        out.extend((self.chains.len() as u16).to_le_bytes());
        for (id, identity) in &self.chains {
            out.extend(id.to_le_bytes());
            out.extend((identity.len() as u32).to_le_bytes());
            out.extend(identity.as_bytes());
        }
        if renewed {
            out.extend(self.epoch.get().to_le_bytes());
        }
        out.extend(self.checksum().of(&[&out]).to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ManifestFault> {
        let mut input = Input(bytes);
        if input.take(8) != Some(MAGIC) {
            return Err(ManifestFault::Damaged);
        }
        let renewed = match input.u32() {
            Some(VERSION) => false,
            Some(RENEWED) => true,
            Some(version) => return Err(ManifestFault::Version(version)),
            None => return Err(ManifestFault::Damaged),
        };
        Self::decode_rest(bytes, input, renewed).ok_or(ManifestFault::Damaged)
    }

    fn decode_rest(bytes: &[u8], mut input: Input<'_>, renewed: bool) -> Option<Self> {
        let origin = Epoch::new(input.u32()?)?;
        let (salt, reserved) = (input.u64()?, input.u64()?);
        let mut chains = Vec::new();
        for _ in 0..input.u16()? {
            let id = input.u16()?;
            let length = input.u32()? as usize;
            chains.push((id, input.text(length)?.into()));
        }
        let epoch = if renewed { Epoch::new(input.u32()?)? } else { origin };
        let manifest = Self { epoch, origin, salt, reserved, chains };
        let covered = bytes.len().checked_sub(4)?;
        let whole = input.0.len() == 4 && input.u32()? == manifest.checksum().of(&[&bytes[..covered]]);
        whole.then_some(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(epoch: u32, origin: u32) -> Manifest {
        let chains = vec![(0, "disk".into()), (3, "disk\na/**".into())];
        let [epoch, origin] = [epoch, origin].map(|value| Epoch::new(value).expect("not zero"));
        Manifest { epoch, origin, salt: 5, reserved: 77, chains }
    }

    #[test]
    fn manifests_round_trip_and_notice_damage() {
        for manifest in [manifest(0xabcd, 0xabcd), manifest(7, 0xabcd)] {
            let mut bytes = manifest.encode();
            assert_eq!(Manifest::decode(&bytes), Ok(manifest));
            for at in 0..bytes.len() {
                assert!(Manifest::decode(&bytes[..at]).is_err(), "cut at {at}");
                bytes[at] ^= 1;
                assert!(Manifest::decode(&bytes).is_err(), "flipped at {at}");
                bytes[at] ^= 1;
            }
        }
    }

    #[test]
    fn a_log_with_its_first_epoch_is_one_of_version_1() {
        assert_eq!(manifest(9, 9).encode()[8], 1);
        assert_eq!(manifest(8, 9).encode()[8], 2);
    }

    #[test]
    fn a_later_version_is_named() {
        let mut bytes = manifest(1, 1).encode();
        bytes[8] = 9;
        assert_eq!(Manifest::decode(&bytes), Err(ManifestFault::Version(9)));
    }
}
