//! Signals of the process, turned into calls by one thread.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use headwater_server::Server;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Watches signals from now on: SIGTERM and SIGINT drain, the second time at once, SIGHUP calls `reload`. While there
/// is no server yet, stopping ends the process as if nobody watched, and a reload has nothing to do.
///
/// # Errors
/// When the system gives no thread or handler.
pub(crate) fn watch(server: Arc<OnceLock<Server>>, mut reload: impl FnMut(&Server) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let watcher = thread::Builder::new().name("signals".to_owned());
    watcher.spawn(move || {
        for signal in signals.forever() {
            match (signal, server.get()) {
                (SIGHUP, Some(server)) => reload(server),
                (SIGHUP, None) => {}
                (_, Some(server)) => server.drain(),
                // The log survives an end at any moment, so a start needs no goodbye.
                (signal, None) => drop(emulate_default_handler(signal)),
            }
        }
    })?;
    Ok(())
}

/// How long a command may take to stop. Somebody may have stopped reading what it writes.
const PATIENCE: Duration = Duration::from_secs(2);

/// Calls `stop` at the first SIGTERM or SIGINT. The second ends the process at once, and so does time.
///
/// # Errors
/// When the system gives no thread or handler.
pub(crate) fn until_stopped(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let watcher = thread::Builder::new().name("signals".to_owned());
    watcher.spawn(move || {
        let mut stop = Some(stop);
        for signal in signals.forever() {
            match stop.take() {
                Some(stop) => {
                    stop();
                    // Without a thread there is still the second signal.
                    let _ = thread::Builder::new().spawn(move || {
                        thread::sleep(PATIENCE);
                        drop(emulate_default_handler(signal));
                    });
                }
                None => drop(emulate_default_handler(signal)),
            }
        }
    })?;
    Ok(())
}
