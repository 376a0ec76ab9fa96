//! Heads of HTTP/1 requests: what is let through can be read in one way only (T24).

use headwater_server::fuzzing::judge_head;

use crate::problem;

/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    let Some((length, judged)) = judge_head(input) else { return };
    let head = &input[..length];
    // What follows a head is no part of it.
    let again = judge_head(head).expect("it has an end");
    assert_eq!(again.0, length);
    assert_eq!(again.1.is_ok(), judged.is_ok());
    if let Err(answer) = judged {
        return problem::check(&answer, &[400, 431]);
    }
    assert!(head.ends_with(b"\r\n\r\n"), "it ends in another way");
    let lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
    let (last, lines) = lines.split_last().expect("a split has a piece");
    assert!(last.is_empty());
    let mut says_how_long = 0;
    for line in lines {
        let line = line.strip_suffix(b"\r").expect("a line ends with CR LF");
        assert!(!line.contains(&b'\r') && !line.contains(&0), "a line has another line in it");
        assert!(!matches!(line.first(), Some(b' ' | b'\t')), "a line goes on in the next");
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        says_how_long += u32::from(name.eq_ignore_ascii_case(b"content-length"));
        says_how_long += u32::from(name.eq_ignore_ascii_case(b"transfer-encoding"));
    }
    assert!(says_how_long <= 1, "it says twice how long its body is");
}
