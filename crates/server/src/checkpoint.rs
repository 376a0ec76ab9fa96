//! Small files in the data folder that are replaced as a whole, beside the log's own.
//!
//! ```text
//! headwater-<kind> <version> <CRC-32 of all that follows the line, 8 hexadecimal digits>\n
//! <content, JSON>
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// One such file.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    kind: String,
}

/// The layout written here. An older program leaves a newer file alone.
const VERSION: u32 = 1;

impl Checkpoint {
    /// The file of this kind in a data folder.
    pub(crate) fn new(folder: &Path, kind: impl Into<String>) -> Self {
        let kind = kind.into();
        Self { path: folder.join(format!("{kind}.checkpoint")), kind }
    }

    /// What it holds; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read or is damaged, one fragment for the log.
    pub(crate) fn load<T: DeserializeOwned>(&self) -> Result<Option<T>, String> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read {}: {error}", self.path.display())),
        };
        let content = decode(&self.kind, &bytes).and_then(|content| serde_json::from_slice(content).ok());
        content.map(Some).ok_or_else(|| format!("{} is damaged, or of another version", self.path.display()))
    }

    /// Replaces it: afterwards it is the new one, after a crash before that the old one.
    ///
    /// # Errors
    /// When the storage refuses; then it is the old one.
    pub(crate) fn save<T: Serialize>(&self, content: &T) -> io::Result<()> {
        let bytes = encode(&self.kind, &serde_json::to_vec(content)?);
        let fresh = self.path.with_extension("checkpoint.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        fs::rename(&fresh, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn encode(kind: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("headwater-{kind} {VERSION} {:08x}\n", crc32fast::hash(content)).into_bytes();
    bytes.extend_from_slice(content);
    bytes
}

fn decode<'b>(kind: &str, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, content) = (&bytes[..end], &bytes[end + 1..]);
    let expected = format!("headwater-{kind} {VERSION} {:08x}", crc32fast::hash(content));
    (line == expected.as_bytes()).then_some(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_saved_is_loaded_and_nothing_else(content: Vec<String>, at: proptest::sample::Index, bit in 0..8_u32) {
            let folder = tempfile::tempdir().unwrap();
            let checkpoint = Checkpoint::new(folder.path(), "things");
            prop_assert_eq!(checkpoint.load::<Vec<String>>(), Ok(None));
            checkpoint.save(&Vec::<String>::new()).unwrap();
            checkpoint.save(&content).unwrap();
            prop_assert_eq!(checkpoint.load::<Vec<String>>(), Ok(Some(content)));
            let mut bytes = fs::read(&checkpoint.path).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            fs::write(&checkpoint.path, &bytes).unwrap();
            prop_assert!(checkpoint.load::<Vec<String>>().is_err(), "a flipped bit is noticed");
            fs::write(&checkpoint.path, &bytes[..at]).unwrap();
            prop_assert!(checkpoint.load::<Vec<String>>().is_err(), "a cut is noticed");
        }
    }

    // The layout as version 1 wrote it: a later program has to read it.
    #[test]
    fn version_1_is_read() {
        let bytes = b"headwater-things 1 3dc99cd5\n[\"a\",\"b\"]";
        assert_eq!(encode("things", b"[\"a\",\"b\"]"), bytes);
        assert_eq!(decode("things", bytes), Some(&b"[\"a\",\"b\"]"[..]));
        assert_eq!(decode("others", bytes), None);
    }
}
