//! The source tree, as the tests of pages read it.

use std::fs;
use std::path::{Path, PathBuf};

/// Its root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Everything that tests are written in, joined.
pub(crate) fn sources() -> String {
    let mut folders: Vec<PathBuf> =
        ["crates", "clients", "tests", "fuzz", "dashboard"].map(|folder| root().join(folder)).into();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the tree") {
            let path = entry.expect("a readable folder").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "node_modules" && name != "target" {
                folders.push(path);
            } else if [".rs", ".mjs", ".js", ".py"].iter().any(|end| name.ends_with(end)) {
                text.push_str(&fs::read_to_string(&path).expect("a source file in UTF-8"));
            }
        }
    }
    text
}
