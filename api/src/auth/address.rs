//! From where a request comes. Behind proxies it is they who say so, as far as they are trusted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use actix_web::{HttpRequest, http::header::HeaderMap};
use ipnet::IpNet;
use sha2::{Digest, Sha256};

pub struct Addresses {
    /// Whom we believe when they say for whom they ask.
    trusted: Vec<IpNet>,
    secret: Vec<u8>,
}

impl Addresses {
    pub fn new(trusted: Vec<IpNet>, secret: Vec<u8>) -> Self {
        Self { trusted, secret }
    }

    /// The address of the client: of IPv6 the /64, which is one customer's.
    pub fn client(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        network(behind(peer.to_canonical(), &hops(request.headers()), &self.trusted))
    }

    /// What is kept of an address.
    pub fn hash(&self, address: IpAddr) -> Vec<u8> {
        let digest = Sha256::new().chain_update(&self.secret);
        digest.chain_update(address.to_string()).finalize().to_vec()
    }
}

/// An address or a network, as in `10.0.0.0/8`.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse()).map_err(|_| format!("{text} is no address and no network"))
}

/// Each hop tells the one before it. Who is not trusted may have made up all that is to the left.
fn behind(peer: IpAddr, hops: &[Option<IpAddr>], trusted: &[IpNet]) -> IpAddr {
    let mut address = peer;
    for hop in hops.iter().rev() {
        let (true, Some(hop)) = (trusted.iter().any(|net| net.contains(&address)), hop) else {
            break;
        };
        address = *hop;
    }
    address
}

/// For whom each proxy asked, the first one first. Most proxies write `X-Forwarded-For` and pass a
/// `Forwarded` on that anybody may have written: it is read where there is no other.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let values = |name| headers.get_all(name).filter_map(|value| value.to_str().ok());
    let plain: Vec<_> =
        values("x-forwarded-for").flat_map(|value| value.split(',')).map(address).collect();
    if headers.contains_key("x-forwarded-for") {
        return plain;
    }
    let named = |part: &str| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| address(value)).flatten()
    };
    let elements = values("forwarded").flat_map(|value| value.split(','));
    elements.map(|element| element.split(';').find_map(named)).collect()
}

/// An address as proxies write it: at times quoted, in brackets, with a port. None of what is hidden.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn seen(trusted: &[&str], peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted = trusted.iter().map(|text| parse_network(text).unwrap()).collect();
        let mut request =
            TestRequest::default().peer_addr(SocketAddr::new(peer.parse().unwrap(), 1));
        for header in headers {
            request = request.append_header(*header);
        }
        Addresses::new(trusted, Vec::new()).client(&request.to_http_request()).to_string()
    }

    #[test]
    fn who_is_not_trusted_is_the_client() {
        let spoofed = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.1")];
        assert_eq!(seen(&[], "192.0.2.7", &spoofed), "192.0.2.7");
        assert_eq!(seen(&["10.0.0.0/8"], "192.0.2.7", &spoofed), "192.0.2.7");
    }

    #[test]
    fn hops_are_read_from_the_right_as_far_as_they_are_trusted() {
        let trusted = ["10.0.0.0/8", "203.0.113.9", "2001:db8:1::/48"];
        for (said, client) in [
            ("198.51.100.1", "198.51.100.1"),
            ("6.6.6.6, 198.51.100.1", "198.51.100.1"),
            ("6.6.6.6, 198.51.100.1 ,203.0.113.9, 10.1.1.1", "198.51.100.1"),
            ("6.6.6.6, 203.0.113.10, 10.1.1.1", "203.0.113.10"),
            ("198.51.100.1:4711", "198.51.100.1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("2001:db8:2:3:4:5:6:7", "2001:db8:2:3::"),
            ("[2001:db8:2:3:4:5:6:7]:80", "2001:db8:2:3::"),
            ("2001:db8:2:3:4:5:6:7, 2001:db8:1::1", "2001:db8:2:3::"),
            // Of all that is trusted, the first; what cannot be read ends the row.
            ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
            ("198.51.100.1, unknown, 10.2.2.2", "10.2.2.2"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(seen(&trusted, "10.0.0.1", &[("x-forwarded-for", said)]), client, "{said}");
        }
        let two = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.1, 10.2.2.2")];
        assert_eq!(seen(&trusted, "::ffff:10.0.0.1", &two), "198.51.100.1");
    }

    #[test]
    fn forwarded_is_read_where_there_is_no_other() {
        let said =
            r#"for=6.6.6.6, For="[2001:db8:2:3:4::1]:4711";proto=https;by=10.0.0.1, for=10.2.2.2"#;
        assert_eq!(seen(&["10.0.0.0/8"], "10.0.0.1", &[("forwarded", said)]), "2001:db8:2:3::");
        let both = [("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(seen(&["10.0.0.0/8"], "10.0.0.1", &both), "198.51.100.1");
        let hidden = [("forwarded", "for=_hidden")];
        assert_eq!(seen(&["10.0.0.0/8"], "10.0.0.1", &hidden), "10.0.0.1");
    }

    #[test]
    fn neighbours_in_a_network_are_one() {
        assert_eq!(seen(&[], "2001:db8::1", &[]), seen(&[], "2001:db8::ffff:1", &[]));
        assert_ne!(seen(&[], "2001:db8::1", &[]), seen(&[], "2001:db8:0:1::1", &[]));
        assert!(parse_network("10.0.0.0/33").is_err() && parse_network("example.com").is_err());
    }
}
