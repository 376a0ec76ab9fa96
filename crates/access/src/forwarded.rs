//! Who is behind a connection: its peer, or whom the proxies in between name.
//!
//! Every proxy appends the address it was reached from, so the list is read from the right, as long as those who wrote it
//! are trusted. What stands further left was written by somebody else and says nothing.

use std::net::IpAddr;

use crate::Network;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The last address on the way that is no trusted proxy.
    pub address: IpAddr,
    /// Whether the address is that of whoever asks. Otherwise a trusted proxy has named nobody who could be told from
    /// others, and the address is that proxy's.
    pub known: bool,
}

impl Source {
    /// Whoever is at the other end of a connection.
    pub fn direct(peer: IpAddr) -> Self {
        Self { address: peer.to_canonical(), known: true }
    }

    /// Whoever is behind a connection from `peer`, given the values of its `Forwarded` (RFC 7239) and `X-Forwarded-For`
    /// fields in their order. They count only when `trusted` has the peer. A request with both has to tell the same in
    /// both: a proxy writes one of them and hands the other on as it came, from anybody.
    pub fn behind<'a>(
        peer: IpAddr,
        trusted: &[Network],
        forwarded: impl Iterator<Item = &'a [u8]>,
        x_forwarded_for: impl Iterator<Item = &'a [u8]>,
    ) -> Self {
        let peer = Self::direct(peer);
        if !is_trusted(peer.address, trusted) {
            return peer;
        }
        let standard = named(peer, trusted, forwarded, Quotes::Enclose, |hop| parameter_for(hop).and_then(node));
        let common = named(peer, trusted, x_forwarded_for, Quotes::AreText, node);
        match (standard, common) {
            (None, None) => peer,
            (Some(one), None) | (None, Some(one)) => one,
            (Some(one), Some(other)) if one == other => one,
            (Some(_), Some(_)) => Self { known: false, ..peer },
        }
    }
}

/// Elements of a list that are looked at.
const MOST_HOPS: usize = 32;

/// What quotes do in a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// Separators between them separate nothing.
    Enclose,
    /// Nothing.
    AreText,
}

/// The last one in a list who is not trusted; the first one if all are. `None` without a list.
fn named<'a>(
    peer: Source,
    trusted: &[Network],
    values: impl Iterator<Item = &'a [u8]>,
    quotes: Quotes,
    address: impl Fn(&'a [u8]) -> Option<IpAddr>,
) -> Option<Source> {
    let values: Vec<&[u8]> = values.collect();
    let hops = values.iter().rev().flat_map(|value| from_right(value, b',', quotes));
    let mut source = None;
    for hop in hops.filter(|hop| !hop.is_empty()).take(MOST_HOPS) {
        let before = source.unwrap_or(peer);
        let Some(address) = address(hop) else { return Some(Source { known: false, ..before }) };
        source = Some(Source::direct(address));
        if !is_trusted(address.to_canonical(), trusted) {
            break;
        }
    }
    source
}

/// The parts of a text, the last one first. Quotes are paired from the right, where the proxy that wrote them is trusted:
/// one that a client left open further left swallows nothing.
fn from_right(text: &[u8], separator: u8, quotes: Quotes) -> Vec<&[u8]> {
    let (mut parts, mut end, mut quoted) = (Vec::new(), text.len(), false);
    for (at, byte) in text.iter().enumerate().rev() {
        if *byte == b'"' && quotes == Quotes::Enclose {
            quoted ^= at == 0 || text[at - 1] != b'\\';
        } else if *byte == separator && !quoted {
            parts.push(text[at + 1..end].trim_ascii());
            end = at;
        }
    }
    parts.push(text[..end].trim_ascii());
    parts
}

/// The value of `for` in an element of `Forwarded`, without its quotes.
fn parameter_for(element: &[u8]) -> Option<&[u8]> {
    let mut found = from_right(element, b';', Quotes::Enclose).into_iter().filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        name.eq_ignore_ascii_case(b"for").then_some(value)
    });
    // Twice is against the standard, and either could be forged.
    let (value, None) = (found.next()?, found.next()) else { return None };
    Some(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
}

/// An address, perhaps in brackets, perhaps with a port. `unknown` and names that hide an address are none.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        return (port.is_empty() || port.starts_with(':')).then(|| address.parse().ok()).flatten();
    }
    match text.split_once(':') {
        // One colon: before a port. More: IPv6.
        Some((address, port)) if !port.contains(':') => address.parse().ok().filter(IpAddr::is_ipv4),
        _ => text.parse().ok(),
    }
}

fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}
