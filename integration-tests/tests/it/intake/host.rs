//! An exchange that recordings are fetched from, as good or bad as a test wants it.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// What is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// With a type and these bytes.
    File(&'static str, Vec<u8>),
    Status(u16, &'static str),
    /// Somewhere else is asked.
    Redirect(String),
    /// These bytes again and again, for ever, without a length.
    Endless(&'static str, Vec<u8>),
    /// These bytes, and nothing more comes though more is promised.
    Silent(Vec<u8>),
    /// These bytes, and the connection is closed though more is promised.
    BrokenOff(Vec<u8>),
}

type Script = HashMap<String, Vec<Answer>>;

/// It lives as long as the process: what nobody asks any more costs nothing.
#[derive(Debug, Clone)]
pub struct Host {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Host {
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = Self {
            address: listener.local_addr().expect("an address"),
            script: Arc::default(),
            asked: Arc::default(),
        };
        let theirs = host.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let host = theirs.clone();
                std::thread::spawn(move || host.serve(stream));
            }
        });
        host
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// One answer after the other at a path; the last one again and again. Answers where that is.
    pub fn says(&self, path: &str, answers: impl IntoIterator<Item = Answer>) -> String {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        self.script.lock().unwrap().insert(path.to_owned(), answers);
        format!("http://{}{path}", self.address)
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|one| *one == path).count()
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut head = BufReader::new(stream.try_clone().ok()?);
        let mut line = String::new();
        head.read_line(&mut line).ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        while line.trim() != "" {
            line.clear();
            head.read_line(&mut line).ok()?;
        }
        self.asked.lock().unwrap().push(path.clone());
        let answer = {
            let mut script = self.script.lock().unwrap();
            let answers = script.get_mut(&path);
            answers.and_then(|all| if all.len() > 1 { all.pop() } else { all.last().cloned() })
        };
        match answer.unwrap_or(Answer::Status(404, "")) {
            Answer::File(kind, bytes) => {
                let length = bytes.len();
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
                )
                .ok()?;
                stream.write_all(&bytes).ok()?;
            }
            Answer::Status(status, headers) => {
                let html = "<!doctype html><title>No</title>";
                let length = html.len();
                write!(stream, "HTTP/1.1 {status} No\r\ncontent-type: text/html\r\n{headers}content-length: {length}\r\n\r\n{html}").ok()?;
            }
            Answer::Redirect(to) => {
                write!(stream, "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
                    .ok()?;
            }
            Answer::Endless(kind, bytes) => {
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n"
                )
                .ok()?;
                loop {
                    stream.write_all(&bytes).ok()?;
                }
            }
            Answer::Silent(bytes) => {
                promise(&mut stream, &bytes)?;
                // Until the other one hangs up.
                let _ = stream.read(&mut [0; 1]);
            }
            Answer::BrokenOff(bytes) => promise(&mut stream, &bytes)?,
        }
        Some(())
    }
}

fn promise(stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    let length = bytes.len() + 1_000;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\ncontent-length: {length}\r\n\r\n"
    )
    .ok()?;
    stream.write_all(bytes).ok()
}
