//! What the fuzz targets check, as functions that need no fuzzer.
//!
//! A target takes any bytes, and panics when a promise is broken. [`TARGETS`] names them all; the test below runs each
//! over its stored corpus.

pub mod bodies;
pub mod client;
pub mod config;
pub mod decoder;
pub mod heads;
pub mod key_sets;
pub mod names;
mod problem;
pub mod publish;
pub mod roundtrip;
pub mod segments;
pub mod subscription;
pub mod tokens;

/// A target: panics when its promise does not hold for these bytes.
pub type Check = fn(&[u8]);

/// Every target, by the name it has in `fuzz_targets/` and in `corpus/`.
pub const TARGETS: [(&str, Check); 12] = [
    ("bodies", bodies::check),
    ("client", client::check),
    ("config", config::check),
    ("decoder", decoder::check),
    ("heads", heads::check),
    ("key_sets", key_sets::check),
    ("names", names::check),
    ("publish", publish::check),
    ("roundtrip", roundtrip::check),
    ("segments", segments::check),
    ("subscription", subscription::check),
    ("tokens", tokens::check),
];

/// What a target does without a fuzzer: it reads the files it is given as arguments.
///
/// # Panics
/// When a file cannot be read, or its content breaks the promise.
pub fn replay(check: Check) {
    for path in std::env::args_os().skip(1) {
        let input = std::fs::read(&path).unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()));
        check(&input);
        println!("{}: holds", path.display());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::{self, AssertUnwindSafe};
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    use super::{Check, TARGETS};

    /// Longest input that is made up.
    const LONGEST: usize = 4096;

    #[test]
    fn every_target_holds_on_its_corpus() {
        for (name, check) in TARGETS {
            let inputs = corpus(name);
            assert!(!inputs.is_empty(), "the corpus of {name} is empty");
            for (path, input) in inputs {
                println!("{}", path.display()); // the last one shown is the one that failed
                check(&input);
            }
        }
    }

    /// Without a fuzzer, and without its sense for what is new: inputs of the corpus, broken at random. Every target has
    /// one second, or `FUZZ_SECONDS`. What fails lies in `artifacts/`.
    #[test]
    fn every_target_holds_on_broken_inputs() {
        let seconds = std::env::var("FUZZ_SECONDS").map_or(1, |text| text.parse().expect("a number"));
        for (name, check) in TARGETS {
            let (inputs, start, mut tried) = (corpus(name), Instant::now(), 0_u64);
            let mut random = fastrand::Rng::with_seed(fastrand::u64(..));
            while start.elapsed() < Duration::from_secs(seconds) {
                let input = broken(&inputs, &mut random);
                tried += 1;
                hold(name, check, &input);
            }
            println!("{name}: {tried} inputs in {seconds} s");
        }
    }

    fn hold(name: &str, check: Check, input: &[u8]) {
        let Err(cause) = panic::catch_unwind(AssertUnwindSafe(|| check(input))) else { return };
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(format!("{name}-broken"));
        fs::create_dir_all(file.parent().expect("a folder")).expect("it can be made");
        fs::write(&file, input).expect("it can be written");
        println!("{} is the input that failed", file.display());
        panic::resume_unwind(cause);
    }

    /// An input of the corpus with some changes: bytes changed, taken out, doubled, or taken from another.
    fn broken(inputs: &[(PathBuf, Vec<u8>)], random: &mut fastrand::Rng) -> Vec<u8> {
        let mut input = random.choice(inputs).expect("a corpus").1.clone();
        for _ in 0..random.usize(1..8) {
            let at = random.usize(..=input.len());
            let end = (at + random.usize(..16)).min(input.len());
            match random.u8(..5) {
                0 if at < input.len() => input[at] = random.u8(..),
                1 => drop(input.drain(at..end)),
                2 => input.extend_from_within(at..end),
                3 => input.insert(at, *random.choice(b"\0\n\r\t \"#%&+,-./:;=?[]{}\x7f\xff\xc3").expect("a byte")),
                _ => {
                    let other = &random.choice(inputs).expect("a corpus").1;
                    let from = random.usize(..=other.len());
                    let piece = &other[from..(from + random.usize(..64)).min(other.len())];
                    drop(input.splice(at..at, piece.iter().copied()));
                }
            }
        }
        input.truncate(LONGEST);
        input
    }

    fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let entries = fs::read_dir(&folder).expect("every target has a corpus");
        let read = |path: PathBuf| {
            let input = fs::read(&path).expect("the file can be read");
            (path, input)
        };
        entries.map(|entry| read(entry.expect("the folder can be read").path())).collect()
    }
}
