//! Ranges of IP addresses, as they are written in configurations: `10.0.0.0/8`, `::1`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of IP addresses. An IPv4 address counts as the same whether it is written as such or mapped into IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    /// How many leading bits all its addresses share.
    prefix: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address nor one with a prefix.
    #[error("is no network; write an address such as ::1, or one with the length of its prefix such as 10.0.0.0/8")]
    Syntax,
    /// The prefix is longer than the address.
    #[error("has a prefix longer than its address; an IPv4 prefix has at most 32 bits, an IPv6 prefix 128")]
    Prefix,
    /// Bits are set behind the prefix.
    #[error("has bits behind its prefix; write {0}")]
    HostBits(Network),
}

impl Network {
    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        mask(address.to_canonical(), self.prefix) == Some(self.first)
    }

    /// The network that an address shares with those of the same holder: itself, or for IPv6 its /64, of which everybody
    /// has at least one.
    pub fn of_holder(address: IpAddr) -> Self {
        match address.to_canonical() {
            address @ IpAddr::V4(_) => Self { first: address, prefix: 32 },
            IpAddr::V6(address) => Self { first: masked_v6(address, 64).into(), prefix: 64 },
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| NetworkError::Syntax)?;
        let most = if written.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            // `+8` is a number for the parser, and no prefix.
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) && (1..=3).contains(&digits.len()) => {
                digits.parse().map_err(|_| NetworkError::Prefix)?
            }
            Some(_) => return Err(NetworkError::Syntax),
        };
        if prefix > most {
            return Err(NetworkError::Prefix);
        }
        // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
        let (address, prefix) = match written.to_canonical() {
            address @ IpAddr::V4(_) if written.is_ipv6() && prefix >= 96 => (address, prefix - 96),
            IpAddr::V4(_) if written.is_ipv6() => (written, prefix),
            address => (address, prefix),
        };
        let first = mask(address, prefix).ok_or(NetworkError::Prefix)?;
        match first == address {
            true => Ok(Self { first, prefix }),
            false => Err(NetworkError::HostBits(Self { first, prefix })),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// The address without what follows the prefix; `None` for a prefix longer than the address.
fn mask(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) if prefix <= 32 => {
            let bits = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            Some(Ipv4Addr::from_bits(address.to_bits() & bits).into())
        }
        IpAddr::V6(address) if prefix <= 128 => Some(masked_v6(address, prefix).into()),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

fn masked_v6(address: Ipv6Addr, prefix: u8) -> Ipv6Addr {
    let bits = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & bits)
}
