//! Whether somebody still reads what is written.

use std::{io, thread};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Calls `stop` when nobody reads standard output any more, be it that nothing is written: in `… | head -n 1` the next event
/// may never come.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn when_unread(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("output".to_owned()).spawn(move || {
        let stdout = io::stdout();
        // Errors and hang-ups are told without being asked for; files have neither.
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        loop {
            match poll(&mut watched, None) {
                Err(Errno::INTR) => {}
                Ok(_) => return stop(),
                // Then the next write tells.
                Err(_) => return,
            }
        }
    })?;
    Ok(())
}
