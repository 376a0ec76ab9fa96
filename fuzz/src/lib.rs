//! What the fuzz targets check, as functions that need no fuzzer.
//!
//! A target takes any bytes, and panics when a promise is broken. [`TARGETS`] names them all; the test below runs each
//! over its stored corpus.

pub mod config;
pub mod decoder;
pub mod names;
mod problem;
pub mod publish;
pub mod roundtrip;
pub mod segments;
pub mod subscription;

/// A target: panics when its promise does not hold for these bytes.
pub type Check = fn(&[u8]);

/// Every target, by the name it has in `fuzz_targets/` and in `corpus/`.
pub const TARGETS: [(&str, Check); 7] = [
    ("config", config::check),
    ("decoder", decoder::check),
    ("names", names::check),
    ("publish", publish::check),
    ("roundtrip", roundtrip::check),
    ("segments", segments::check),
    ("subscription", subscription::check),
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
    use std::path::Path;

    use super::TARGETS;

    #[test]
    fn every_target_holds_on_its_corpus() {
        for (name, check) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
            let mut inputs = 0;
            for entry in std::fs::read_dir(&folder).expect("every target has a corpus") {
                let path = entry.expect("the folder can be read").path();
                println!("{}", path.display()); // the last one shown is the one that failed
                check(&std::fs::read(path).expect("the file can be read"));
                inputs += 1;
            }
            assert!(inputs > 0, "the corpus of {name} is empty");
        }
    }
}
