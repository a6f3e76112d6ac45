//! Commands of a page that belong together, in one shell.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use support::{Answer, Shell, port, root, target};

use super::page::Example;

/// Port that pages show, which may be taken on this machine.
const PORT: &str = "4195";

/// Commands for the end, even if a command failed or hung: they end the jobs, then the brokers.
const END: &str =
    "trap 'kill $(jobs -p) 2>/dev/null; wait; scripts/kafka.sh stop --all 2>/dev/null' EXIT\n";

/// Runs the commands until one has an unexpected exit code. Returns the result of each.
pub(super) fn run<'a>(commands: impl Iterator<Item = &'a Example>) -> Vec<Answer> {
    let shell = Shell::open();
    lend_kafka(&shell);
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

/// Lends Kafka's jars to the shell; otherwise a `scripts/kafka.sh start` in it would fetch them into its own folder.
fn lend_kafka(shell: &Shell) {
    let installed = Command::new("bash")
        .arg(root().join("scripts/kafka.sh"))
        .arg("install")
        .stdin(Stdio::null())
        .status()
        .expect("bash is a prerequisite");
    assert!(installed.success(), "scripts/kafka.sh install failed");
    let jars = target().join("kafka/jars");
    let folder = shell.folder.path().join("target/kafka");
    fs::create_dir_all(&folder).expect("a folder");
    symlink(jars, folder.join("jars")).expect("a link");
}
