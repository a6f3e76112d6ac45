//! A real terminal (tmux), whose contents are stored in `target/top`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use support::{eventually, target};

/// Terminal: a tmux server with one window, which ends with the test.
pub(crate) struct Terminal {
    socket: String,
}

impl Terminal {
    /// Runs `command` in a shell in the terminal; the shell stays afterwards.
    pub(crate) fn open(name: &str, width: u16, height: u16) -> Self {
        let terminal = Self {
            socket: format!("nerodia-{name}-{}", std::process::id()),
        };
        let size = [width, height].map(|size| size.to_string());
        let shell = "env PS1='$ ' HISTFILE= LC_ALL=C.UTF-8 bash --norc --noprofile";
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &size[0],
            "-y",
            &size[1],
            shell,
        ]);
        terminal.await_shown("the shell is there", |shown| shown.contains('$'));
        terminal
    }

    pub(crate) fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-u", "-L", &self.socket])
            .args(args)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .env_remove("NO_COLOR")
            .output()
            .expect("tmux is installed by scripts/web.sh");
        assert!(
            output.status.success(),
            "tmux {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Types a line for the shell.
    pub(crate) fn types(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.key("Enter");
    }

    pub(crate) fn key(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    pub(crate) fn shown(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the contents are as expected, and returns them.
    #[track_caller]
    pub(crate) fn await_shown(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        eventually(what, || {
            let shown = self.shown();
            if is_so(&shown) { Ok(shown) } else { Err(shown) }
        })
    }

    /// Stores the contents of the terminal, for people.
    pub(crate) fn keep(&self, name: &str) -> String {
        let shown = self.shown();
        let folder = folder();
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(format!("{name}.txt")), &shown).expect("a file");
        let coloured = self.tmux(&["capture-pane", "-p", "-e"]);
        fs::write(folder.join(format!("{name}.ansi")), coloured).expect("a file");
        shown
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.shown());
        }
        let _ = Command::new("tmux")
            .args(["-L", &self.socket, "kill-server"])
            .status();
    }
}

fn folder() -> PathBuf {
    target().join("top")
}
