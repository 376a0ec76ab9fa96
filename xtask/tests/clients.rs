//! Every rule of the page on clients is proven by scenarios, and every scenario proves a rule of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_page_names_every_scenario_and_no_other() {
    let mut written = BTreeSet::new();
    for entry in fs::read_dir(root().join("tests/tests/clients")).expect("the scenarios") {
        let path = entry.expect("a readable folder").path();
        let module = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let source = fs::read_to_string(&path).expect("a source file in UTF-8");
        // What the macro is called with; its definition is followed by no parenthesis.
        if let Some((_, rest)) = source.split_once("\nscenarios!(") {
            let (list, _) = rest.split_once(");").expect("the end of the list");
            let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
            written.extend(names.map(|name| format!("{module}::{name}")));
        }
    }
    let page = page();
    let (_, table) = page.split_once("| rule | scenarios |").expect("the table");
    let named: Vec<String> =
        table.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).map(Into::into).collect();
    let known: BTreeSet<String> = named.iter().cloned().collect();
    assert_eq!(known.len(), named.len(), "a scenario stands twice");
    assert!(!written.is_empty());
    let missing: Vec<_> = written.symmetric_difference(&known).collect();
    assert!(missing.is_empty(), "only in the sources or only on the page: {missing:?}");
}

#[test]
fn every_section_with_rules_has_its_rows() {
    let page = page();
    let (rules, table) = page.split_once("## One set of scenarios").expect("the section");
    // What is said of one language, under "In …", is held by its own tests.
    let is_rule = |title: &&str| *title != "Words" && !title.starts_with("In ");
    let sections = rules.lines().filter_map(|line| line.strip_prefix("## ")).filter(is_rule);
    let without: Vec<_> = sections.filter(|title| !table.contains(&format!("\n| {title}: "))).collect();
    assert!(without.is_empty(), "no scenarios for {without:?}");
}

fn page() -> String {
    fs::read_to_string(root().join("docs/src/clients.md")).expect("the page")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
