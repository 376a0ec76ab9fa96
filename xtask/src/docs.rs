//! What is read rather than run: the book, the API documentation, the list of dependencies.

use std::process::Command;

use crate::process::{self, Failure};
use crate::tools::cargo::{CARGO_DENY, MDBOOK};
use crate::workspace::Workspace;

/// Builds the book into `target/book` and the API documentation into `target/doc`, warnings denied.
pub(crate) fn build(workspace: &Workspace) -> Result<(), Failure> {
    let book = workspace.target.join("book");
    let mut mdbook = Command::new(MDBOOK.program(workspace)?);
    process::run(mdbook.arg("build").arg("--dest-dir").arg(&book).arg("docs").current_dir(&workspace.root))?;
    let mut doc = workspace.cargo(".");
    process::run(doc.args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    println!("{}\n{}", book.join("index.html").display(), workspace.target.join("doc").display());
    Ok(())
}

/// Checks bans, licences and sources; advisories need a database from the network and run elsewhere.
pub(crate) fn deny(workspace: &Workspace) -> Result<(), Failure> {
    let program = CARGO_DENY.program(workspace)?;
    for manifest in ["Cargo.toml", "clients/python/Cargo.toml"] {
        let mut deny = Command::new(&program);
        // A relative path would be one from the manifest.
        deny.arg("--config").arg(workspace.root.join("deny.toml"));
        deny.args(["--manifest-path", manifest, "--workspace", "--locked", "check", "--hide-inclusion-graph"]);
        deny.args(["bans", "licenses", "sources"]);
        process::run(deny.current_dir(&workspace.root))?;
    }
    Ok(())
}
