//! A moving window over a file: small pieces come out of few large reads.

use std::io;
use std::sync::Arc;

use crate::disk::File;

/// Buffered positioned reads that mostly go forward.
#[derive(Debug)]
pub(crate) struct Window {
    file: Arc<dyn File>,
    length: u64,
    /// Bytes read at once.
    ahead: usize,
    start: u64,
    buffer: Vec<u8>,
}

impl Window {
    /// Over the first `length` bytes of a file, reading `ahead` bytes at once.
    pub(crate) fn new(file: Arc<dyn File>, length: u64, ahead: usize) -> Self {
        Self { file, length, ahead, start: 0, buffer: Vec::new() }
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// At least the next `count` bytes from `offset`, or fewer where the file ends.
    pub(crate) fn at(&mut self, offset: u64, count: usize) -> io::Result<&[u8]> {
        let count = count.min(self.length.saturating_sub(offset) as usize);
        let end = offset + count as u64;
        if offset < self.start || end > self.start + self.buffer.len() as u64 {
            let wanted = count.max(self.ahead).min((self.length - offset.min(self.length)) as usize);
            self.buffer.resize(wanted, 0);
            self.start = offset;
            if let Err(error) = self.file.read_exact_at(&mut self.buffer, offset) {
                self.buffer.clear();
                return Err(error);
            }
        }
        Ok(&self.buffer[(offset - self.start) as usize..])
    }
}
