//! Handshake: the host sends a hello, and the guest answers READY or FAILED.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Limits;
use super::error::{Death, ScriptProblem, StartError};
use super::instance::Instance;
use super::protocol::request::{Projection, RequestForm};
use crate::format::Formats;

/// Version of the frames that host and guest exchange; see docs/protocol.md.
pub(crate) const PROTOCOL: u64 = 3;

/// First frame: the scripts that the guest is to run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Hello {
    protocol: u64,
    stages: Vec<HelloStage>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    modules: Vec<HelloModule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compiled: Option<Vec<String>>,
    options: Options,
}

/// One script, as the guest gets it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HelloStage {
    /// Name of the script's processor, for people.
    #[serde(skip)]
    pub processor: Arc<str>,
    /// Python source.
    pub script: String,
    /// Modules to make available by name.
    pub imports: Vec<String>,
    /// File name in tracebacks: the user's own file.
    pub name: String,
    /// Number of lines of that file above the script.
    pub line_offset: u32,
    /// Python that runs once, before READY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup: Option<HelloSetup>,
    /// Number of the folder whose modules it may import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<usize>,
}

impl HelloStage {
    /// Returns the place of the script's first line, as `file:line`: for failures of which no line is known.
    pub(crate) fn first_line(&self) -> Box<str> {
        format!("{}:{}", self.name, self.line_offset + 1).into()
    }
}

/// Setup of one script, as the guest gets it: the fields are those of [`HelloStage`].
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HelloSetup {
    pub script: String,
    pub name: String,
    pub line_offset: u32,
}

/// Module beside scripts, as the guest gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct HelloModule {
    /// Number of the folder of the scripts that may import it.
    pub folder: usize,
    /// Name by which they import it.
    pub name: String,
    /// Python source.
    pub script: String,
    /// File name in tracebacks: the user's own file.
    pub file: String,
    /// Whether it is the `__init__.py` of a package.
    pub package: bool,
}

#[derive(Debug, Clone, Serialize)]
struct Options {
    max_frame: usize,
    /// Whether documents may be sent in part.
    projection: bool,
    /// Whether values may have types that JSON does not have.
    typed: bool,
    /// Whether numbers of JSON keep all their digits.
    exact: bool,
    /// Whether keys come as values, and not as bytes that the guest makes text of.
    keys_read: bool,
    /// Whether scripts may set keys to any value.
    keys_written: bool,
    /// Whether the guest may say which script runs.
    stage: bool,
}

impl Hello {
    /// Creates a hello with `stages`, and the `modules` beside them, for a guest with these limits. `compiled` has the
    /// scripts as another guest compiled them, if there is one.
    pub(crate) fn new(
        stages: Vec<HelloStage>,
        modules: Vec<HelloModule>,
        compiled: Option<Vec<String>>,
        limits: &Limits,
        formats: &Formats,
    ) -> Self {
        Self {
            protocol: PROTOCOL,
            stages,
            modules,
            compiled,
            options: Options {
                max_frame: limits.max_frame(),
                projection: limits.projection && formats.allow_parts(),
                typed: formats.are_typed(),
                exact: formats.reads.exact,
                keys_read: formats.reads.keys_are_values(),
                keys_written: formats.writes.keys_are_values(),
                stage: true,
            },
        }
    }
}

/// Content of READY.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Ready {
    protocol: u64,
    /// Version of Python.
    pub python: String,
    /// Whether scripts use `meta`, so that it must be sent.
    pub uses_meta: bool,
    /// Whether the guest takes requests as streams.
    #[serde(default)]
    pub streams: bool,
    /// Members of documents that the scripts can touch.
    #[serde(default)]
    pub projection: Option<Projection>,
    /// Whether each stage runs as a compiled function.
    pub functions: Vec<bool>,
    /// Compiled form of each stage, for other guests.
    #[serde(default)]
    pub compiled: Vec<String>,
    /// Whether the guest has run the setups of scripts. One that does not know them ignores them.
    #[serde(default)]
    pub setup: bool,
    /// Whether scripts can import the modules beside them. A guest that does not know these ignores them.
    #[serde(default)]
    pub modules: bool,
    /// What could be better in the scripts.
    #[serde(default)]
    pub warnings: Vec<ScriptProblem>,
}

