//! Addresses that may be asked: public ones, and networks that the operator names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), length)
}

/// What is no host of the internet, of the registry of special addresses (IANA).
const NOT_PUBLIC_4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 8),
    v4(10, 0, 0, 8),
    // Behind carriers' translators.
    v4(100, 64, 0, 10),
    v4(127, 0, 0, 8),
    // Link-local, where clouds tell their secrets.
    v4(169, 254, 0, 16),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 0, 2, 24),
    // Relays of 6to4.
    v4(192, 88, 99, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    // Multicast, and what is reserved with the broadcast.
    v4(224, 0, 0, 4),
    v4(233, 252, 0, 24),
    v4(240, 0, 0, 4),
];

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// All that is given out for hosts. Loopback, unique local, link-local, multicast and whatever else is outside.
const GIVEN_OUT_6: Ipv6Net = v6(0x2000, 0, 3);
/// Of that: assignments for protocols with Teredo, documentation, and 6to4, which leads to any address of the other kind.
const NOT_PUBLIC_6: [Ipv6Net; 4] =
    [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];
/// How networks without IPv4 reach it: the address is behind the prefix.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);

/// Whether an address is that of a host of the internet.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !NOT_PUBLIC_4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            is_public(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
        }
        IpAddr::V6(address) => {
            GIVEN_OUT_6.contains(&address) && !NOT_PUBLIC_6.iter().any(|net| net.contains(&address))
        }
    }
}

/// Whether something may be asked of an address, of which the operator allows some more.
pub fn may_ask(address: IpAddr, allowed: &[IpNet]) -> bool {
    let address = address.to_canonical();
    is_public(address) || allowed.iter().any(|net| net.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the last of each network that is no host's, and their neighbours outside.
    #[test]
    fn what_is_no_host_of_the_internet_is_not_asked() {
        let inside = "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 \
             127.255.255.255 169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 \
             192.0.0.170 192.0.0.255 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 \
             198.51.100.7 203.0.113.255 224.0.0.1 233.252.0.9 239.255.255.255 240.0.0.0 255.255.255.255 \
             :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.1.2.3 ::ffff:169.254.169.254 64:ff9b::7f00:1 \
             64:ff9b::a9fe:a9fe 64:ff9b:1::1 64:ff9b:1:ffff::808:808 100::1 100:0:0:1::1 2001::1 2001:0:53aa:64c::1 \
             2001:1::1 2001:10::1 2001:2f:ffff::1 2001:1ff:ffff::1 2001:db8::1 2001:db8:ffff::1 2002:7f00:1::1 \
             2002:a00:1::1 2002:808:808::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 \
             febf::1 fec0::1 ff02::1 ff0e::1";
        for text in inside.split_whitespace() {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        let outside = "1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 \
             128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.255 \
             192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 \
             203.0.112.255 203.0.114.0 223.255.255.255 ::ffff:8.8.8.8 64:ff9b::808:808 2000::1 2001:200::1 \
             2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1 2606:4700::1111 2a00:1450::1 3ffe::1";
        for text in outside.split_whitespace() {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn the_operator_allows_some_more() {
        let allowed = ["10.20.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for (text, expected) in [
            ("10.20.1.1", true),
            ("::ffff:10.20.1.1", true),
            ("10.21.1.1", false),
            ("fd12::1", true),
            ("fe80::1", false),
            ("127.0.0.1", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(may_ask(text.parse().unwrap(), &allowed), expected, "{text}");
        }
    }
}
