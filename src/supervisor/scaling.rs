//! Scaling: the decision how many guests there should be, a pure function of what the supervisor sees.

use std::time::Duration;

/// Time that work may wait before it is worth starting another guest (about 4 ms, and 9 MB).
pub(crate) const PATIENCE: Duration = Duration::from_millis(5);

/// Facts about work and guests that decide about scaling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Time that the oldest queued work has waited; `None` if there is none.
    pub waited: Option<Duration>,
    /// Number of guests that wait for work.
    pub idle: usize,
    /// Number of guests that are not READY yet, including those that wait for a restart.
    pub starting: usize,
    /// Number of all guests, including those that are not READY yet.
    pub guests: usize,
    /// Time for which the guest that has been idle longest has been idle.
    pub idle_for: Option<Duration>,
}

/// Limits from the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Fewest guests; may be 0.
    pub min: usize,
    /// Most guests.
    pub max: usize,
    /// Time after which an idle guest is ended, if there are more than `min`.
    pub idle_timeout: Duration,
}

/// Decision about the number of guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Change nothing.
    Stay,
    /// Start a guest.
    Grow(Reason),
    /// End the guest that has been idle longest.
    Shrink(Reason),
}

/// Reason of a decision; for logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Very first guest: nothing is read before it has shown that the scripts can start.
    Start,
    /// There are fewer guests than `min`.
    BelowMin,
    /// There is work and no guest at all.
    FirstWork,
    /// Guests with new scripts take over, as many as there were.
    Reload,
    /// Work has waited longer than [`PATIENCE`] and no guest is idle.
    WorkWaits,
    /// A guest has been idle for `idle_timeout`.
    Idle,
}

impl Reason {
    /// Returns the label for logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Reason::Start => "start",
            Reason::BelowMin => "below_min",
            Reason::FirstWork => "first_work",
            Reason::Reload => "reload",
            Reason::WorkWaits => "work_waits",
            Reason::Idle => "idle",
        }
    }
}

/// Decides whether to start or end a guest. Starts one guest at a time, and the next only when it is ready: a start
/// takes a few milliseconds, so nothing is lost by deciding again then.
pub(crate) fn decide(seen: &Snapshot, bounds: &Bounds) -> Decision {
    // The first guest shows that the scripts can start, and compiles them for the others.
    let first_is_starting = seen.guests > 0 && seen.starting == seen.guests;
    if seen.guests < bounds.min && !first_is_starting {
        return Decision::Grow(Reason::BelowMin);
    }
    if let Some(waited) = seen.waited {
        if seen.guests == 0 {
            return Decision::Grow(Reason::FirstWork);
        }
        let stretched = seen.idle == 0 && seen.starting == 0 && waited >= PATIENCE;
        if stretched && seen.guests < bounds.max {
            return Decision::Grow(Reason::WorkWaits);
        }
        return Decision::Stay;
    }
    let bored = seen
        .idle_for
        .is_some_and(|idle| idle >= bounds.idle_timeout);
    if bored && seen.guests > bounds.min {
        return Decision::Shrink(Reason::Idle);
    }
    Decision::Stay
}

/// Returns the time after which [`decide`] may return something else although nothing has happened.
pub(crate) fn next_look(seen: &Snapshot, bounds: &Bounds) -> Option<Duration> {
    match seen.waited {
        // With an idle guest, the budget holds the work back; with a starting guest, its start comes first.
        Some(waited) if seen.idle == 0 && seen.starting == 0 && seen.guests < bounds.max => Some(
            PATIENCE
                .saturating_sub(waited)
                .max(Duration::from_millis(1)),
        ),
        Some(_) => None,
        None if seen.guests > bounds.min => seen
            .idle_for
            .map(|idle| bounds.idle_timeout.saturating_sub(idle)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        min: 1,
        max: 3,
        idle_timeout: Duration::from_secs(30),
    };

    fn ms(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    fn seen(waited: Option<Duration>, idle: usize, starting: usize, guests: usize) -> Snapshot {
        Snapshot {
            waited,
            idle,
            starting,
            guests,
            idle_for: None,
        }
    }

    #[test]
    fn grows_when_work_waits_and_nobody_is_idle() {
        let grow = Decision::Grow(Reason::WorkWaits);
        assert_eq!(decide(&seen(ms(6), 0, 0, 1), &BOUNDS), grow);
        assert_eq!(
            decide(&seen(ms(4), 0, 0, 1), &BOUNDS),
            Decision::Stay,
            "patience"
        );
        assert_eq!(
            decide(&seen(ms(6), 1, 0, 2), &BOUNDS),
            Decision::Stay,
            "one is idle"
        );
        assert_eq!(
            decide(&seen(ms(6), 0, 1, 2), &BOUNDS),
            Decision::Stay,
            "one is starting"
        );
        assert_eq!(
            decide(&seen(ms(900), 0, 0, 3), &BOUNDS),
            Decision::Stay,
            "at most max"
        );
    }

    #[test]
    fn the_first_one_starts_before_the_others() {
        let bounds = Bounds { min: 3, ..BOUNDS };
        let grow = Decision::Grow(Reason::BelowMin);
        assert_eq!(decide(&seen(None, 0, 0, 0), &bounds), grow);
        assert_eq!(decide(&seen(None, 0, 1, 1), &bounds), Decision::Stay);
        assert_eq!(decide(&seen(None, 1, 0, 1), &bounds), grow);
        assert_eq!(decide(&seen(None, 1, 1, 2), &bounds), grow);
    }

    #[test]
    fn from_zero_the_first_work_starts_a_guest_at_once() {
        let bounds = Bounds { min: 0, ..BOUNDS };
        assert_eq!(decide(&seen(None, 0, 0, 0), &bounds), Decision::Stay);
        assert_eq!(
            decide(&seen(ms(0), 0, 0, 0), &bounds),
            Decision::Grow(Reason::FirstWork)
        );
    }

    #[test]
    fn shrinks_to_min_one_at_a_time() {
        let idle = |guests, secs| Snapshot {
            idle_for: Some(Duration::from_secs(secs)),
            ..seen(None, guests, 0, guests)
        };
        assert_eq!(
            decide(&idle(2, 30), &BOUNDS),
            Decision::Shrink(Reason::Idle)
        );
        assert_eq!(decide(&idle(2, 29), &BOUNDS), Decision::Stay);
        assert_eq!(
            decide(&idle(1, 99), &BOUNDS),
            Decision::Stay,
            "never below min"
        );
        assert_eq!(
            next_look(&idle(2, 29), &BOUNDS),
            Some(Duration::from_secs(1))
        );
        assert_eq!(next_look(&idle(1, 29), &BOUNDS), None);
    }
}
