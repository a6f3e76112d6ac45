//! `nerodia ready`: asks whether a running pipeline is ready, for health checks of containers without curl.

use clap::Args;

use super::remote::{DEFAULT_URL, Readiness, Remote, RemoteError};
use super::{FAILED, MISUSED, WELL, console};

/// Ask a running pipeline whether it is ready
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nerodia ready
  nerodia ready --url http://10.0.0.7:4195 || echo 'not now'
  HEALTHCHECK CMD [\"nerodia\", \"ready\"]

A pipeline is ready if it would process messages that arrive now. It has a web server if it reads Kafka, or if its \
config sets `http.address`.
Exit codes: 0 ready, 1 not ready (standard error has the reason) or no answer, 2 usage.")]
pub(super) struct Ready {
    /// The pipeline's web server
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL)]
    url: String,
}

impl Ready {
    pub(super) fn execute(self) -> u8 {
        let remote = Remote::new(&self.url);
        match remote.readiness() {
            Ok(Readiness { ready: true, .. }) => {
                console::say("ready");
                WELL
            }
            Ok(Readiness { reasons, .. }) => {
                console::complain("not ready");
                for (part, why) in reasons {
                    console::complain(format_args!("  {part}: {why}"));
                }
                FAILED
            }
            Err(error) => {
                console::complain(format_args!("error: {}: {error}", remote.url()));
                console::complain(format_args!("  = help: {}", error.help()));
                match error {
                    RemoteError::Url(_) => MISUSED,
                    _ => FAILED,
                }
            }
        }
    }
}
