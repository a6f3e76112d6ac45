//! Standard streams of a guest, in memory: its mailbox, its reply port and its log.
//!
//! One thread uses everything here; the mutex exists because wasmtime-wasi requires `Send` streams, and no thread ever
//! waits for it. Writes never wait: to exceed a bound is an error, which ends the guest.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::error::Death;
use super::log::GuestLog;

/// Bytes that a guest may write in one call. Its own copy counts in its memory, ours does not.
const WRITE_AT_ONCE: usize = 1 << 20;

/// Streams of one guest. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Stdio(Arc<Mutex<Streams>>);

/// State of the streams.
pub(crate) struct Streams {
    /// Bytes before the first frame that the guest has not read yet.
    preface: Bytes,
    inbox: Vec<u8>,
    inbox_read: usize,
    reader: Option<Waker>,
    /// Bytes that the guest wrote to standard output and the host has not taken yet.
    pub outbox: Vec<u8>,
    /// Most bytes that the outbox may hold.
    outbox_limit: usize,
    /// Whether the guest wrote more than that.
    pub outbox_overflowed: bool,
    /// Standard error.
    pub log: GuestLog,
}

impl Stdio {
    /// Creates streams whose reply port holds at most `outbox_limit` bytes. The guest reads `preface` before the first
    /// frame.
    pub(crate) fn new(preface: Bytes, outbox_limit: usize, log: GuestLog) -> Self {
        Self(Arc::new(Mutex::new(Streams {
            preface,
            inbox: Vec::new(),
            inbox_read: 0,
            reader: None,
            outbox: Vec::new(),
            outbox_limit,
            outbox_overflowed: false,
            log,
        })))
    }

    /// Begins a request, which may write `max_log` bytes of log. Nothing of the last request may be left in either
    /// stream.
    ///
    /// # Errors
    /// [`Death::Protocol`] if something is left: the guest's last answer was false.
    pub(crate) fn begin(&self, request: &[u8], max_log: u64) -> Result<(), Death> {
        {
            let mut streams = self.lock();
            if !streams.outbox.is_empty() {
                return Err(Death::Protocol("bytes without a request".into()));
            }
            if streams.has_input() {
                return Err(Death::Protocol("a reply to an unread request".into()));
            }
            streams.log.renew(max_log);
        }
        self.send(request);
        Ok(())
    }

    /// Puts a frame into the guest's mailbox: its length as big-endian `u32`, then `body`.
    ///
    /// # Panics
    /// If the length of `body` does not fit a `u32`; batches are cut far below that.
    pub(crate) fn send(&self, body: &[u8]) {
        let length = u32::try_from(body.len()).expect("frames are cut below 4 GiB");
        let mut streams = self.lock();
        if streams.inbox_read == streams.inbox.len() {
            streams.inbox.clear();
            streams.inbox_read = 0;
        }
        streams.inbox.extend_from_slice(&length.to_be_bytes());
        streams.inbox.extend_from_slice(body);
        if let Some(reader) = streams.reader.take() {
            reader.wake();
        }
    }

    /// Takes back a reply's buffer, so that the next reply need not grow its own.
    pub(crate) fn reuse(&self, mut buffer: Vec<u8>) {
        /// Buffers of rare large replies are not kept.
        const KEEP: usize = 1 << 20;
        let mut streams = self.lock();
        if streams.outbox.is_empty() && buffer.capacity() <= KEEP {
            buffer.clear();
            streams.outbox = buffer;
        }
    }

    /// Returns the streams themselves. Not to be held across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Streams {
    /// Returns whether there is something that the guest has not read.
    fn has_input(&self) -> bool {
        !self.preface.is_empty() || self.inbox_read < self.inbox.len()
    }
}

/// Standard input in WASI's form.
pub(crate) struct Stdin(pub Stdio);

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(Unused)
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(Inbox(self.0.clone()))
    }
}

/// Standard output or standard error in WASI's form.
pub(crate) struct Stdout(pub Stdio, pub Port);

/// Kind of output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// Standard output: the reply port.
    Reply,
    /// Standard error: the log.
    Log,
}

impl IsTerminal for Stdout {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stdout {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Unused)
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Outbox(self.0.clone(), self.1))
    }
}

struct Inbox(Stdio);

impl InputStream for Inbox {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut streams = self.0.lock();
        if !streams.preface.is_empty() {
            let size = size.min(streams.preface.len());
            return Ok(streams.preface.split_to(size));
        }
        let from = streams.inbox_read;
        let to = streams.inbox.len().min(from + size);
        streams.inbox_read = to;
        Ok(Bytes::copy_from_slice(&streams.inbox[from..to]))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Inbox {
    async fn ready(&mut self) {
        std::future::poll_fn(|context| {
            let mut streams = self.0.lock();
            if streams.has_input() {
                return Poll::Ready(());
            }
            streams.reader = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

struct Outbox(Stdio, Port);

#[wasmtime_wasi::async_trait]
impl OutputStream for Outbox {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut streams = self.0.lock();
        match self.1 {
            Port::Reply if streams.outbox.len() + bytes.len() > streams.outbox_limit => {
                streams.outbox_overflowed = true;
                Err(StreamError::trap("more than a frame on the reply port"))
            }
            Port::Reply => {
                streams.outbox.extend_from_slice(&bytes);
                Ok(())
            }
            Port::Log => streams
                .log
                .write(&bytes)
                .map_err(|_| StreamError::trap("more log than a message may write")),
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_AT_ONCE)
    }

    // The default implementation asks for readiness twice around each 4 KiB; here there is nothing to wait for.
    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write(bytes)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Outbox {
    async fn ready(&mut self) {}
}

/// Streams for WASI preview 3, which our guests do not use.
struct Unused;

impl AsyncRead for Unused {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Err(std::io::ErrorKind::Unsupported.into()))
    }
}

impl AsyncWrite for Unused {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Err(std::io::ErrorKind::Unsupported.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
