//! `headwater serve`: configuration, logs, signals, server, in that order, until the server has stopped.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, OnceLock};

use headwater_server::Server;
use headwater_server::config::{self, Settings, Sources};

use crate::logging::Level;
use crate::{Failure, greeting, print, signals};

/// Serves until told to stop.
pub(crate) fn serve(sources: &Sources) -> Result<(), Failure> {
    let resolved = config::resolve(sources).map_err(Failure::Config)?;
    let level = Level::start(resolved.settings.log);
    let running = Arc::new(OnceLock::new());
    let (sources, settings) = (sources.clone(), resolved.settings.clone());
    signals::watch(running.clone(), move |server| reload(server, &sources, &settings, &level))
        .map_err(|error| Failure::Run(format!("cannot watch signals: {error}")))?;

    let server = Server::start(resolved.settings.clone()).map_err(|error| Failure::Run(error.to_string()))?;
    let server = running.get_or_init(|| server);
    let styled = io::stdout().is_terminal();
    print(&greeting::greeting(&resolved, server.local_addr(), server.mode(), styled));
    server.wait().map_err(|error| Failure::Run(format!("the hub stopped because it failed: {error}")))
}

/// Reads the configuration again and puts in force what can be changed while running. What cannot be read or used
/// changes nothing.
fn reload(server: &Server, sources: &Sources, started: &Settings, level: &Level) {
    let settings = match config::load(sources) {
        Ok(settings) => settings,
        Err(error) => return tracing::error!("the configuration stays as it was: {error}"),
    };
    for key in config::restart_needed(started, &settings) {
        tracing::warn!("`{key}` has changed and waits for the next start of the hub");
    }
    match server.reload(&settings) {
        Ok(()) => level.set(settings.log),
        Err(error) => tracing::error!("the configuration stays as it was: {error}"),
    }
}