impl Ready {
    /// Returns the form of the requests that the guest takes.
    pub(crate) fn request_form(&self) -> RequestForm {
        let projection = self.projection.clone();
        RequestForm {
            with_metas: self.uses_meta,
            stream: self.streams,
            projection: projection.filter(|projection| self.streams && projection.is_sound()),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Failed {
    problems: Vec<ScriptProblem>,
}

/// Sends the hello to a new instance and waits for its answer.
///
/// # Errors
/// The reason why the instance is not ready.
pub(crate) async fn greet(
    instance: &mut Instance,
    hello: &Hello,
    limit: Duration,
) -> Result<Ready, StartError> {
    let body = serde_json::to_vec(hello).expect("a hello is plain strings and numbers");
    instance.stdio().send(&body);
    let line = instance
        .reply(limit, |streams| take_line(&mut streams.outbox))
        .await;
    match line {
        Ok(line) => accept(hello, parse(&line)?),
        Err(Death::Timeout(limit)) => Err(StartError::Timeout(limit)),
        Err(death) => Err(StartError::Died(death)),
    }
}

/// Refuses a guest that has ignored a part of the hello.
fn accept(hello: &Hello, ready: Ready) -> Result<Ready, StartError> {
    let has_setup = hello.stages.iter().any(|stage| stage.setup.is_some());
    if has_setup && !ready.setup {
        Err(StartError::TooOld("`setup`"))
    } else if !hello.modules.is_empty() && !ready.modules {
        Err(StartError::TooOld("modules beside scripts"))
    } else {
        Ok(ready)
    }
}

/// Most bytes of the answer. READY has some hundred bytes, or at most half of this with compiled scripts; FAILED has
/// one or two tracebacks.
const LONGEST: usize = 1 << 20;
/// Most bytes of the guest's Python version.
const LONGEST_VERSION: usize = 100;

/// Takes the line from the reply port when it is complete.
pub(crate) fn take_line(outbox: &mut Vec<u8>) -> Option<Result<Vec<u8>, Death>> {
    if outbox.len() > LONGEST {
        return Some(Err(Death::Protocol("a handshake too long".into())));
    }
    match outbox.iter().position(|&byte| byte == b'\n') {
        Some(end) if end + 1 == outbox.len() => {
            outbox.pop();
            Some(Ok(std::mem::take(outbox)))
        }
        Some(_) => Some(Err(Death::Protocol("bytes after the handshake".into()))),
        None => None,
    }
}

/// Reads the first line that the guest wrote.
pub(crate) fn parse(line: &[u8]) -> Result<Ready, StartError> {
    let rubbish =
        |what: &str| StartError::Died(Death::Protocol(format!("{what} in the handshake")));
    if let Some(json) = line.strip_prefix(b"READY ") {
        let mut ready: Ready = serde_json::from_slice(json).map_err(|_| rubbish("no JSON"))?;
        // Python packages may put anything here, and each start logs it.
        let most = ready.python.floor_char_boundary(LONGEST_VERSION);
        ready.python.truncate(most);
        return match ready.protocol {
            PROTOCOL => Ok(ready),
            found => Err(StartError::Version {
                found,
                expected: PROTOCOL,
            }),
        };
    }
    if let Some(json) = line.strip_prefix(b"FAILED ") {
        let failed: Failed = serde_json::from_slice(json).map_err(|_| rubbish("no JSON"))?;
        return Err(StartError::Scripts(failed.problems));
    }
    Err(rubbish("neither READY nor FAILED"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_ready_and_nothing_else() {
        let ready =
            br#"READY {"protocol":3,"python":"3.14.0","uses_meta":true,"functions":[true]}"#;
        assert!(parse(ready).unwrap().uses_meta);
        let boasts = format!(
            r#"READY {{"protocol":3,"python":"{}","uses_meta":true,"functions":[]}}"#,
            "3".repeat(500)
        );
        assert_eq!(parse(boasts.as_bytes()).unwrap().python.len(), 100);
        let other = br#"READY {"protocol":2,"python":"3.14.0","uses_meta":true,"functions":[]}"#;
        assert!(matches!(
            parse(other),
            Err(StartError::Version { found: 2, .. })
        ));
        for rubbish in [&b"READY"[..], b"READY {", b"hello", b"", b"FAILED []"] {
            assert!(matches!(
                parse(rubbish),
                Err(StartError::Died(Death::Protocol(_)))
            ));
        }
    }

    #[test]
    fn a_guest_that_does_not_know_a_part_of_the_hello_is_refused_only_if_there_is_one() {
        let hello = |setup: Option<HelloSetup>, modules: Vec<HelloModule>| Hello {
            protocol: PROTOCOL,
            stages: vec![HelloStage {
                processor: "s".into(),
                script: "root = f()".into(),
                imports: Vec::new(),
                name: "my.yaml".into(),
                line_offset: 0,
                setup,
                folder: None,
            }],
            modules,
            compiled: None,
            options: Options {
                max_frame: 1,
                projection: true,
                typed: false,
                exact: false,
                keys_read: false,
                keys_written: false,
                stage: false,
            },
        };
        let setup = HelloSetup {
            script: "def f(): pass".into(),
            name: "my.yaml".into(),
            line_offset: 0,
        };
        let module = HelloModule {
            folder: 0,
            name: "helper".into(),
            script: String::new(),
            file: "helper.py".into(),
            package: false,
        };
        for (knows, setup, modules, accepted) in [
            ("", None, vec![], true),
            (r#","setup":false"#, None, vec![], true),
            (r#","setup":true"#, Some(setup.clone()), vec![], true),
            (r#","setup":false"#, Some(setup), vec![], false),
            (r#","setup":true"#, None, vec![module.clone()], false),
            (r#","modules":true"#, None, vec![module], true),
        ] {
            let line = format!(
                r#"READY {{"protocol":3,"python":"3.14.0","uses_meta":false,"functions":[]{knows}}}"#
            );
            let answer = accept(&hello(setup, modules), parse(line.as_bytes()).unwrap());
            assert_eq!(answer.is_ok(), accepted, "{answer:?}");
        }
    }

    #[test]
    fn bytes_after_the_line_are_rubbish() {
        assert_eq!(take_line(&mut b"READY".to_vec()), None);
        assert_eq!(
            take_line(&mut b"READY {}\n".to_vec()),
            Some(Ok(b"READY {}".to_vec()))
        );
        assert!(matches!(
            take_line(&mut b"READY {}\nx".to_vec()),
            Some(Err(_))
        ));
    }

    #[test]
    fn a_line_may_not_be_long_whether_it_ends_or_not() {
        let line = |length: usize, end: &str| {
            let mut line = vec![b'x'; length - end.len()];
            line.extend_from_slice(end.as_bytes());
            take_line(&mut line)
        };
        assert_eq!(line(LONGEST, ""), None);
        assert!(matches!(line(LONGEST, "\n"), Some(Ok(line)) if line.len() == LONGEST - 1));
        for end in ["", "\n"] {
            let refused = line(LONGEST + 1, end);
            assert!(matches!(refused, Some(Err(Death::Protocol(_)))), "{end:?}");
        }
    }
}
