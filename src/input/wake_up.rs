//! Waits of a source, which [`Control::stop`] ends from another thread: by a pipe, so that a source can wait for a file
//! at the same time.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Control;

/// The source's side.
pub(super) struct Waits(OwnedFd);

/// Wakes the source and stops it.
pub(crate) struct WakeUp(OwnedFd);

impl Control for WakeUp {
    fn stop(&self) {
        // The pipe is empty, so this fails only if the reader is gone already.
        let _ = rustix::io::write(&self.0, b"!");
    }
}

impl Waits {
    /// Creates both sides.
    ///
    /// # Errors
    /// If the system cannot create a pipe.
    pub(super) fn new() -> io::Result<(Self, WakeUp)> {
        let (wake, waker) = rustix::pipe::pipe()?;
        Ok((Self(wake), WakeUp(waker)))
    }

    /// Waits until something can be read from `input`. Returns false if the source was stopped.
    ///
    /// # Errors
    /// If the system cannot wait for it.
    pub(super) fn for_input(&self, input: &impl AsFd) -> io::Result<bool> {
        let mut waits = [
            PollFd::new(&self.0, PollFlags::IN),
            PollFd::new(input, PollFlags::IN),
        ];
        loop {
            match poll(&mut waits, None) {
                Ok(_) => return Ok(waits[0].revents().is_empty()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until `end`. Returns false if the source was stopped.
    ///
    /// # Errors
    /// If the system cannot wait.
    pub(super) fn until(&self, end: Instant) -> io::Result<bool> {
        let mut waits = [PollFd::new(&self.0, PollFlags::IN)];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap_or(Timespec {
                tv_sec: i64::MAX,
                tv_nsec: 0,
            });
            match poll(&mut waits, Some(&left)) {
                Ok(0) => return Ok(true),
                Ok(_) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns whether the source was stopped.
    ///
    /// # Errors
    /// As for [`until`](Self::until).
    pub(super) fn are_over(&self) -> io::Result<bool> {
        Ok(!self.until(Instant::now())?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stop_ends_every_wait() {
        let (waits, wake_up) = Waits::new().unwrap();
        let (silent, _writer) = rustix::pipe::pipe().unwrap();
        assert!(!waits.are_over().unwrap());
        let soon = Instant::now() + Duration::from_millis(5);
        assert!(waits.until(soon).unwrap() && Instant::now() >= soon);
        let stops = std::thread::spawn(move || wake_up.stop());
        assert!(!waits.for_input(&silent).unwrap());
        assert!(
            !waits
                .until(Instant::now() + Duration::from_secs(60))
                .unwrap()
        );
        assert!(waits.are_over().unwrap());
        stops.join().unwrap();
    }

    #[test]
    fn input_ends_a_wait_for_it() {
        let (waits, _wake_up) = Waits::new().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, b"x").unwrap();
        assert!(waits.for_input(&reader).unwrap());
    }
}
