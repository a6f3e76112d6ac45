//! The web server of a program under test.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

/// Returns a port that is free now.
pub fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// Returns the status and the body of `GET path`; `None` if nothing listens.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    request(port, "GET", path, "")
}

/// Returns the status and the body of a request with these header lines, each with its line end; `None` if nothing
/// listens.
pub fn request(port: u16, method: &str, path: &str, headers: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

/// Web server of a running program.
#[derive(Clone, Copy)]
pub struct Web {
    pub port: u16,
}

impl Web {
    /// Returns the status and the body of `GET path`; `None` if nothing listens.
    pub fn get(self, path: &str) -> Option<(u16, String)> {
        get(self.port, path)
    }

    /// Returns whether `/ready` reports that the pipeline is ready.
    pub fn is_ready(self) -> bool {
        self.get("/ready").is_some_and(|(status, _)| status == 200)
    }

    /// Returns the answer of `/stats`; `None` if nothing listens.
    pub fn stats(self) -> Option<Value> {
        let (status, body) = self.get("/stats")?;
        assert_eq!(status, 200, "{body}");
        Some(serde_json::from_str(&body).expect("JSON"))
    }

    /// Returns the value of a series of `/metrics`, which is written as there.
    pub fn metric(self, series: &str) -> Option<f64> {
        let (_, page) = self.get("/metrics").expect("it listens");
        let line = page.lines().find_map(|line| line.strip_prefix(series));
        line.map(|value| value.trim().parse().expect("a number"))
    }
}
