//! What is to happen, out of one number.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// SplitMix64: a run is repeated by its seed, as far as machines can be.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn any_seed() -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.expect("after 1970").as_micros() as u64 % 1_000_000
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len() as u64) as usize]
    }

    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let range = (most - least).as_millis() as u64;
        least + Duration::from_millis(self.below(range + 1))
    }
}

/// What brokers suffer.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// One is killed, and started again after a while.
    Kill(i16, Duration),
    /// One is stopped (SIGSTOP) and goes on after a while: it does not know that it was away.
    Pause(i16, Duration),
    /// All are killed, and started again after a while.
    AllDown(Duration),
}

/// A run of chaos.
#[derive(Debug)]
pub struct Plan {
    /// When what befalls the brokers.
    pub brokers: Vec<(Duration, Fault)>,
    /// The chance of what befalls the processes.
    pub processes: Random,
}

impl Plan {
    /// For chaos that lasts so long: a broker is killed each minute, once one is stopped and once all are down.
    /// A run shorter than five minutes has shorter outages.
    pub fn new(lasts: Duration, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let processes = Random::new(random.next());
        let seconds = Duration::from_secs;
        let (pause, down) = if lasts < seconds(300) {
            (seconds(8), seconds(8))
        } else {
            (seconds(30), seconds(60))
        };
        let mut any = || random.pick(&[1, 2, 3]);
        let mut brokers = vec![
            (lasts.mul_f64(0.4), Fault::Pause(any(), pause)),
            (lasts.mul_f64(0.66), Fault::AllDown(down)),
        ];
        let mut at = seconds(12);
        while at + seconds(20) < lasts {
            let broker = any();
            brokers.push((at, Fault::Kill(broker, seconds(5))));
            at += seconds(60);
        }
        for (_, fault) in &mut brokers {
            if let Fault::Kill(_, down) = fault {
                *down = random.between(seconds(3), seconds(12));
            }
        }
        brokers.sort_by_key(|&(at, _)| at);
        Self { brokers, processes }
    }
}
