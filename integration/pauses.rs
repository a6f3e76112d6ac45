//! The process is stopped while its guests are at work, as by `docker pause`, a frozen cgroup, or a machine that moves.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::{Ending, RUNTIMES, eval};

/// Longer than the guests of this test are waited for.
const PAUSE: Duration = Duration::from_secs(10);

/// "A pause of the process (12 guests busy) ends nothing": no message is convicted, no thread is given up.
#[test]
fn a_pause_ends_nothing() {
    for runtime in RUNTIMES {
        let mut child = eval(runtime, "import time\ntime.sleep(0.3)\nroot = this")
            .set("pipeline.threads=12")
            .set("guests.min=12")
            .set("guests.timeout=5s")
            .set("guests.start_timeout=1s")
            .set("http.enabled=false")
            .spawn();
        let pid = Pid::from_raw(child.id() as i32).expect("a process has a number");
        let mut stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut running = Ending(child);
        let log = thread::spawn(move || stderr.lines().map_while(Result::ok).collect::<Vec<_>>());
        let input: String = (0..200).map(|n| format!("{n}\n")).collect();
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        let mut results = stdout.lines().map_while(Result::ok);
        // All are at work when the first result is there.
        let mut seen = vec![results.next().expect("a result")];
        for _ in 0..2 {
            kill_process(pid, Signal::STOP).expect("it is our child");
            thread::sleep(PAUSE);
            kill_process(pid, Signal::CONT).expect("it is our child");
            seen.extend(results.next());
        }
        seen.extend(results);
        let code = running.0.wait().expect("it is our child").code();
        let log = log.join().expect("reading");
        assert_eq!(code, Some(0), "{runtime}:\n{}", log.join("\n"));
        let expected: Vec<String> = (0..200).map(|n| n.to_string()).collect();
        assert_eq!(seen, expected, "{runtime}");
        let lost = log
            .iter()
            .filter(|line| line.contains(r#""death":"Panic""#));
        assert_eq!(lost.count(), 0, "{runtime}: no thread was given up");
    }
}
