//! `headwater log`: work on a log while no hub uses it.

use std::path::Path;

use headwater_log::{EmbeddedOptions, OpenError, RenewedEpoch, renew_epoch};

use crate::{Failure, print};

/// Gives the log another epoch and says both.
pub(crate) fn new_epoch(data: &Path) -> Result<(), Failure> {
    let RenewedEpoch { old, new } =
        renew_epoch(&EmbeddedOptions::new(data)).map_err(|error| Failure::Run(refusal(data, &error)))?;
    print(&format!(
        "The log in {} has epoch {new} instead of {old}. Clients with ids of {old} get a gap event and go on.\n",
        data.display()
    ));
    Ok(())
}

fn refusal(data: &Path, error: &OpenError) -> String {
    match error {
        OpenError::Locked(_) => {
            format!("failed to give the log another epoch: a hub is using {}; stop it first", data.display())
        }
        OpenError::Missing(_) => {
            format!(
                "failed to give the log another epoch: there is no log in {}; name the data folder of a hub",
                data.display()
            )
        }
        other => format!("failed to give the log another epoch: {other}"),
    }
}
