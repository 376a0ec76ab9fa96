//! A hub whose readers come back at once: anonymous, and each with a token of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use headwater_access::Algorithm;
use serde_json::Value;
use tempfile::TempDir;

use crate::keys::{AUDIENCE, Failure, NAME, Pair};

/// Alternating runs of both kinds; medians count.
const RUNS: &str = "5";

/// How much longer it takes with tokens.
pub fn measure(readers: usize) -> Result<f64, Failure> {
    let program = std::env::var_os("HEADWATER_BIN").ok_or("HEADWATER_BIN names no hub to measure")?;
    let folder = TempDir::new()?;
    let at = |name: &str| folder.path().join(name);
    // The dearest to verify, which happens once for each: whoever comes back is remembered.
    let pair = Pair::new(Algorithm::EdDsa)?;
    fs::write(at("key.pem"), &pair.public)?;
    let tokens: Vec<String> = (0..readers).map(|reader| pair.token(reader)).collect::<Result<_, _>>()?;
    fs::write(at("tokens"), tokens.join("\n"))?;
    // As many connections from one address as there are readers.
    let config = format!(
        "[access]\naudience = \"{AUDIENCE}\"\nanonymous = {{ subscribe = [\"**\"], publish = [\"**\"] }}\n\
         [[access.keys]]\nid = \"{NAME}\"\nalgorithm = \"EdDSA\"\npublic_key_file = \"key.pem\"\n"
    );
    fs::write(at("headwater.toml"), config)?;
    let mut serve = Command::new(&program);
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data", ":memory:"]).current_dir(folder.path());
    let mut hub = Hub(serve.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    BufReader::new(hub.0.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let url = line.trim().rsplit_once(' ').ok_or("the hub did not say where it listens")?.1.to_owned();

    let mut bench = Command::new(&program);
    bench.args(["bench", "storm", "--json", "--runs", RUNS, "--readers", &readers.to_string()]);
    bench.args(["--target", &url, "--against", &url, "--against-token-file", "tokens"]);
    let output = bench.current_dir(folder.path()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("headwater bench ended with {}", output.status).into());
    }
    let report: Value = serde_json::from_slice(&output.stdout)?;
    for (kind, target) in ["anonymous", "with tokens"].iter().zip(report["targets"].as_array().into_iter().flatten()) {
        println!("- {kind}: {}", target["median"]);
    }
    let median = |target: usize| report["targets"][target]["median"]["caught_up_seconds"].as_f64();
    let (anonymous, with_tokens) = median(0).zip(median(1)).ok_or("no figures in the report")?;
    Ok(with_tokens / anonymous)
}

/// Killed with the value.
struct Hub(Child);

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
