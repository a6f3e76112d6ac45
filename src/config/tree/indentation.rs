//! Explanations of wrong indentation, of which the parser says only where it could not go on.

use crate::config::source::SourceText;
use crate::config::suggest::alternatives;

/// Wrong indentation: what is wrong, where, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub message: &'static str,
    pub line: usize,
    pub column: usize,
    pub length: usize,
    pub help: String,
}

/// Explains the parser's problem `info` with a line of `source`, if the reason is its indentation.
pub(super) fn explain(source: &SourceText, line: usize, info: &str) -> Option<Wrong> {
    if info.contains("tab") {
        return tab(source, line);
    }
    let of_indentation = ["mapping values are not allowed", "did not find expected"];
    if !of_indentation.iter().any(|one| info.contains(one)) {
        return None;
    }
    let text = source.line(line)?;
    let indent = indent_of(text);
    let levels = levels(source, line);
    let last = *levels.last()?;
    if levels.contains(&indent) {
        return None;
    }
    let message = match indent > last {
        // A key without a value takes what is below it, however deep that is.
        true if opens(source, line) => return None,
        true => "this line is indented deeper than the lines above it",
        false => "this line is not indented like any of the lines above it",
    };
    let levels: Vec<_> = levels.iter().rev().map(usize::to_string).collect();
    let spaces = if indent == 1 { "space" } else { "spaces" };
    Some(Wrong {
        message,
        line,
        column: indent + 1,
        length: 1,
        help: format!(
            "it begins after {indent} {spaces}, and the lines above it after {}; or, if it is a part of the text above \
             it, quote that text",
            alternatives(&levels)
        ),
    })
}

/// Finds the tab in the indentation of a line, or of the one after it: the parser may report where the value before it
/// ends.
fn tab(source: &SourceText, line: usize) -> Option<Wrong> {
    let (line, column) = [line, line + 1].into_iter().find_map(|line| {
        let text = source.line(line)?;
        let indentation = text.len() - text.trim_start().len();
        text[..indentation].find('\t').map(|at| (line, at + 1))
    })?;
    Some(Wrong {
        message: "a tab in the indentation",
        line,
        column,
        length: 1,
        help: "YAML is indented with spaces; replace the tab".into(),
    })
}

/// Returns the indentations at which a line may begin after those above it, from the outermost.
fn levels(source: &SourceText, line: usize) -> Vec<usize> {
    let mut levels: Vec<usize> = Vec::new();
    let mut block = None;
    for text in (1..line).filter_map(|line| source.line(line)) {
        let (indent, written) = (indent_of(text), text.trim());
        if written.is_empty() || written.starts_with('#') || block.is_some_and(|key| indent > key) {
            continue;
        }
        levels.retain(|level| *level <= indent);
        if levels.last() != Some(&indent) {
            levels.push(indent);
        }
        // What follows a dash is a level of its own.
        let mut inner = indent;
        let mut rest = written;
        while let Some(item) = rest.strip_prefix("- ") {
            let item = item.trim_start();
            inner += rest.len() - item.len();
            rest = item;
            if rest.contains(':') {
                levels.push(inner);
            }
        }
        let is_block = rest.ends_with(['|', '>', '-', '+']) && rest.contains([':']);
        let header = rest.rsplit(':').next().unwrap_or_default().trim();
        block = (is_block && header.starts_with(['|', '>'])).then_some(inner);
    }
    levels
}

/// Returns whether the last line above a line ends with a key or a dash, without its value.
fn opens(source: &SourceText, line: usize) -> bool {
    let above = (1..line).rev().filter_map(|line| source.line(line));
    let mut above = above
        .map(str::trim)
        .filter(|text| !text.is_empty() && !text.starts_with('#'));
    above
        .next()
        .is_none_or(|text| text.ends_with(':') || text == "-")
}

fn indent_of(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}
