//! Where an address leads: out, inside, or nowhere a request may go (T22).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To the public network.
    Public,
    /// To this machine or to a private network.
    Inside,
    /// To a link, where clouds keep the secrets of their machines, to many, or to nobody.
    Never,
}

/// Where this address leads. One that carries another leads where that one leads.
pub(super) fn place(address: IpAddr) -> Place {
    match address.to_canonical() {
        IpAddr::V4(address) => place_v4(address),
        IpAddr::V6(address) => place_v6(address),
    }
}

fn place_v4(address: Ipv4Addr) -> Place {
    match address.octets() {
        [10 | 127, ..] | [192, 168, ..] => Place::Inside,
        [172, second, ..] if second & 0xf0 == 16 => Place::Inside,
        // Carrier-grade NAT, and networks for benchmarks.
        [100, second, ..] if second & 0xc0 == 64 => Place::Inside,
        [198, 18 | 19, ..] => Place::Inside,
        // This network, link-local, protocol assignments, documentation, the old relay of 6to4.
        [0, ..] | [169, 254, ..] | [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => {
            Place::Never
        }
        // Multicast, reserved, broadcast.
        [first, ..] if first >= 224 => Place::Never,
        _ => Place::Public,
    }
}

fn place_v6(address: Ipv6Addr) -> Place {
    let carried = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        place_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Place::Inside,
        // The old IPv4-compatible form, and NAT64.
        [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => carried(high, low),
        // 6to4.
        [0x2002, high, low, ..] => carried(high, low),
        // Teredo, benchmarks, ORCHID and the other special ones of 2001::/23; documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => Place::Never,
        [0x3fff, second, ..] if second < 0x1000 => Place::Never,
        // Unique local, and what was site-local once.
        [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 => Place::Inside,
        // NAT64 of a private network.
        [0x64, 0xff9b, 1, ..] => Place::Inside,
        [first, ..] if first & 0xe000 == 0x2000 => Place::Public,
        // Link-local, multicast, and what nobody has been given.
        _ => Place::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t22_where_addresses_lead() {
        let check = |expected: Place, addresses: &[&str]| {
            for text in addresses {
                assert_eq!(place(text.parse().unwrap()), expected, "{text}");
            }
        };
        check(
            Place::Public,
            &["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.167.1.1"],
        );
        check(Place::Public, &["2606:4700::1111", "2001:200::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]);
        check(
            Place::Inside,
            &["127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"],
        );
        check(Place::Inside, &["198.18.0.1", "::1", "fc00::1", "fd12:3456::1", "fec0::1", "64:ff9b:1::1"]);
        // Whatever it is dressed as.
        check(Place::Inside, &["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::"]);
        check(
            Place::Never,
            &["0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"],
        );
        check(Place::Never, &["192.0.0.8", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"]);
        check(
            Place::Never,
            &["::", "fe80::1", "ff02::1", "2001:db8::1", "2001::1", "100::1", "::ffff:169.254.169.254", "4000::1"],
        );
        check(Place::Never, &["64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "3fff:1::1"]);
    }
}
