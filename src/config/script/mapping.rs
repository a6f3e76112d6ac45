//! From places in a script to places in the YAML it was written in.

use crate::config::source::SourceText;
use crate::config::tree::{Scalar, Style};

/// How places in a script relate to places in its source.
#[derive(Debug)]
pub(super) enum Mapping {
    /// The script is the source.
    Same,
    /// A literal block (`|`): lines follow each other, each with an indentation taken off.
    Lines {
        /// The source line of the script's first line.
        first: usize,
        /// What was taken off each line, in characters.
        indents: Vec<usize>,
    },
    /// Anything else: the place of each character, line by line, and the place behind the last.
    Characters(Vec<Vec<(usize, usize)>>),
}

impl Mapping {
    /// The mapping of a scalar that begins at a place (from 1) in a source.
    pub fn of_scalar(source: &SourceText, line: usize, column: usize, scalar: &Scalar) -> Self {
        let (line, column) = behind_properties(source, line, column, scalar.style);
        if scalar.style == Style::Literal
            && let Some(lines) = literal(source, line, &scalar.text)
        {
            return lines;
        }
        Self::Characters(characters(source, line, column, scalar))
    }

    /// The place of a script's line and column, all from 1.
    pub fn position(&self, line: usize, column: usize) -> (usize, usize) {
        match self {
            Self::Same => (line, column),
            Self::Lines { first, indents } => {
                let indent = indents.get(line - 1).copied().unwrap_or_default();
                (first + line - 1, indent + column)
            }
            Self::Characters(lines) => {
                let Some(places) = lines.get(line - 1).or(lines.last()) else {
                    return (1, 1);
                };
                let last = places.len() - 1;
                places[(column - 1).min(last)]
            }
        }
    }
}

/// Steps over an anchor and a tag, which the parser counts as part of a scalar.
fn behind_properties(
    source: &SourceText,
    line: usize,
    column: usize,
    style: Style,
) -> (usize, usize) {
    let text = |line| source.line(line).unwrap_or_default();
    let start: String = text(line).chars().skip(column - 1).collect();
    if !start.starts_with(['&', '!']) {
        return (line, column);
    }
    let opening = match style {
        // Its text begins on the line behind the one with the indicator.
        Style::Literal | Style::Folded => {
            let header = (line..=source.lines()).find(|line| text(*line).contains(['|', '>']));
            return (header.map_or(line, |header| header + 1), 1);
        }
        Style::SingleQuoted => start.find('\''),
        Style::DoubleQuoted => start.find('"'),
        Style::Plain => start
            .split_inclusive(' ')
            .take_while(|word| word.starts_with(['&', '!', ' ']))
            .map(str::len)
            .reduce(|a, b| a + b),
    };
    let skipped = opening.map_or(0, |at| start[..at].chars().count());
    (line, column + skipped)
}

/// The lines of a literal block.
///
/// The parser says where the block's text begins, not which of the blank lines before it are part
/// of it: the script's own blank lines tell.
fn literal(source: &SourceText, line: usize, script: &str) -> Option<Mapping> {
    let blank = script
        .split('\n')
        .take_while(|line| line.is_empty())
        .count();
    // The mark is the first line with text, or the first line of all: try both.
    [line.checked_sub(blank), Some(line)]
        .into_iter()
        .flatten()
        .find_map(|first| {
            let indents = script
                .split('\n')
                .enumerate()
                .map(|(index, text)| {
                    if text.is_empty() {
                        return Some(0);
                    }
                    let written = source.line(first + index)?;
                    let indent = written.strip_suffix(text)?;
                    indent.chars().all(|c| c == ' ').then_some(indent.len())
                })
                .collect::<Option<Vec<_>>>()?;
            Some(Mapping::Lines { first, indents })
        })
}

/// The place of each character, found by walking the script and its source side by side.
///
/// What YAML folds or unfolds is white space alone, so the other characters stand in the same
/// order in both. A space of the script stands behind the character before it.
fn characters(
    source: &SourceText,
    line: usize,
    column: usize,
    scalar: &Scalar,
) -> Vec<Vec<(usize, usize)>> {
    let mut written = Written {
        source,
        line,
        column,
        end: scalar.end,
        style: scalar.style,
    };
    written.skip_opening();
    let mut lines = vec![Vec::new()];
    let mut behind = (written.line, written.column);
    for c in scalar.text.chars() {
        let place = if c.is_whitespace() {
            let place = behind;
            behind.1 += 1;
            place
        } else {
            let place = written.next_visible().unwrap_or(behind);
            behind = (written.line, written.column);
            place
        };
        if let Some(last) = lines.last_mut() {
            last.push(place);
        }
        if c == '\n' {
            lines.push(Vec::new());
        }
    }
    for places in &mut lines {
        // The place behind the last character; a newline is that already.
        let end = places
            .last()
            .map_or(behind, |(line, column)| (*line, column + 1));
        places.push(end);
    }
    lines
}

/// A cursor in the source of a scalar.
struct Written<'a> {
    source: &'a SourceText,
    line: usize,
    column: usize,
    end: (usize, usize),
    style: Style,
}

impl Written<'_> {
    fn skip_opening(&mut self) {
        if matches!(self.style, Style::SingleQuoted | Style::DoubleQuoted) {
            self.column += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.source.line(self.line)?.chars().nth(self.column - 1)
    }

    /// The place of the next character that is no white space in the script either.
    fn next_visible(&mut self) -> Option<(usize, usize)> {
        loop {
            if (self.line, self.column) > (self.end.0, self.end.1 + 1) {
                return None;
            }
            let place = (self.line, self.column);
            let Some(c) = self.peek() else {
                // Behind the line: go on with the next.
                self.source.line(self.line + 1)?;
                (self.line, self.column) = (self.line + 1, 1);
                continue;
            };
            self.column += 1;
            match (self.style, c) {
                (_, c) if c.is_whitespace() => {}
                (Style::SingleQuoted, '\'') => {
                    self.column += 1;
                    return Some(place);
                }
                (Style::DoubleQuoted, '\\') => {
                    if self.escape() {
                        return Some(place);
                    }
                }
                _ => return Some(place),
            }
        }
    }

    /// Steps over an escape; whether it stands for something visible.
    fn escape(&mut self) -> bool {
        let kind = self.peek();
        self.column += 1;
        let digits = match kind {
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            // White space, or a line that goes on.
            Some('n' | 't' | 'r' | 'v' | 'f' | ' ' | '\t' | 'N' | 'L' | 'P' | '_') | None => {
                return false;
            }
            Some(_) => return true,
        };
        let text = self.source.line(self.line).unwrap_or_default();
        let code: String = text.chars().skip(self.column - 1).take(digits).collect();
        self.column += digits;
        u32::from_str_radix(&code, 16)
            .ok()
            .and_then(char::from_u32)
            .is_none_or(|c| !c.is_whitespace())
    }
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
