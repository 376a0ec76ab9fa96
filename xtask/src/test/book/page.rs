//! Finding the samples of a page.

/// A fenced block that takes part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// The line of its fence, counted from one.
    pub(crate) line: usize,
    /// What is done with it.
    pub(crate) kind: Kind,
    /// What stands between the fences.
    pub(crate) text: String,
}

/// What is done with a sample.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Run by the shell.
    Shell {
        /// The hub dies and comes back first.
        after_kill: bool,
        /// What the output must show, in this order.
        expected: Vec<String>,
    },
    /// Checked by the hub.
    Config,
    /// Compared with what the hub prints.
    ConfigPrint,
}

/// The samples of a page in their order; the error begins with `:` and the line it is about.
pub(crate) fn samples(page: &str) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let mut text = String::new();
        let closed = lines.by_ref().map(|(_, line)| line).any(|line| {
            let closes = line.trim() == "```";
            if !closes {
                text.push_str(line);
                text.push('\n');
            }
            closes
        });
        if !closed {
            return Err(format!(":{}: the block is never closed", index + 1));
        }
        if let Some(kind) = kind(info, &text).map_err(|reason| format!(":{}: {reason}", index + 1))? {
            samples.push(Sample { line: index + 1, kind, text });
        }
    }
    Ok(samples)
}

fn kind(info: &str, text: &str) -> Result<Option<Kind>, String> {
    match info.split(',').collect::<Vec<_>>().as_slice() {
        ["sh", "run"] => Ok(Some(Kind::Shell { after_kill: false, expected: expected(text)? })),
        ["sh", "run", "after-kill"] => Ok(Some(Kind::Shell { after_kill: true, expected: expected(text)? })),
        ["toml", "config"] => Ok(Some(Kind::Config)),
        ["toml", "config-print"] => Ok(Some(Kind::ConfigPrint)),
        // A misspelt mark would leave the sample unchecked for ever.
        [_, mark, ..] => Err(format!("no runner knows the mark `{mark}`")),
        _ => Ok(None),
    }
}

fn expected(text: &str) -> Result<Vec<String>, String> {
    let marked = text.lines().filter_map(|line| line.trim().strip_prefix("# => "));
    let expected: Vec<String> = marked.map(|line| line.trim().to_owned()).collect();
    if expected.is_empty() {
        return Err("a sample that is run needs a line `# => what it shows`".to_owned());
    }
    Ok(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_blocks_are_found_with_their_lines_and_others_left_alone() {
        let page =
            "text\n```sh\nls\n```\n\n```sh,run,after-kill\ncurl x\n# => id: …\n```\n```toml,config\na = 1\n```\n";
        let expected = vec![
            Sample {
                line: 6,
                kind: Kind::Shell { after_kill: true, expected: vec!["id: …".into()] },
                text: "curl x\n# => id: …\n".into(),
            },
            Sample { line: 10, kind: Kind::Config, text: "a = 1\n".into() },
        ];
        assert_eq!(samples(page).unwrap(), expected);
    }

    #[test]
    fn what_would_never_be_checked_is_refused() {
        assert!(samples("```sh,run\nls\n```\n").unwrap_err().starts_with(":1: a sample that is run"));
        assert!(samples("x\n```sh,runs\nls\n```\n").unwrap_err().starts_with(":2: no runner knows"));
        assert!(samples("```sh\nls\n").unwrap_err().contains("never closed"));
    }
}
