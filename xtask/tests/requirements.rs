//! Every requirement is named by a test, or its page says why not.

mod tree;

use std::fs;

#[test]
fn every_requirement_is_named_by_a_test_or_excused_with_a_reason() {
    let page = fs::read_to_string(tree::root().join("docs/src/internals/requirements.md")).unwrap();
    let sources = tree::sources();
    let mut wrong = Vec::new();
    for (id, excuse) in requirements(&page) {
        match (named(&id, &sources), excuse.is_empty()) {
            (false, true) => wrong.push(format!("{id} is named by no test and not excused")),
            (true, false) => wrong.push(format!("{id} is named by a test and excused all the same")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_has_every_line_of_its_topics_once() {
    let page = include_str!("../../docs/src/internals/requirements.md");
    let ids: Vec<String> = requirements(page).into_iter().map(|(id, _)| id).collect();
    let topics = [
        ("BSG", 12),
        ("EVR", 13),
        ("FMT", 18),
        ("BUF", 10),
        ("KAL", 9),
        ("IDG", 11),
        ("POOL", 10),
        ("RLB", 13),
        ("SEC", 15),
        ("BRW", 11),
        ("TRN", 5),
        ("RUN", 6),
        ("FWK", 6),
        ("CLI", 3),
    ];
    let expected: Vec<String> =
        topics.iter().flat_map(|(topic, count)| (1..=*count).map(move |n| format!("{topic}-{n:02}"))).collect();
    assert_eq!(ids, expected);
}

/// Id and excuse of every table row of the page.
fn requirements(page: &str) -> Vec<(String, String)> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    let is_id = |text: &str| {
        text.split_once('-').is_some_and(|(topic, number)| {
            topic.bytes().all(|byte| byte.is_ascii_uppercase()) && number.len() == 2 && number.parse::<u8>().is_ok()
        })
    };
    let numbered = cells.filter(|cells| is_id(cells[0]));
    numbered.map(|cells| (cells[0].to_owned(), cells[2].to_owned())).collect()
}

/// As `EVR-05` in a comment, or as `evr_05` in a name.
fn named(id: &str, sources: &str) -> bool {
    sources.contains(id) || sources.contains(&id.to_lowercase().replace('-', "_"))
}
