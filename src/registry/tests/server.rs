//! A server that answers as a test says, also in ways that no registry should.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use openssl::ssl::SslAcceptor;

/// Request that the server got.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// Method and path.
    pub line: String,
    /// Headers, each in lower case.
    pub headers: Vec<String>,
    pub body: String,
    /// Number of the request, from 0.
    pub number: usize,
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// Status and body.
    Answer(u16, String),
    /// These bytes, and the end of the connection.
    Raw(Vec<u8>),
    /// A redirect.
    To(String),
    /// A body that never ends.
    Endless,
    /// Nothing, until the server ends.
    Silence,
}

/// The server, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    ended: AtomicBool,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Server {
    pub(super) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(None, handler)
    }

    pub(super) fn start_with(
        tls: Option<SslAcceptor>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let (threads, handler) = (Arc::clone(&shared), Arc::new(handler));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if threads.ended.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.unwrap();
                let (shared, handler) = (Arc::clone(&threads), Arc::clone(&handler));
                let tls = tls.clone();
                thread::spawn(move || match tls {
                    None => shared.serve(stream, &*handler),
                    Some(tls) => {
                        // A client that trusts nobody ends the handshake.
                        if let Ok(stream) = tls.accept(stream) {
                            shared.serve(stream, &*handler);
                        }
                    }
                });
            }
        });
        Self { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.shared.most_at_once.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, stream: impl Read + Write, handler: &dyn Fn(&Request) -> Reply) {
        let mut stream = BufReader::new(stream);
        while let Some(mut request) = read(&mut stream) {
            let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(now, Ordering::SeqCst);
            {
                let mut requests = self.requests.lock().unwrap();
                request.number = requests.len();
                requests.push(request.clone());
            }
            let reply = handler(&request);
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            if !self.send(stream.get_mut(), reply) {
                return;
            }
        }
    }

    /// Sends a reply. Returns whether the connection goes on.
    fn send(&self, stream: &mut impl Write, reply: Reply) -> bool {
        match reply {
            Reply::Answer(status, body) => {
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
                stream.write_all(format!("{head}{body}").as_bytes()).is_ok()
            }
            Reply::To(url) => {
                let head =
                    format!("HTTP/1.1 302 X\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).is_ok()
            }
            Reply::Raw(bytes) => {
                let _ = stream.write_all(&bytes);
                false
            }
            Reply::Endless => {
                let head = "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n";
                let mut is_open = stream.write_all(head.as_bytes()).is_ok();
                while is_open && !self.ended.load(Ordering::SeqCst) {
                    is_open = stream.write_all(b"1\r\n \r\n").is_ok();
                    thread::sleep(Duration::from_millis(5));
                }
                false
            }
            Reply::Silence => {
                while !self.ended.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(5));
                }
                false
            }
        }
    }
}

fn read(reader: &mut BufReader<impl Read>) -> Option<Request> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|count| *count > 0)?;
    let mut request = Request {
        line: line.trim_end().trim_end_matches(" HTTP/1.1").to_owned(),
        ..Request::default()
    };
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim_end().to_owned();
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap();
        request
            .headers
            .push(format!("{}:{value}", name.to_lowercase()));
    }
    let length = request
        .header("content-length")
        .map_or(0, |value| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self
            .headers
            .iter()
            .filter_map(|header| header.split_once(": "));
        headers
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }
}
