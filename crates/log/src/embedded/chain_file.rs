//! The file a chain is written to, as its writer sees it.

use std::io;
use std::sync::Arc;

use crate::disk::File;
use crate::format::group::GroupHeader;

/// The active segment file of a chain.
#[derive(Debug)]
pub(crate) struct ChainFile {
    pub(crate) file: Arc<dyn File>,
    /// Name, for messages.
    pub(crate) name: String,
    /// Where the next block goes.
    pub(crate) end: u64,
    /// Bytes that are there, zeros after `end`.
    pub(crate) allocated: u64,
    /// The header of its last group.
    pub(crate) group: Option<GroupHeader>,
}

impl ChainFile {
    /// Makes room for a block. Zeros are written ahead: a full disk shows here, before anything of the block is
    /// written, and a sync of data inside the file's length is cheaper.
    ///
    /// # Errors
    /// What the file system says; the chain is as it was.
    pub(crate) fn reserve(&mut self, bytes: usize, step: u64) -> io::Result<()> {
        let needed = self.end + bytes as u64;
        if needed <= self.allocated {
            return Ok(());
        }
        let generous = needed.max(self.allocated + step);
        match self.extend(generous) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull && generous > needed => self.extend(needed),
            outcome => outcome,
        }
    }

    /// Writes a block where room was made.
    pub(crate) fn write(&self, block: &[u8]) -> io::Result<()> {
        self.file.write_all_at(block, self.end)
    }

    /// Makes the block at the end unreadable again.
    pub(crate) fn unwrite(&self, header_bytes: usize) -> io::Result<()> {
        self.file.write_all_at(&vec![0; header_bytes], self.end)?;
        self.file.sync()
    }

    fn extend(&mut self, to: u64) -> io::Result<()> {
        while self.allocated < to {
            let count = (to - self.allocated).min(ZEROS.len() as u64);
            self.file.write_all_at(&ZEROS[..count as usize], self.allocated)?;
            self.allocated += count;
        }
        Ok(())
    }
}

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
