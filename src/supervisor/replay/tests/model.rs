//! Model of guests that die and of threads that are lost, and of what the supervisor concludes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::*;
use crate::resequencer::sequencer::Sequencer;

/// Effect of a message on its guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nature {
    /// No effect.
    Good,
    /// The message is answered, and the next request to its guest is fatal.
    Bomb,
    /// A request with the message is fatal.
    Poison,
    /// The thread that runs a request with the message is lost.
    Abyss,
}

impl Nature {
    fn is_innocent(self) -> bool {
        matches!(self, Nature::Good | Nature::Bomb)
    }
}

/// Fault of a guest that no message causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The guest is ended on purpose.
    Killed,
    /// The guest dies as if of its first request: its core was away for too long.
    Death,
    /// The guest's thread does not answer, although it has done its work.
    Lost,
}

/// Step of one guest.
#[derive(Debug, Clone, Copy)]
struct Chance {
    /// Index of the guest.
    guest: usize,
    /// Messages in a request.
    pace: usize,
    /// Requests after which the guest passes on what it has.
    requests: usize,
    fault: Fault,
}

#[derive(Debug)]
struct Guest {
    fresh: bool,
    bombed: bool,
    /// Work that the guest held when it died.
    held: Option<Work>,
}

/// Result of a run of messages.
enum Ran {
    Answered(usize, Stop),
    Lost,
}

struct Model {
    natures: Vec<Nature>,
    guests: Vec<Guest>,
    queue: BTreeMap<Turn, Work>,
    /// Messages that a fault hit in a request of their own. A machine causes that only once for each message.
    hit: Vec<bool>,
    answers: Vec<usize>,
    convictions: Vec<usize>,
    order: Sequencer<(usize, usize)>,
    released: Vec<usize>,
}

impl Model {
    fn new(natures: Vec<Nature>, guests: usize) -> Self {
        let count = natures.len();
        let work = Work::new(Batch::for_test(count), 0, Instant::now());
        let guest = || Guest {
            fresh: true,
            bombed: false,
            held: None,
        };
        Self {
            natures,
            guests: std::iter::repeat_with(guest).take(guests).collect(),
            queue: BTreeMap::from([(work.turn(), work)]),
            hit: vec![false; count],
            answers: vec![0; count],
            convictions: vec![0; count],
            order: Sequencer::default(),
            released: Vec::new(),
        }
    }

    fn is_done(&self) -> bool {
        self.queue.is_empty() && self.guests.iter().all(|guest| guest.held.is_none())
    }

    /// Returns whether a fault may hit a request for these messages.
    fn may_hit(&mut self, range: std::ops::Range<usize>) -> bool {
        let innocent_alone = range.len() == 1 && self.natures[range.start].is_innocent();
        !innocent_alone || !std::mem::replace(&mut self.hit[range.start], true)
    }

    /// Runs messages as `Guest::execute` does.
    fn execute(&mut self, index: usize, work: &Work, chance: Chance) -> Ran {
        let mut next = work.slice.range.start;
        for request in 0..chance.requests {
            if next == work.slice.range.end {
                return Ran::Answered(next - work.slice.range.start, Stop::Complete);
            }
            let limit = if next < work.solo_until {
                next + 1
            } else {
                work.slice.range.end
            };
            let range = next..next + chance.pace.min(limit - next);
            let fresh = self.guests[index].fresh;
            let has = |nature| self.natures[range.clone()].contains(&nature);
            let (abyss, poison, bomb) =
                (has(Nature::Abyss), has(Nature::Poison), has(Nature::Bomb));
            if abyss {
                return Ran::Lost;
            }
            let died = |death| {
                let stop = Stop::Died {
                    death,
                    suspects: range.len(),
                    single: range.len() == 1,
                    fresh,
                    script: None,
                };
                Ran::Answered(next - work.slice.range.start, stop)
            };
            if request == 0 && chance.fault == Fault::Killed {
                return died(Death::Killed("by the test"));
            }
            let bombed = std::mem::take(&mut self.guests[index].bombed);
            let fault = bombed || (request == 0 && chance.fault == Fault::Death);
            if poison || (fault && self.may_hit(range.clone())) {
                return died(Death::Exit(1));
            }
            self.guests[index].fresh = false;
            self.guests[index].bombed = bomb;
            next = range.end;
        }
        Ran::Answered(next - work.slice.range.start, Stop::Yielded)
    }

