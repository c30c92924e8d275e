//! What is in the store, as one finds it on the disk and in the database.

use diesel::PgConnection;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use voronka_integration_tests::{Api, TestServer, UPLOAD, histories::count, upload};

/// Files on the disk, the marker left out.
pub fn on_disk(server: &TestServer) -> Vec<String> {
    let mut all = Vec::new();
    for workspace in std::fs::read_dir(server.files()).unwrap().map(Result::unwrap) {
        if workspace.path().is_dir() {
            let objects = std::fs::read_dir(workspace.path()).unwrap();
            all.extend(objects.map(|one| one.unwrap().file_name().into_string().unwrap()));
        }
    }
    all
}

/// Objects that the database knows of, in a state or in any.
pub fn objects(connection: &mut PgConnection, state: &str) -> i64 {
    let sql = format!("SELECT count(*) AS number FROM stored_objects WHERE state LIKE '{state}'");
    count(connection, &sql)
}

/// Bytes that all workspaces have.
pub fn bytes(connection: &mut PgConnection) -> i64 {
    count(connection, "SELECT coalesce(sum(bytes), 0)::bigint AS number FROM stored_bytes")
}

/// Whatever waits to be removed later is to be removed now.
pub const NOW: &str = "UPDATE stored_objects SET remove_at = now() WHERE state = 'gone'";

/// An upload of which only a part was sent.
pub struct Half {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Half {
    /// Sends all but the last bytes of a file.
    pub async fn of(api: &Api, (kind, id): (&str, &str), bytes: &[u8]) -> Self {
        let object = json!({ "kind": kind, "id": id }).to_string();
        let mut body = upload(&object, "half.txt", "text/plain", bytes);
        let rest = body.split_off(body.len() - 40);
        let head = format!(
            "POST /v1/files HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: {UPLOAD}\r\nContent-Length: {}\r\n\r\n",
            api.token.as_deref().unwrap(),
            body.len() + rest.len()
        );
        let address = api.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        Self { stream, rest }
    }

    /// Sends the rest, and answers what comes back.
    pub async fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).await.unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}
