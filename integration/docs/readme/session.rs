//! Commands of a page that belong together, in one shell.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use support::{Answer, Shell, port, root, target};

use super::page::Example;

/// Port that pages show, which may be taken on this machine.
const PORT: &str = "4195";

/// Commands for the end, even if a command failed or hung: they end the jobs, then the brokers and registries.
const END: &str = "trap 'kill $(jobs -p) 2>/dev/null; wait; scripts/kafka.sh stop --all 2>/dev/null; scripts/registry.sh stop --all 2>/dev/null' EXIT\n";

/// Runs the commands until one has an unexpected exit code. Returns the result of each.
pub(super) fn run<'a>(commands: impl Iterator<Item = &'a Example>) -> Vec<Answer> {
    let shell = Shell::open();
    lend(&shell, "kafka", "jars");
    lend(&shell, "registry", "app");
    let folder = shell.folder.path().join("session");
    fs::create_dir(&folder).expect("a folder");
    let mut script = END.to_owned();
    for (number, Example { text, code, .. }) in commands.enumerate() {
        write!(
            script,
            "{{ {text}}} >session/{number}.out 2>session/{number}.err\n\
             code=$?; echo $code >session/{number}.code; [ $code = {code} ] || exit\n"
        )
        .expect("a String takes all that is written to it");
    }
    let port = port().to_string();
    let whole = shell.run(&script.replace(PORT, &port));
    let mut answers = Vec::new();
    let read = |number: usize, what| fs::read_to_string(folder.join(format!("{number}.{what}")));
    while let Ok(code) = read(answers.len(), "code") {
        let text = |what| {
            let text = read(answers.len(), what).expect("it was written");
            text.replace(&port, PORT)
        };
        let (stdout, stderr) = (text("out"), text("err"));
        answers.push(Answer {
            code: code.trim().parse().ok(),
            stdout,
            stderr,
        });
    }
    assert!(!answers.is_empty(), "{script}\n{whole:#?}");
    answers
}

/// Lends to the shell what `scripts/NAME.sh` installs; otherwise a start in it would fetch that into its own folder.
fn lend(shell: &Shell, name: &str, what: &str) {
    let script = format!("scripts/{name}.sh");
    let installed = Command::new("bash")
        .arg(root().join(&script))
        .arg("install")
        .stdin(Stdio::null())
        .status()
        .expect("bash is a prerequisite");
    assert!(installed.success(), "{script} install failed");
    let lent = target().join(name).join(what);
    let folder = shell.folder.path().join("target").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    symlink(lent, folder.join(what)).expect("a link");
}
