//! Schema registries for the tests: the real one of `scripts/registry.sh`, and one that can be slow, closed, or refuse.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::root;

/// Real registry of `scripts/registry.sh`, which ends with the process.
pub struct RealRegistry {
    name: String,
    url: String,
}

impl RealRegistry {
    /// Starts a registry that no other test uses.
    pub fn start(name: &str) -> Self {
        let owner = std::process::id().to_string();
        let output = registry_sh(&["start", "--name", name, "--owner", &owner]);
        let url = output
            .lines()
            .find_map(|line| line.strip_prefix("REGISTRY_URL="));
        Self {
            name: name.into(),
            url: url.expect("it says where it is").into(),
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Does `kill`, `pause`, `resume` or `start`.
    pub fn does(&self, what: &str) {
        let owner = std::process::id().to_string();
        let owned: &[&str] = if what == "start" {
            &["--owner", &owner]
        } else {
            &[]
        };
        registry_sh(&[&[what, "--name", &self.name][..], owned].concat());
    }

    /// Adds a schema to a subject, and returns its number.
    pub fn register(&self, subject: &str, kind: &str, schema: &str) -> u32 {
        let body = json!({ "schema": schema, "schemaType": kind });
        let rest = self.url.strip_prefix("http://").expect("a URL");
        let (host, path) = rest.split_once('/').expect("a path");
        let body = body.to_string();
        let mut stream = TcpStream::connect(host).expect("it listens");
        write!(
            stream,
            "POST /{path}/subjects/{subject}/versions HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        // The answer may come in chunks, so only the object in it counts.
        let (start, end) = (answer.find('{'), answer.rfind('}'));
        let text = match (start, end) {
            (Some(start), Some(end)) => &answer[start..=end],
            _ => panic!("{answer}"),
        };
        let answer: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {answer}"));
        let id = answer["id"].as_u64().unwrap_or_else(|| panic!("{answer}"));
        u32::try_from(id).expect("a small number")
    }
}

impl Drop for RealRegistry {
    fn drop(&mut self) {
        let _ = Command::new("bash")
            .arg(root().join("scripts/registry.sh"))
            .args(["stop", "--name", &self.name])
            .stderr(Stdio::null())
            .status();
    }
}

fn registry_sh(args: &[&str]) -> String {
    let run = Command::new("bash")
        .arg(root().join("scripts/registry.sh"))
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("bash is there");
    assert!(run.status.success(), "scripts/registry.sh {args:?} failed");
    String::from_utf8(run.stdout).expect("UTF-8")
}

/// Behaviour of a [`FakeRegistry`].
#[derive(Default)]
struct Manners {
    schemas: BTreeMap<u32, Value>,
    latest: BTreeMap<String, u32>,
    delay: Duration,
    /// `Authorization` that a request must have.
    wanted: Option<String>,
    away: bool,
    requests: u64,
}

/// Registry that does what a test says.
#[derive(Clone)]
pub struct FakeRegistry {
    url: String,
    manners: Arc<Mutex<Manners>>,
}

impl FakeRegistry {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let registry = Self {
            url: format!("http://{address}"),
            manners: Arc::default(),
        };
        let serving = registry.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let registry = serving.clone();
                thread::spawn(move || registry.serve(connection));
            }
        });
        registry
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets the schema that has this number.
    pub fn put(&self, id: u32, kind: &str, schema: &str) {
        let answer = json!({ "schema": schema, "schemaType": kind });
        self.manners().schemas.insert(id, answer);
    }

    /// Makes a schema the latest of a subject.
    pub fn latest(&self, subject: &str, id: u32) {
        self.manners().latest.insert(subject.into(), id);
    }

    /// Makes each answer take this long.
    pub fn delay(&self, delay: Duration) {
        self.manners().delay = delay;
    }

    /// Refuses requests without this `Authorization`.
    pub fn want(&self, authorization: Option<&str>) {
        self.manners().wanted = authorization.map(str::to_owned);
    }

    /// Closes each connection without an answer, or does so no more.
    pub fn away(&self, away: bool) {
        self.manners().away = away;
    }

    /// Returns the number of requests so far.
    pub fn requests(&self) -> u64 {
        self.manners().requests
    }

    fn manners(&self) -> std::sync::MutexGuard<'_, Manners> {
        self.manners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut connection: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(connection.try_clone().ok()?);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let path = line.split(' ').nth(1)?.to_owned();
            let (mut length, mut authorization) = (0, None);
            loop {
                let mut header = String::new();
                reader
                    .read_line(&mut header)
                    .ok()
                    .filter(|read| *read > 0)?;
                let Some((name, value)) = header.trim().split_once(": ") else {
                    break;
                };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().ok()?,
                    "authorization" => authorization = Some(value.to_owned()),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            let (delay, answer) = {
                let mut manners = self.manners();
                manners.requests += 1;
                if manners.away {
                    return None;
                }
                (
                    manners.delay,
                    manners.answer(&path, authorization.as_deref()),
                )
            };
            thread::sleep(delay);
            let (status, body) = answer;
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status} OK\r\nContent-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            connection.write_all((head + &body).as_bytes()).ok()?;
        }
    }
}

impl Manners {
    fn answer(&self, path: &str, authorization: Option<&str>) -> (u16, Value) {
        if self.wanted.is_some() && self.wanted.as_deref() != authorization {
            return (401, json!({ "error_code": 401, "message": "Unauthorized" }));
        }
        let missing = |code| (404, json!({ "error_code": code, "message": "not found" }));
        let path = path.split('?').next().unwrap_or_default();
        if let Some(id) = path.strip_prefix("/schemas/ids/") {
            let schema = id.parse().ok().and_then(|id: u32| self.schemas.get(&id));
            return schema.map_or(missing(40403), |schema| (200, schema.clone()));
        }
        let subject = path
            .strip_prefix("/subjects/")
            .and_then(|rest| rest.strip_suffix("/versions/latest"));
        let id = subject.and_then(|subject| self.latest.get(subject));
        match id.and_then(|id| Some((id, self.schemas.get(id)?))) {
            Some((id, schema)) => {
                let mut answer = schema.clone();
                answer["id"] = json!(id);
                answer["version"] = json!(1);
                answer["subject"] = json!(subject);
                (200, answer)
            }
            None => missing(40401),
        }
    }
}
