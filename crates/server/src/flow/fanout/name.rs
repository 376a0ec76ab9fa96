//! What a session is called.

use std::fmt;
use std::str::FromStr;

use headwater_hub::Ticket;

/// What a session is called outside its shard: `<shard>-<slot>-<generation>`, in hexadecimal digits. A name is never
/// given twice while the hub runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionName {
    /// Index of its shard.
    pub(crate) shard: u32,
    /// Its place there.
    pub(crate) ticket: Ticket,
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ticket { slot, generation } = self.ticket;
        write!(f, "{:x}-{slot:x}-{generation:x}", self.shard)
    }
}

impl FromStr for SessionName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let mut parts = text.split('-').map(|part| {
            let digits = (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            digits.then(|| u32::from_str_radix(part, 16).ok()).flatten().ok_or(NotAName)
        });
        let mut next = || parts.next().ok_or(NotAName)?;
        let name = Self { shard: next()?, ticket: Ticket { slot: next()?, generation: next()? } };
        match parts.next() {
            None => Ok(name),
            Some(_) => Err(NotAName),
        }
    }
}

/// The text is no session's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAName;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_to_text_and_back() {
        let name = SessionName { shard: 1, ticket: Ticket { slot: 255, generation: u32::MAX } };
        assert_eq!(name.to_string(), "1-ff-ffffffff");
        assert_eq!(name.to_string().parse(), Ok(name));
        for wrong in ["", "1", "1-2", "1-2-3-4", "1-2-", "1--3", "+1-2-3", "1-2-100000000", "x-1-2"] {
            assert_eq!(wrong.parse::<SessionName>(), Err(NotAName), "{wrong}");
        }
    }
}
