//! Numbers for people. An unknown value is a dash, whatever its unit; the web page writes them the same way.

use std::collections::BTreeMap;

/// Sign for an unknown value.
pub(super) const NOTHING: &str = "–";

/// Formats a number: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// Formats a rate: `12,345/s`, `0.4/s`.
pub(super) fn rate(a_second: Option<f64>) -> String {
    let Some(a_second) = a_second else {
        return NOTHING.to_owned();
    };
    if a_second == 0.0 || a_second >= 10.0 {
        format!("{}/s", count(a_second.round() as u64))
    } else {
        format!("{a_second:.1}/s")
    }
}

/// Formats a size: `1.5 MiB`.
pub(super) fn bytes(number: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut number = number;
    let mut unit = 0;
    while number >= 1024.0 && unit + 1 < UNITS.len() {
        number /= 1024.0;
        unit += 1;
    }
    let digits = if unit == 0 { 0 } else { precision(number) };
    format!("{number:.digits$} {}", UNITS[unit])
}

/// Formats a duration: `850 µs`, `1.25 ms`, `3.4 s`.
pub(super) fn seconds(number: Option<f64>) -> String {
    match number {
        None => NOTHING.to_owned(),
        Some(0.0) => "0 s".to_owned(),
        Some(number) if number < 0.001 => in_unit(number * 1e6, "µs"),
        Some(number) if number < 1.0 => in_unit(number * 1e3, "ms"),
        Some(number) if number < 120.0 => in_unit(number, "s"),
        Some(number) => long(number),
    }
}

fn in_unit(number: f64, unit: &str) -> String {
    format!("{number:.*} {unit}", precision(number))
}

/// Returns the number of decimals for about three digits.
fn precision(number: f64) -> usize {
    match number {
        number if number < 10.0 => 2,
        number if number < 100.0 => 1,
        _ => 0,
    }
}

/// Formats a long duration: `3 d 4 h`, `2 min 5 s`.
pub(super) fn long(seconds: f64) -> String {
    const SIZES: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let whole = seconds.max(0.0) as u64;
    let first = SIZES.iter().position(|&(size, _)| whole >= size);
    let first = first.unwrap_or(SIZES.len() - 1);
    let (size, unit) = SIZES[first];
    match SIZES.get(first + 1) {
        Some((less, less_unit)) => {
            format!(
                "{} {unit} {} {less_unit}",
                whole / size,
                whole % size / less
            )
        }
        None => format!("{whole} {unit}"),
    }
}

/// Formats totals, the largest first: `Timeout 3, Exit 1`; `none` if there are none.
pub(super) fn by_name<'a>(totals: impl IntoIterator<Item = (&'a String, &'a u64)>) -> String {
    let mut totals: Vec<(&String, &u64)> = totals.into_iter().filter(|one| *one.1 > 0).collect();
    totals.sort_by_key(|&(name, &total)| (std::cmp::Reverse(total), name));
    if totals.is_empty() {
        return "none".to_owned();
    }
    let shown = totals
        .iter()
        .map(|(name, total)| format!("{name} {}", count(**total)));
    shown.collect::<Vec<_>>().join(", ")
}

/// Formats the sum of totals, and the totals: `4 (Timeout 3, Exit 1)`; `none` if there are none.
pub(super) fn all_by_name(totals: &BTreeMap<String, u64>) -> String {
    match totals.values().sum() {
        0 => by_name(totals),
        all => format!("{} ({})", count(all), by_name(totals)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_write_them() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [None, Some(0.0), Some(0.44), Some(12_345.4)].map(rate),
            ["–", "0/s", "0.4/s", "12,345/s"]
        );
        assert_eq!(
            [0.0, 1023.0, 1536.0, 32.0 * 1024.0 * 1024.0, 1e18].map(bytes),
            ["0 B", "1023 B", "1.50 KiB", "32.0 MiB", "909495 TiB"]
        );
        assert_eq!(
            [
                None,
                Some(0.0),
                Some(0.000_85),
                Some(0.0123),
                Some(3.4),
                Some(125.0)
            ]
            .map(seconds),
            ["–", "0 s", "850 µs", "12.3 ms", "3.40 s", "2 min 5 s"]
        );
        assert_eq!(
            [0.4, 59.0, 3600.0, 273_600.0].map(long),
            ["0 s", "59 s", "1 h 0 min", "3 d 4 h"]
        );
    }

    #[test]
    fn the_most_comes_first() {
        let totals = [("Exit", 1), ("Killed", 12), ("Trap", 0), ("Timeout", 1)];
        let totals: BTreeMap<String, u64> = totals.map(|(name, n)| (name.to_owned(), n)).into();
        assert_eq!(by_name(&totals), "Killed 12, Exit 1, Timeout 1");
        assert_eq!(all_by_name(&totals), "14 (Killed 12, Exit 1, Timeout 1)");
        assert_eq!(by_name(&BTreeMap::new()), "none");
        assert_eq!(all_by_name(&BTreeMap::new()), "none");
    }
}
