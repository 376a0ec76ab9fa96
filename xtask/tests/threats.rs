//! Every threat is held by a test that is named after it, or its page says why not.

mod tree;

use std::fs;

/// One row of the page.
struct Threat {
    number: u32,
    /// Names of tests, as they stand there.
    tests: Vec<String>,
    /// Why there is none.
    excuse: bool,
}

#[test]
fn every_threat_is_held_by_a_test_of_its_name_or_excused_with_a_reason() {
    let sources = tree::sources();
    let defined = |name: &str| sources.contains(&format!("fn {name}(")) || sources.contains(&format!("def {name}("));
    let mut wrong = Vec::new();
    let threats = threats();
    for Threat { number, tests, excuse } in &threats {
        for name in tests {
            if !defined(name) {
                wrong.push(format!("T{number}: there is no test {name}"));
            }
            if !name.split('_').any(|word| word == format!("t{number}")) {
                wrong.push(format!("T{number}: {name} is not named after it"));
            }
        }
        let named = sources.contains(&format!("fn t{number}_")) || sources.contains(&format!("def test_t{number}_"));
        if tests.is_empty() && !excuse {
            wrong.push(format!("T{number} is held by no test and not excused"));
        } else if named && *excuse {
            wrong.push(format!("T{number} has a test and is excused all the same"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let numbers: Vec<u32> = threats.iter().map(|threat| threat.number).collect();
    assert_eq!(numbers, (1..=26).collect::<Vec<_>>(), "the page has every threat once");
}

fn threats() -> Vec<Threat> {
    let page = fs::read_to_string(tree::root().join("docs/src/internals/threats.md")).expect("the page");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| T")?.strip_suffix(" |"));
    let threat = |row: &str| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let held = cells.last().expect("a row has cells");
        Threat {
            number: cells[0].parse().expect("a number"),
            tests: held.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
            excuse: held.starts_with("not yet: "),
        }
    };
    rows.map(threat).collect()
}