    fn turn(&mut self, chance: Chance) -> Result<(), TestCaseError> {
        let index = chance.guest % self.guests.len();
        let held = self.guests[index].held.take();
        let Some(work) = held.or_else(|| Some(self.queue.pop_first()?.1)) else {
            return Ok(());
        };
        let next = work.slice.range.start;
        let fresh = self.guests[index].fresh;
        let range = next..work.slice.range.end;
        let mut ran = self.execute(index, &work, chance);
        if chance.fault == Fault::Lost && self.may_hit(range) {
            ran = Ran::Lost;
        }
        let (after, others) = match ran {
            Ran::Answered(answered, stop) => {
                self.answered(next, answered, |answers| &mut answers.answers)?;
                (work.after(answered, &stop), Vec::new())
            }
            Ran::Lost => work.lost(Death::Panic("lost".into()), fresh),
        };
        let rest = match after {
            Next::Done => None,
            Next::Continue(work) => Some(work),
            Next::Restart { work, convicted } => {
                if let Some((index, failure)) = convicted {
                    prop_assert!(failure.attempts >= 2, "{failure:?}");
                    self.answered(index, 1, |answers| &mut answers.convictions)?;
                }
                self.guests[index] = Guest {
                    fresh: true,
                    bombed: false,
                    held: work,
                };
                None
            }
        };
        let shares = rest.into_iter().flat_map(|work| work.share(chance.pace));
        for work in shares.chain(others) {
            prop_assert!(!work.is_empty());
            prop_assert!(self.queue.insert(work.turn(), work).is_none());
        }
        Ok(())
    }

    /// Counts the outcomes of these messages, and releases them in order.
    fn answered(
        &mut self,
        from: usize,
        count: usize,
        kind: fn(&mut Self) -> &mut Vec<usize>,
    ) -> Result<(), TestCaseError> {
        for seen in &mut kind(self)[from..from + count] {
            *seen += 1;
        }
        if count > 0 {
            self.order.insert(from as u64, count as u64, (from, count));
        }
        while let Some((from, count)) = self.order.pop() {
            prop_assert_eq!(from, self.released.len());
            self.released.extend(from..from + count);
        }
        Ok(())
    }
}

fn nature() -> impl Strategy<Value = Nature> {
    prop_oneof![
        8 => Just(Nature::Good),
        1 => Just(Nature::Bomb),
        1 => Just(Nature::Poison),
        1 => Just(Nature::Abyss),
    ]
}

fn chance() -> impl Strategy<Value = Chance> {
    let fault = prop_oneof![
        6 => Just(Fault::None),
        1 => Just(Fault::Killed),
        1 => Just(Fault::Death),
        1 => Just(Fault::Lost),
    ];
    (0usize..4, 1usize..9, 1usize..4, fault).prop_map(|(guest, pace, requests, fault)| Chance {
        guest,
        pace,
        requests,
        fault,
    })
}

/// Checks that, whatever dies, hangs or is killed when, each message has one outcome, the messages that kill are found,
/// no other message is convicted, and all leave in order.
#[test]
fn each_message_has_one_outcome_and_only_the_guilty_are_convicted() {
    let cases = (
        prop::collection::vec(nature(), 1..40),
        prop::collection::vec(chance(), 1..30),
        1usize..5,
    );
    let mut runner = TestRunner::new(ProptestConfig::with_cases(1024));
    actix::System::new().block_on(async {
        runner
            .run(&cases, |(natures, chances, guests)| {
                let mut model = Model::new(natures, guests);
                for (round, chance) in chances.iter().cycle().enumerate() {
                    if model.is_done() {
                        break;
                    }
                    prop_assert!(round < 20_000, "it goes on for ever");
                    let mut chance = *chance;
                    chance.guest += round / 3; // no guest is left out
                    if round % 7 == 0 {
                        chance.fault = Fault::None; // and no guest is always ended from outside
                    }
                    model.turn(chance)?;
                }
                for (index, nature) in model.natures.iter().enumerate() {
                    let seen = (model.answers[index], model.convictions[index]);
                    let expected = if nature.is_innocent() { (1, 0) } else { (0, 1) };
                    prop_assert_eq!(seen, expected, "message {}: {:?}", index, nature);
                }
                prop_assert_eq!(model.released.len(), model.natures.len());
                Ok(())
            })
            .unwrap();
    });
}
