//! Verdict of the checker at the end.

use super::{Checker, EXAMPLES, Excuses, Form, Kind, Order};

impl Checker {
    fn each(&self) -> impl Iterator<Item = (usize, i64, &Order)> {
        let streams = self.orders.iter().enumerate();
        streams.flat_map(|(stream, orders)| {
            let orders = orders.iter().zip(0_i64..);
            orders.map(move |(order, n)| (stream, n, order))
        })
    }

    pub(crate) fn orders(&self) -> u64 {
        self.orders.iter().map(Vec::len).sum::<usize>() as u64
    }

    /// Returns the number of orders that the test's own producer wrote more than once.
    pub(crate) fn written_again(&self) -> u64 {
        self.each().filter(|(_, _, order)| order.copies > 1).count() as u64
    }

    /// Returns the number of orders of each kind.
    pub(crate) fn kinds(&self) -> Vec<(&'static str, u64)> {
        let mut kinds: Vec<(&str, u64)> = Vec::new();
        for (_, _, order) in self.each() {
            match kinds
                .iter_mut()
                .find(|(name, _)| *name == order.kind.name())
            {
                Some((_, count)) => *count += 1,
                None => kinds.push((order.kind.name(), 1)),
            }
        }
        kinds
    }

    /// Returns the orders without any result, unless there is an excuse.
    fn missing(&self) -> impl Iterator<Item = (usize, i64, &Order)> {
        let nothing = self.each().filter(|(_, _, order)| order.arrivals == 0);
        nothing.filter(|(_, _, order)| !self.went_with_its_topic(order))
    }

    /// Returns whether the order's result may have been in a topic that was deleted after the last look at it.
    fn went_with_its_topic(&self, order: &Order) -> bool {
        match order.kind {
            Kind::Gone(index) => self.gone[index].is_some_and(|(_, till)| order.at < till),
            _ => false,
        }
    }

    pub(crate) fn lost(&self) -> u64 {
        self.missing().count() as u64
    }

    pub(crate) fn unprocessed(&self) -> u64 {
        self.unprocessed.count
    }

    pub(crate) fn disordered(&self) -> u64 {
        self.disordered.count
    }

    /// Returns the time of each order, and the milliseconds until its first result was in the topic.
    pub(crate) fn delays(&self) -> impl Iterator<Item = (i64, i64)> {
        let arrived = self.each().filter(|(_, _, order)| order.arrivals > 0);
        arrived.map(|(_, _, order)| (order.at, order.delay))
    }

    /// Returns the longest time without any first arrival, in seconds.
    pub(crate) fn longest_silence(&self) -> i64 {
        let after = self.arrivals.keys().zip(self.arrivals.keys().skip(1));
        after.map(|(one, next)| next - one - 1).max().unwrap_or(0)
    }

    /// Returns lost orders, with neighbours joined to ranges.
    fn lost_ranges(&self) -> Vec<String> {
        let mut ranges: Vec<(usize, i64, i64)> = Vec::new();
        for (stream, n, _) in self.missing() {
            match ranges.last_mut() {
                Some((same, _, end)) if (*same, *end) == (stream, n) => *end += 1,
                _ => ranges.push((stream, n, n + 1)),
            }
        }
        let shown = |&(stream, from, end): &(usize, i64, i64)| {
            let (topic, partition) = &self.streams[stream];
            let kind = self.orders[stream][from as usize].kind.name();
            format!("{topic} {partition}: {from}..{end} ({kind})")
        };
        ranges.iter().take(20).map(shown).collect()
    }

    /// Returns everything that is wrong.
    pub(crate) fn problems(&self, form: Form, excuses: &Excuses) -> Vec<String> {
        let mut problems = Vec::new();
        if self.lost() > 0 {
            problems.push(format!("{} lost: {:#?}", self.lost(), self.lost_ranges()));
        }
        if form == Form::ExactlyOnce && self.duplicates > 0 {
            let twice_or_more = self
                .each()
                .filter(|(_, _, order)| order.arrivals > order.copies);
            let examples: Vec<_> = twice_or_more
                .take(EXAMPLES)
                .map(|(stream, n, order)| (&self.streams[stream], n, order.arrivals))
                .collect();
            problems.push(format!(
                "{} duplicates, among them {examples:?}",
                self.duplicates
            ));
        }
        let (late, _) = self.owners.late(excuses);
        if !late.is_empty() {
            let examples: Vec<_> = late
                .iter()
                .take(EXAMPLES)
                .map(|one| one.to_string())
                .collect();
            problems.push(format!(
                "{} results of a former owner behind the first of the next one: {examples:#?}",
                late.len()
            ));
        }
        let of_transactions = (
            "refused and out of order among dead letters",
            &self.late_refusals,
        );
        let of_transactions = (form == Form::ExactlyOnce).then_some(of_transactions);
        let of_all = [
            ("unprocessed", &self.unprocessed),
            ("out of order among first arrivals", &self.disordered),
            ("read although they were there before the group", &self.old),
            ("the test itself: wrong in the input", &self.input),
        ];
        for (what, found) in of_all.into_iter().chain(of_transactions) {
            if found.count > 0 {
                problems.push(format!("{} {what}: {:#?}", found.count, found.examples));
            }
        }
        problems
    }
}
