//! Who is behind a connection, and what the ranges of trusted proxies hold.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use headwater_access::{Network, NetworkError, Source};
use proptest::prelude::*;

fn networks(texts: &[&str]) -> Vec<Network> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// As `address`, or `?address` where whoever asks is not known.
fn behind(peer: &str, forwarded: &[&str], x_forwarded_for: &[&str]) -> String {
    let trusted = networks(&["10.0.0.0/8", "::1", "2001:db8:1::/48"]);
    let (forwarded, common) = (forwarded.iter().map(|v| v.as_bytes()), x_forwarded_for.iter().map(|v| v.as_bytes()));
    let source = Source::behind(address(peer), &trusted, forwarded, common);
    format!("{}{}", if source.known { "" } else { "?" }, source.address)
}

// T14: an address of one's own choice is nothing that a client can come by.
#[test]
fn t14_forwarded_addresses_count_from_trusted_proxies_only() {
    assert_eq!(behind("192.0.2.1", &["for=198.51.100.1"], &["198.51.100.2"]), "192.0.2.1");
    assert_eq!(behind("10.0.0.1", &[], &[]), "10.0.0.1");
    assert_eq!(behind("10.0.0.1", &[], &["198.51.100.2"]), "198.51.100.2");
    assert_eq!(behind("10.0.0.1", &["for=198.51.100.1"], &[]), "198.51.100.1");
    assert_eq!(behind("::ffff:10.0.0.1", &[], &["198.51.100.2"]), "198.51.100.2");
    assert_eq!(behind("::1", &[], &["2001:db8:2::7"]), "2001:db8:2::7");
    // What a client wrote stands to the left of what the proxy saw.
    assert_eq!(behind("10.0.0.1", &[], &["203.0.113.9, 198.51.100.2"]), "198.51.100.2");
    assert_eq!(behind("10.0.0.1", &[], &["203.0.113.9", "198.51.100.2, 10.9.9.9"]), "198.51.100.2");
    assert_eq!(behind("10.0.0.1", &[], &["203.0.113.9, 10.2.2.2", "10.9.9.9"]), "203.0.113.9");
    // All are proxies: the first of them asks for itself.
    assert_eq!(behind("10.0.0.1", &[], &["10.2.2.2,10.9.9.9"]), "10.2.2.2");
    // A proxy writes one field and hands the other on as it came.
    assert_eq!(behind("10.0.0.1", &["for=203.0.113.9"], &["198.51.100.2"]), "?10.0.0.1");
    assert_eq!(behind("10.0.0.1", &["for=198.51.100.2"], &["198.51.100.2"]), "198.51.100.2");
}

