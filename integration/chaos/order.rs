//! Orders, and their expected results.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::plan::Wanted;

/// Keys of a partition; no other partition has them.
const KEYS: i64 = 50;
/// Number of orders of a partition per slow one, whose script sleeps.
const SLOW_EVERY: i64 = 6000;
/// Number of chosen topics that are deleted during the run.
pub(crate) const GONE: usize = 2;
/// Timestamp later than any topic with a check of timestamps accepts: the year 58,700, as if written in microseconds.
const FAR_FUTURE: i64 = 1_790_000_000_000_000;

/// Kind of an order, which decides its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Result for the output's own topic.
    Plain,
    /// Result for a topic that the script chooses.
    Chosen,
    /// Result for a chosen topic that is deleted during the run.
    Gone(usize),
    /// Exception of the script.
    Poison,
    /// Result with a timestamp that the topic refuses.
    FarFuture,
    /// Result without a key, for a compacted topic.
    Keyless,
    /// Result that is larger than the topic allows.
    TooLarge,
}

/// Place of what is made from an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Output,
    Chosen,
    Gone(usize),
    Dead,
    /// Topic that refuses everything.
    Nowhere,
}

impl Kind {
    const ALL: [Self; 6 + GONE] = [
        Self::Plain,
        Self::Chosen,
        Self::Gone(0),
        Self::Gone(1),
        Self::Poison,
        Self::FarFuture,
        Self::Keyless,
        Self::TooLarge,
    ];

    /// Returns the kind of the n-th order of a partition.
    pub(crate) fn of(n: i64, wanted: &Wanted) -> Self {
        let kind = match n % 1000 {
            7 => Self::Poison,
            107 => Self::FarFuture,
            207 => Self::Keyless,
            307 => Self::TooLarge,
            407 => Self::Gone(0),
            507 => Self::Gone(1),
            607 => Self::Chosen,
            _ => Self::Plain,
        };
        match kind {
            Self::FarFuture | Self::Keyless | Self::TooLarge if !wanted.refused => Self::Plain,
            Self::Gone(_) if !wanted.gone => Self::Plain,
            kind => kind,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Chosen => "chosen",
            Self::Gone(0) => "gone 0",
            Self::Gone(_) => "gone 1",
            Self::Poison => "poison",
            Self::FarFuture => "far future",
            Self::Keyless => "keyless",
            Self::TooLarge => "too large",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns whether a broker refuses the result, rather than the script.
    pub(crate) fn is_refused(self) -> bool {
        match self {
            Self::FarFuture | Self::Keyless | Self::TooLarge | Self::Gone(_) => true,
            Self::Plain | Self::Chosen | Self::Poison => false,
        }
    }

    /// Returns the place of the result; an order for a deleted topic may also become a dead letter.
    pub(crate) fn place(self) -> Place {
        match self {
            Self::Plain => Place::Output,
            Self::Chosen => Place::Chosen,
            Self::Gone(index) => Place::Gone(index),
            Self::Poison | Self::FarFuture | Self::Keyless | Self::TooLarge => Place::Dead,
        }
    }
}

/// Identity of an order: topic, partition, number within the partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub n: i64,
}

/// Name and value of each header, as headers are sent.
pub(crate) type Headers = Vec<(String, Option<Vec<u8>>)>;

impl Id<'_> {
    pub(crate) fn key(self) -> String {
        format!("{}-p{}-k{}", self.topic, self.partition, self.n % KEYS)
    }

    pub(crate) fn headers(self) -> Headers {
        vec![
            ("n".into(), Some(self.n.to_string().into_bytes())),
            ("none".into(), None),
            ("n".into(), Some(vec![0xff, self.n as u8])),
        ]
    }

    /// Returns the order as it is written.
    pub(crate) fn payload(self, wanted: &Wanted) -> Value {
        let Self {
            topic,
            partition,
            n,
        } = self;
        let mut order = json!({
            "t": topic, "p": partition, "n": n, "at": now(), "kind": Kind::of(n, wanted).name(),
            "customer": format!("customer-{}", n % 977),
            "items": [
                { "sku": format!("sku-{}", n % 313), "price": 19.99, "qty": 1 + n % 5 },
                { "sku": "délivré ☃", "price": 0.5, "qty": 3, "note": "what an order may say of itself" },
            ],
            "text": "so that an order has about three hundred bytes, as those of the benchmark",
        });
        // One after the other, so that at most moments, and in most rebalances, one slow order is in flight.
        if wanted.slow && (n + 1000 * i64::from(partition)) % SLOW_EVERY == SLOW_EVERY / 10 {
            order["slow"] = (2 + n / SLOW_EVERY % 6).into();
        }
        order
    }

    /// Returns an order from before the group, which must not be read.
    pub(crate) fn old(self) -> Value {
        json!({ "t": self.topic, "p": self.partition, "n": -1, "at": now(), "kind": "old" })
    }

    /// Returns the result of the order, without the process that made it and the time.
    pub(crate) fn result(self, at: i64) -> Value {
        json!({ "t": self.topic, "p": self.partition, "n": self.n, "at": at, "twice": 2 * self.n })
    }
}

/// Topics that scripts choose.
#[derive(Debug, Clone)]
pub(crate) struct Choices {
    pub chosen: String,
    pub gone: [String; GONE],
    /// Topic that refuses timestamps of the next day.
    pub strict: String,
    pub compacted: String,
    /// Topic that refuses records of more than 2000 bytes.
    pub small: String,
}

impl Choices {
    pub(crate) fn all(&self) -> Vec<&str> {
        let Self {
            chosen,
            gone: [first, second],
            strict,
            compacted,
            small,
        } = self;
        vec![chosen, first, second, strict, compacted, small]
    }

    /// Returns the script of the process `by`.
    pub(crate) fn script(&self, by: &str) -> String {
        let Self {
            chosen,
            gone: [first, second],
            strict,
            compacted,
            small,
        } = self;
        format!(
            r#"kind = this["kind"]
if "slow" in this:
    time.sleep(this["slow"])
if kind == "poison":
    raise ValueError("poison")
root = {{"t": this["t"], "p": this["p"], "n": this["n"], "at": this["at"], "twice": 2 * this["n"], "by": "{by}", "ran": time.time_ns() // 1000000}}
if kind == "chosen":
    meta["topic"] = "{chosen}"
elif kind == "gone 0":
    meta["topic"] = "{first}"
elif kind == "gone 1":
    meta["topic"] = "{second}"
elif kind == "far future":
    meta["topic"] = "{strict}"
    meta["timestamp"] = {FAR_FUTURE}
elif kind == "keyless":
    meta["topic"] = "{compacted}"
    meta["key"] = None
elif kind == "too large":
    meta["topic"] = "{small}"
    root["pad"] = "x" * 5000
"#
        )
    }
}

/// Returns the current time in milliseconds since the epoch.
pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_millis() as i64
}
