//! Line of the schema registry.

use ratatui::text::{Line, Span};

use super::{fit, named};
use crate::cli::top::format;
use crate::cli::top::theme::Theme;
use crate::telemetry::stats::Stats;

/// Part of `not_ready` that says that messages wait for the registry.
const REGISTRY: &str = "schema_registry";

/// Returns what was asked of the schema registry, and whether messages wait for it; `None` if the pipeline has none.
pub(super) fn line(stats: &Stats, width: usize, theme: Theme) -> Option<Line<'static>> {
    let registry = stats.schema_registry.as_ref()?;
    let mut line = Line::from(Span::styled("schema registry", theme.title()));
    if stats.not_ready.contains_key(REGISTRY) {
        line.push_span(Span::styled("  messages wait", theme.notable()));
    }
    let mut values = vec![
        ("  requests ", format::count(registry.requests)),
        ("  cached ", format::count(registry.cached)),
        ("  missing ", format::count(registry.missing)),
        ("  failures ", format::all_by_name(&registry.failures)),
    ];
    let needed: usize = values
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if line.width() + needed > width {
        values.remove(1); // failures are more important than what needed no request
    }
    for (name, value) in values {
        let room = width.saturating_sub(line.width() + name.len());
        line.spans.extend(named(name, fit(&value, room), theme));
    }
    Some(line)
}
