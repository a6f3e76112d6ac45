//! Checks of times that depend on each other: a wait within a shorter wait never reaches its end.

use std::time::Duration;

use humantime::format_duration;

use super::Check;
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{Config, GroupConfig, GroupProtocol, KafkaClientConfig};
use crate::config::tree::FieldPath;

/// Default of librdkafka's `max.poll.interval.ms`.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(300);

/// Time and the name of its field.
type Named<'a> = (&'a str, Duration);

/// Warns about times that end before what they wait for can end.
pub(in crate::config::validate) fn times(check: &mut Check<'_>, config: &Config) {
    let Some(input) = config.input.as_kafka() else {
        return;
    };
    longer(
        check,
        ("guests.timeout", config.guests.timeout),
        (
            "input.kafka.group.rebalance_timeout",
            input.group.rebalance_timeout,
        ),
        "a partition may be given away while a message of it is still run, which another member then runs as well: \
         allow a message less time, or a rebalance more",
    );
    longer(
        check,
        ("input.kafka.commit_period", input.commit_period),
        ("shutdown_timeout", config.shutdown_timeout),
        "an orderly end may have to wait for the next commit, and be over before it: commit more often, or allow \
         the end more time",
    );
}

fn longer(check: &mut Check<'_>, (at, time): Named<'_>, (other, most): Named<'_>, help: &str) {
    let (at, other) = (FieldPath::of(at), FieldPath::of(other));
    if time <= most || most.is_zero() || check.is_doubtful(&at) || check.is_doubtful(&other) {
        return;
    }
    let (shown, shown_most) = (format_duration(time), format_duration(most));
    let message = format!("`{at}` ({shown}) is longer than `{other}` ({shown_most})");
    clash(check, Diagnostic::warning(message).help(help), &at, &other);
}

/// Reports a problem between two fields at one that is written: the other may be a default.
fn clash(check: &mut Check<'_>, problem: Diagnostic, at: &FieldPath, other: &FieldPath) {
    let (at, other) = match check.is_written(at) {
        true => (at, other),
        false => (other, at),
    };
    check.clash(problem, at, other, "the other one");
}

/// Checks session timeout, heartbeat interval and rebalance timeout, which bound each other.
pub(super) fn group(check: &mut Check<'_>, group: &GroupConfig, client: &KafkaClientConfig) {
    let at = FieldPath::of("input.kafka.group");
    let (session_at, heartbeat_at) = (at.field("session_timeout"), at.field("heartbeat_interval"));
    let rebalance_at = at.field("rebalance_timeout");
    if group.protocol == GroupProtocol::Consumer {
        for at in [&session_at, &heartbeat_at] {
            if check.is_written(at) {
                let message = format!("`{at}` has no effect here");
                let problem = Diagnostic::warning(message).at(check.place(at));
                check.problems.push(problem);
            }
        }
    }
    let (session, heartbeat) = (group.session_timeout, group.heartbeat_interval);
    let times = [
        (&session_at, session),
        (&heartbeat_at, heartbeat),
        (&rebalance_at, group.rebalance_timeout),
    ];
    if times.iter().any(|(at, _)| check.is_doubtful(at)) {
        return;
    }
    let longest = max_poll_interval(client);
    for (at, time) in times {
        if time < Duration::from_millis(1) {
            let message = format!("`{at}` must be at least `1ms`");
            check.error(at, message, "Kafka counts in milliseconds");
        }
        if time > longest && *at != heartbeat_at {
            let longest = format_duration(longest);
            check.error(
                at,
                format!("`{at}` is longer than `max.poll.interval.ms`, which is {longest}"),
                "write less, or more as `max.poll.interval.ms` in `properties`: after that time the group \
                 goes on without this member",
            );
        }
    }
    if heartbeat.saturating_mul(3) > session {
        let (heartbeat, session) = (format_duration(heartbeat), format_duration(session));
        let message =
            format!("a heartbeat every {heartbeat} is too rare for a session timeout of {session}");
        let problem = Diagnostic::error(message).help(
            "write at most a third of `session_timeout` as `heartbeat_interval`, so that one or two may be lost",
        );
        clash(check, problem, &heartbeat_at, &session_at);
    }
}

fn max_poll_interval(client: &KafkaClientConfig) -> Duration {
    client
        .property("max.poll.interval.ms")
        .and_then(|value| value.parse().ok())
        .map_or(MAX_POLL_INTERVAL, Duration::from_millis)
}
