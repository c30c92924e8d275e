//! A lean HTTP/1.1 client: what it costs is taken from the server that it measures.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
};

/// A request as it goes over the wire.
pub fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let (kind, length) = match method {
        "GET" => (String::new(), String::new()),
        _ => (
            "content-type: application/json\r\n".to_owned(),
            format!("content-length: {length}\r\n"),
        ),
    };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: voronka\r\nauthorization: Bearer {token}\r\n{kind}{length}\r\n{body}"
    )
    .into_bytes()
}

/// What a round saw.
pub struct Seen {
    pub elapsed: Duration,
    /// Of every request, the shortest first.
    pub times: Vec<Duration>,
}

impl Seen {
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The time that so many of a thousand requests kept.
    pub fn at(&self, per_mille: usize) -> Duration {
        self.times.get(self.times.len() * per_mille / 1_000).copied().unwrap_or_default()
    }
}

/// One connection, kept alive.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: vec![0; 1 << 18] }
    }

    /// Sends a request and waits for the whole answer: its status and its body.
    pub async fn send(&mut self, request: &[u8]) -> (u16, &[u8]) {
        self.stream.write_all(request).await.expect("sent");
        let (mut read, mut whole) = (0, None);
        while whole.is_none_or(|(start, end)| !is_there(&self.buffer[start..read], end)) {
            if read == self.buffer.len() {
                self.buffer.resize(read * 2, 0);
            }
            let count = self.stream.read(&mut self.buffer[read..]).await.expect("an answer");
            assert!(count > 0, "the server closed the connection");
            read += count;
            if whole.is_none() {
                whole = head(&self.buffer[..read]);
            }
        }
        let (start, length) = whole.expect("a head");
        let status = std::str::from_utf8(&self.buffer[9..12]).ok().and_then(|s| s.parse().ok());
        (
            status.expect("a status"),
            &self.buffer[start..length.map_or(read, |length| start + length)],
        )
    }
}

/// Where the body begins and how long it is, once the head is there; none of one that comes in chunks.
fn head(bytes: &[u8]) -> Option<(usize, Option<usize>)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..end]).expect("a head in ASCII");
    if text.get(9..12) == Some("204") {
        return Some((end + 4, Some(0)));
    }
    let length = text.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    Some((end + 4, length.map(|length| length.expect("a number"))))
}

/// Whether a body of this length is there to its end, or its last chunk.
fn is_there(body: &[u8], length: Option<usize>) -> bool {
    length.map_or_else(|| body.ends_with(b"0\r\n\r\n"), |length| body.len() >= length)
}

/// Requests one after the other on each of some connections, all on this thread, until time is up. A
/// refusal ends the benchmark: it would be a request that costs less.
pub fn drive(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    next: &dyn Fn(usize) -> Vec<u8>,
) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), async move {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(address).await);
        }
        let started = Instant::now();
        let run = |client: usize, mut connection: Connection| async move {
            let mut times = Vec::with_capacity(1 << 14);
            while started.elapsed() < time {
                let request = next(client);
                let sent = Instant::now();
                let (status, body) = connection.send(&request).await;
                times.push(sent.elapsed());
                assert!(status < 300, "{status}: {}", String::from_utf8_lossy(body));
            }
            times
        };
        let clients = open.into_iter().enumerate().map(|(client, open)| run(client, open));
        let mut times = futures_util::future::join_all(clients).await.concat();
        let elapsed = started.elapsed();
        times.sort_unstable();
        Seen { elapsed, times }
    })
}

/// One request, in peace.
pub fn once(address: SocketAddr, request: &[u8]) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut connection = Connection::open(address).await;
        let (status, body) = connection.send(request).await;
        (status, String::from_utf8_lossy(body).into_owned())
    })
}