#[test]
fn forms_of_an_address() {
    for (value, found) in [
        ("for=192.0.2.43", "192.0.2.43"),
        ("For=192.0.2.43:8080;proto=https", "192.0.2.43"),
        ("proto=http;by=203.0.113.60;FOR=\"192.0.2.43:1\"", "192.0.2.43"),
        ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
        ("for=192.0.2.43, for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
        ("for=203.0.113.1;host=\"a,b\", for=192.0.2.43;host=\"c,d\"", "192.0.2.43"),
        ("for=\"::ffff:192.0.2.43\"", "192.0.2.43"),
        ("for=unknown", "?10.0.0.1"),
        ("for=_hidden", "?10.0.0.1"),
        ("by=192.0.2.43", "?10.0.0.1"),
        ("for=192.0.2.43;for=192.0.2.44", "?10.0.0.1"),
        ("for=192.0.2.43, for=unknown, for=10.2.2.2", "?10.2.2.2"),
        ("for=192.0.2.43, ,", "192.0.2.43"),
        ("for=203.0.113.9;x=\", for=192.0.2.43", "192.0.2.43"),
        ("for=192.0.2.43;host=\"a;for=203.0.113.9\"", "192.0.2.43"),
        ("for=192.0.2.43;host=\"a\\\";for=203.0.113.9\"", "192.0.2.43"),
        ("", "10.0.0.1"),
    ] {
        assert_eq!(behind("10.0.0.1", &[value], &[]), found, "{value}");
    }
    for (value, found) in [
        ("192.0.2.43", "192.0.2.43"),
        ("192.0.2.43:8080", "192.0.2.43"),
        ("2001:db8:cafe::17", "2001:db8:cafe::17"),
        ("[2001:db8:cafe::17]:4711", "2001:db8:cafe::17"),
        ("\", 192.0.2.43", "192.0.2.43"),
        ("192.0.2.43, nonsense", "?10.0.0.1"),
        ("\u{1b}[31m", "?10.0.0.1"),
    ] {
        assert_eq!(behind("10.0.0.1", &[], &[value]), found, "{value}");
    }
}

#[test]
fn networks_hold_what_they_say() {
    let holds = |network: &str, text: &str| network.parse::<Network>().unwrap().contains(address(text));
    assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
    assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3") && holds("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert!(holds("0.0.0.0/0", "203.0.113.1") && !holds("0.0.0.0/0", "2001:db8::1"));
    assert!(holds("::/0", "2001:db8::1") && !holds("::/0", "203.0.113.1"));
    assert!(holds("::1", "::1") && !holds("::1", "::2") && !holds("127.0.0.1", "127.0.0.2"));
    for (text, error) in [
        ("10.0.0.0/33", NetworkError::Prefix),
        ("::/129", NetworkError::Prefix),
        ("::/999", NetworkError::Prefix),
        ("10.0.0.0/", NetworkError::Syntax),
        ("10.0.0.0/+8", NetworkError::Syntax),
        ("10.0.0/8", NetworkError::Syntax),
        ("proxy", NetworkError::Syntax),
        ("10.0.0.1/8", NetworkError::HostBits("10.0.0.0/8".parse().unwrap())),
    ] {
        assert_eq!(text.parse::<Network>(), Err(error), "{text}");
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        any::<u32>().prop_map(|bits| IpAddr::V6(Ipv4Addr::from_bits(bits).to_ipv6_mapped())),
    ]
}

proptest! {
    #[test]
    fn networks_read_back(address in any_address(), prefix in 0u8..=128) {
        // An IPv4 address is in no range that is only of IPv6.
        prop_assume!(address == address.to_canonical() || prefix >= 96);
        match format!("{address}/{prefix}").parse::<Network>() {
            Ok(network) | Err(NetworkError::HostBits(network)) => {
                prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
                prop_assert!(network.contains(address));
            }
            Err(error) => prop_assert_eq!(error, NetworkError::Prefix),
        }
        prop_assert!(Network::of_holder(address).contains(address));
    }

    // T14: the last address written by whoever is not trusted is the answer, whatever stands before it.
    #[test]
    fn t14_nothing_to_the_left_of_a_stranger_counts(
        lies in proptest::collection::vec("[ -~]{0,30}|for=192\\.0\\.2\\.9;x=\"|\"", 0..5),
        client in any::<u32>().prop_map(Ipv4Addr::from_bits),
        proxies in proptest::collection::vec(0u32..1 << 24, 1..5),
        standard in any::<bool>(),
        same_field in any::<bool>(),
    ) {
        let trusted = networks(&["10.0.0.0/8"]);
        prop_assume!(client.octets()[0] != 10);
        let proxies: Vec<IpAddr> = proxies.iter().map(|low| Ipv4Addr::from_bits(10 << 24 | low).into()).collect();
        let (peer, passed) = proxies.split_last().unwrap();
        let mut values: Vec<String> = lies;
        let entry = |address: &dyn std::fmt::Display| if standard { format!("for={address}") } else { address.to_string() };
        let honest: Vec<String> =
            std::iter::once(entry(&client)).chain(passed.iter().map(|proxy| entry(proxy))).collect();
        // In the field of the client, as most proxies do it, or in one of their own.
        match values.last_mut().filter(|_| same_field) {
            Some(last) => last.push_str(&format!(", {}", honest.join(", "))),
            None => values.push(honest.join(", ")),
        }
        let values: Vec<&[u8]> = values.iter().map(String::as_bytes).collect();
        let (forwarded, common): (&[&[u8]], &[&[u8]]) = if standard { (&values, &[]) } else { (&[], &values) };
        let source = Source::behind(*peer, &trusted, forwarded.iter().copied(), common.iter().copied());
        prop_assert_eq!(source, Source { address: client.into(), known: true });
    }

    #[test]
    fn no_bytes_panic_and_strangers_are_themselves(
        peer in any_address(),
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..4),
        prefix in 0u8..=32,
    ) {
        let values = || values.iter().map(Vec::as_slice);
        let all = [format!("0.0.0.0/{}", prefix / 32).parse().unwrap(), "::/0".parse().unwrap()];
        let _ = Source::behind(peer, &all, values(), values());
        let stranger = Source::behind(peer, &[], values(), values());
        prop_assert_eq!(stranger, Source::direct(peer));
    }
}
