//! Costs of a request: how many messages reached each script, and the time of some of them; and which script runs.
//!
//! A guest with several scripts may send them before a response: the byte 1, a big-endian `u32` length, and for each script
//! two `u32` (messages that reached it, and those that were measured) and a `u64` (their nanoseconds), all big-endian.
//! While it runs one message alone, it may also say which script runs: the byte 2 and a big-endian `u32`. If the guest dies,
//! that is where.
//! A guest may lie, so these are figures for people, on which nothing depends.

use std::time::Duration;

use crate::guest::error::Death;

/// First byte of the frame.
const STATUS_COSTS: u8 = 1;
/// First byte of what says which script runs.
const STATUS_STAGE: u8 = 2;
/// Bytes of status and length.
const HEADER: usize = 5;
/// Bytes of each script.
const STAGE: usize = 4 + 4 + 8;

/// Costs of one script in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StageCosts {
    /// Number of messages that reached it.
    pub reached: u32,
    /// Number of these that were measured.
    pub measured: u32,
    /// Time that it took for those.
    pub spent: Duration,
}

/// Takes all that the reply port begins with about the script that runs. Returns the last of it: a number that may be that
/// of no script.
pub(crate) fn take_stage(outbox: &mut Vec<u8>) -> Option<u32> {
    let (mut last, mut taken) = (None, 0);
    while let Some([STATUS_STAGE, number @ ..]) = outbox[taken..].first_chunk::<HEADER>() {
        last = Some(u32::from_be_bytes(*number));
        taken += HEADER;
    }
    outbox.drain(..taken);
    last
}

/// Takes the costs of `stages` scripts from the reply port, if it begins with them: `None` while they are incomplete.
///
/// # Errors
/// [`Death::Protocol`] if they are those of another number of scripts.
pub(crate) fn take_costs(
    outbox: &mut Vec<u8>,
    stages: usize,
) -> Option<Result<Option<Vec<StageCosts>>, Death>> {
    if stages < 2 || outbox.first().is_some_and(|&status| status != STATUS_COSTS) {
        return Some(Ok(None));
    }
    let header: &[u8; HEADER] = outbox.first_chunk()?;
    let [_, length @ ..] = *header;
    let size = stages * STAGE;
    if u32::from_be_bytes(length) as usize != size {
        let what = "the costs of another number of scripts";
        return Some(Err(Death::Protocol(what.into())));
    }
    let body = outbox.get(HEADER..HEADER + size)?;
    let costs = body.as_chunks::<STAGE>().0.iter().map(stage).collect();
    outbox.drain(..HEADER + size);
    Some(Ok(Some(costs)))
}

fn stage(bytes: &[u8; STAGE]) -> StageCosts {
    let [a, b, c, d, e, f, g, h, nanoseconds @ ..] = *bytes;
    StageCosts {
        reached: u32::from_be_bytes([a, b, c, d]),
        measured: u32::from_be_bytes([e, f, g, h]),
        spent: Duration::from_nanos(u64::from_be_bytes(nanoseconds)),
    }
}

/// Most times that a guest says which script runs, in one request.
const MOST_TOLD: usize = 64;

/// Returns the bytes that the costs of so many scripts, and what says which of them runs, take before a response.
pub(crate) const fn room(stages: usize) -> usize {
    HEADER + stages * STAGE + MOST_TOLD * HEADER
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), stages in 0usize..12) {
            let mut outbox = bytes.clone();
            match take_costs(&mut outbox, stages) {
                Some(Ok(Some(costs))) => {
                    prop_assert_eq!(costs.len(), stages);
                    prop_assert_eq!(outbox.as_slice(), &bytes[HEADER + stages * STAGE..]);
                }
                _ => prop_assert_eq!(outbox, bytes, "nothing is taken"),
            }
        }
    }

    fn frame(stages: &[(u32, u64)]) -> Vec<u8> {
        let mut frame = vec![STATUS_COSTS];
        frame.extend((stages.len() as u32 * 16).to_be_bytes());
        for (reached, nanoseconds) in stages {
            frame.extend(reached.to_be_bytes());
            frame.extend(3_u32.to_be_bytes());
            frame.extend(nanoseconds.to_be_bytes());
        }
        frame
    }

    #[test]
    fn in_any_pieces_and_no_more() {
        let whole = frame(&[(7, 1500), (u32::MAX, u64::MAX)]);
        for end in 0..whole.len() {
            let mut outbox = whole[..end].to_vec();
            assert_eq!(take_costs(&mut outbox, 2), None);
            assert_eq!(outbox.len(), end, "it stays");
        }
        let mut outbox = [&whole[..], b"\0rest"].concat();
        let costs = take_costs(&mut outbox, 2)
            .expect("complete")
            .expect("well-formed")
            .expect("costs");
        let counts: Vec<_> = costs
            .iter()
            .map(|one| (one.reached, one.measured))
            .collect();
        assert_eq!(counts, [(7, 3), (u32::MAX, 3)]);
        assert_eq!(costs[0].spent, Duration::from_nanos(1500));
        assert_eq!(outbox, b"\0rest");
        assert_eq!(take_costs(&mut outbox, 2), Some(Ok(None)), "a response");
    }

    #[test]
    fn the_last_script_that_ran() {
        assert_eq!(take_stage(&mut Vec::new()), None);
        let mut outbox = b"\x02\0\0\0\x01\x02\0\0\0\x07\x02\0\0".to_vec();
        assert_eq!(take_stage(&mut outbox), Some(7));
        assert_eq!(outbox, b"\x02\0\0", "the rest has not come yet");
        assert_eq!(take_stage(&mut outbox), None);
        assert_eq!(take_costs(&mut outbox, 2), Some(Ok(None)));
        let mut response = b"\0\x02\0\0\0\x01".to_vec();
        assert_eq!((take_stage(&mut response), response.len()), (None, 6));
    }

    #[test]
    fn of_another_number_of_scripts() {
        for length in [0, 1, 16, 48, u32::MAX] {
            let mut outbox = vec![STATUS_COSTS];
            outbox.extend(length.to_be_bytes());
            let taken = take_costs(&mut outbox, 2);
            assert!(matches!(taken, Some(Err(Death::Protocol(_)))), "{taken:?}");
        }
        // One script alone has no costs of its own: the byte is no status that the response may have.
        assert_eq!(take_costs(&mut frame(&[(1, 1)]), 1), Some(Ok(None)));
    }
}
