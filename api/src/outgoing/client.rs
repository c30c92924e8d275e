//! A client that asks nothing inside a network, by whatever name, address or redirect it is sent there.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, OnceLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use reqwest::{
    Client, Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, LOCATION, RETRY_AFTER},
    redirect::Policy,
};
use voronka_domain::intake::recording::Failure;

use super::address::may_ask;

/// How long it may take until somebody answers, and until more comes.
const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_secs(30);
/// A link leads on so often.
const MOST_REDIRECTS: usize = 3;

/// Nothing is asked at this address.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to no address that may be asked")
    }
}

impl Error for Refused {}

/// The addresses of a name that may be asked: the connection goes to one of them, whatever the name says later.
struct Resolver(Arc<[IpNet]>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found = tokio::task::spawn_blocking(move || (name, 0).to_socket_addrs()).await??;
            let asked: Vec<SocketAddr> =
                found.filter(|address| may_ask(address.ip(), &allowed)).collect();
            match asked.is_empty() {
                true => Err(Refused.into()),
                false => Ok(Box::new(asked.into_iter()) as Addrs),
            }
        })
    }
}

/// Why nothing came, and how long the host asks to be left in peace.
#[derive(Debug)]
pub struct Failed {
    pub why: Failure,
    pub patience: Option<TimeDelta>,
}

impl From<Failure> for Failed {
    fn from(why: Failure) -> Self {
        Self { why, patience: None }
    }
}

pub struct Outgoing {
    /// Made when it is needed: without certificates of authorities there is none, and everything else goes on.
    client: OnceLock<Client>,
    allowed: Arc<[IpNet]>,
}

impl Outgoing {
    /// Of the networks of others, those that are named are asked too.
    pub fn new(allowed: &[IpNet]) -> Self {
        Self { client: OnceLock::new(), allowed: allowed.into() }
    }

    fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = self.make().map_err(|error| {
            tracing::warn!(?error, "nothing can be asked of other hosts");
            Failure::Ours
        })?;
        Ok(self.client.get_or_init(|| made))
    }

    fn make(&self) -> reqwest::Result<Client> {
        Client::builder()
            .user_agent(concat!("voronka/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .dns_resolver(Resolver(self.allowed.clone()))
            .connect_timeout(CONNECT)
            .read_timeout(READ)
            .pool_max_idle_per_host(0)
            .build()
    }

    /// What an address answers with 200, there or where it leads to.
    pub async fn get(&self, address: &str) -> Result<Response, Failed> {
        let mut url = Url::parse(address).map_err(|_| Failure::BadLink)?;
        for _ in 0..=MOST_REDIRECTS {
            self.check(&url)?;
            let answer = self.client()?.get(url).send().await.map_err(|error| failure(&error))?;
            let status = answer.status();
            match answer.headers().get(LOCATION).map(|location| location.to_str()) {
                _ if status == StatusCode::OK => return Ok(answer),
                Some(location) if status.is_redirection() => {
                    let location = location.map_err(|_| Failure::BadLink)?;
                    url = answer.url().join(location).map_err(|_| Failure::BadLink)?;
                }
                _ => {
                    let patience = patience(answer.headers(), Utc::now());
                    return Err(Failed { why: Failure::Status(status.as_u16()), patience });
                }
            }
        }
        Err(Failure::TooManyRedirects.into())
    }

    /// An address that is written out is asked of no resolver.
    fn check(&self, url: &Url) -> Result<(), Failure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::BadLink);
        }
        let host = url.host_str().ok_or(Failure::BadLink)?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        match bare.parse::<IpAddr>() {
            Ok(address) if !may_ask(address, &self.allowed) => Err(Failure::Refused),
            _ => Ok(()),
        }
    }
}

/// What has become of a request, without a word of where it went: links may hold secrets.
pub fn failure(error: &reqwest::Error) -> Failure {
    let mut cause = error.source();
    while let Some(one) = cause {
        if one.is::<Refused>() {
            return Failure::Refused;
        }
        cause = one.source();
    }
    if error.is_timeout() {
        Failure::TookTooLong
    } else if error.is_body() || error.is_decode() {
        Failure::BrokeOff
    } else if error.is_builder() {
        Failure::BadLink
    } else {
        Failure::Unreachable
    }
}

/// `Retry-After`, in seconds or as a date.
fn patience(headers: &HeaderMap, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => TimeDelta::try_seconds(i64::from(seconds)),
        Err(_) => Some(DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(allowed: &[&str]) -> Outgoing {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let allowed: Vec<IpNet> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        Outgoing::new(&allowed)
    }

    /// However a private address is written, nothing is sent to it. Names that lead there are no better.
    #[tokio::test]
    async fn nothing_inside_is_asked_by_any_name() {
        let outgoing = outgoing(&["10.0.0.0/8"]);
        for url in [
            "http://127.0.0.1:1/",
            "http://2130706433:1/",
            "http://0x7f.1:1/",
            "http://0177.0.0.1:1/",
            "http://127.0.0.1.:1/",
            "http://user:secret@127.1:1/a.wav",
            "http://0:1/",
            "http://[::1]:1/",
            "http://[::ffff:127.0.0.1]:1/",
            "http://[::ffff:7f00:1]:1/",
            "http://[64:ff9b::7f00:1]:1/",
            "http://[fe80::1]:1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://192.168.0.1/",
            "http://localhost:1/",
            "https://localhost:1/",
        ] {
            let failed = outgoing.get(url).await.unwrap_err();
            assert_eq!(failed.why, Failure::Refused, "{url}");
        }
        for url in ["file:///etc/passwd", "ftp://8.8.8.8/", "javascript:1", "/a.wav", "http://"] {
            let failed = outgoing.get(url).await.unwrap_err();
            assert_eq!(failed.why, Failure::BadLink, "{url}");
        }
    }

    /// Nobody listens on port 1, which is found out only where it is asked.
    #[tokio::test]
    async fn what_the_operator_allows_is_asked() {
        let outgoing = outgoing(&["127.0.0.0/8", "::1/128"]);
        for url in ["http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/"] {
            let failed = outgoing.get(url).await.unwrap_err();
            assert_eq!(failed.why, Failure::Unreachable, "{url}");
        }
    }

    #[test]
    fn patience_is_asked_for_in_seconds_or_until_a_day() {
        let now: DateTime<Utc> = "2026-11-28T12:00:00Z".parse().unwrap();
        let asked = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            patience(&headers, now).map(|asked| asked.num_seconds())
        };
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked("Sat, 28 Nov 2026 12:01:30 GMT"), Some(90));
        assert_eq!(asked("Sat, 28 Nov 2026 11:59:00 GMT"), Some(-60));
        assert_eq!(asked("soon"), None);
        assert_eq!(asked("-5"), None);
        assert_eq!(asked("99999999999"), None);
        assert_eq!(patience(&HeaderMap::new(), now), None);
    }
}
