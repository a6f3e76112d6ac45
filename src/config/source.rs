//! Texts that a user wrote, and places in them.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::secrets;

/// A text with the name its user knows it by: a config file, a script file, a `--set` argument.
///
/// Shared by everything that points into it, so that a problem found long after loading (a script
/// that does not compile, say) can still show the line it is on.
pub(crate) struct SourceText {
    name: String,
    text: String,
    kind: Kind,
    /// Byte offset at which each line begins.
    line_starts: Vec<usize>,
    /// The text with its secrets hidden, character for character.
    shown: OnceLock<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    /// The whole text is one script: `eval`'s, or that of a `--set`.
    Script,
    /// A command line argument: it is short and on screen, so its name alone is its place.
    Argument,
}

impl SourceText {
    /// The text of a file, or of something with lines like one (standard input, `<eval>`).
    pub(crate) fn file(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Self::new(name.into(), text.into(), Kind::File)
    }

    /// A text that is a script and nothing else.
    pub(super) fn script(name: impl Into<String>, text: &str) -> Arc<Self> {
        Self::new(name.into(), text.into(), Kind::Script)
    }

    /// The value of a command line argument, which is told by its name: all of it, as typed.
    pub(super) fn argument(option: &str, argument: &str, value: &str) -> Arc<Self> {
        let argument = secrets::hidden_by_line(argument);
        let line = argument.lines().next().unwrap_or_default();
        let cut = if line.len() < argument.len() {
            "…"
        } else {
            ""
        };
        Self::new(
            format!("{option} {line}{cut}"),
            value.into(),
            Kind::Argument,
        )
    }

    fn new(name: String, mut text: String, kind: Kind) -> Arc<Self> {
        // A byte order mark is no column of the first line.
        if text.starts_with('\u{feff}') {
            text.remove(0);
        }
        // A carriage return alone ends a line too, as in YAML and Python.
        let bytes = text.as_bytes();
        let ends_line = |&at: &usize| match bytes[at] {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        let ends = (0..bytes.len()).filter(ends_line).map(|at| at + 1);
        let line_starts = std::iter::once(0).chain(ends).collect();
        Arc::new(Self {
            name,
            text,
            kind,
            line_starts,
            shown: OnceLock::new(),
        })
    }

    /// The name shown to the user: the path as given, `<stdin>`, `<eval>`, `--set a.b=c`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The whole text as messages show it: with stars in the place of secrets.
    pub(super) fn shown(&self) -> &str {
        self.shown.get_or_init(|| match self.kind {
            // Code is no place for them, and full of what looks like one.
            Kind::Script => self.text.clone(),
            Kind::File | Kind::Argument => secrets::hidden_by_line(&self.text),
        })
    }

    /// Says how messages are to show it, unless that was said before.
    pub(super) fn show(&self, shown: String) {
        self.shown.get_or_init(|| shown);
    }

    /// A line, counted from 1, without its line ending.
    pub(crate) fn line(&self, number: usize) -> Option<&str> {
        let start = *self.line_starts.get(number.checked_sub(1)?)?;
        Some(&self.text[start..self.line_end(start)])
    }

    /// How many lines there are; a text that ends with a newline counts the empty one behind it.
    pub(crate) fn lines(&self) -> usize {
        self.line_starts.len()
    }

    /// A place in this text; `line` and `column` count from 1, `length` is in characters.
    ///
    /// The empty line behind a final newline is the end of the line before: it is where a reader
    /// of the file sees it end.
    pub(crate) fn location(
        self: &Arc<Self>,
        line: usize,
        column: usize,
        length: usize,
    ) -> Location {
        let behind = line > 1 && line >= self.lines() && self.line(line).is_none_or(str::is_empty);
        let after_newline = self.lines() > 1 && self.line(self.lines()).is_none_or(str::is_empty);
        let last = self.lines() - usize::from(after_newline);
        let (line, column) = match self.line(last) {
            Some(text) if behind => (last, text.chars().count() + 1),
            _ => (line, column),
        };
        Location {
            source: Arc::clone(self),
            line,
            column,
            length,
        }
    }

    /// The place of a byte offset.
    pub(crate) fn location_at(self: &Arc<Self>, offset: usize) -> Location {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        let column = self.text[start..offset].chars().count() + 1;
        self.location(line, column, 1)
    }

    /// Whether places in it are told by its name alone.
    pub(super) fn is_argument(&self) -> bool {
        self.kind == Kind::Argument
    }

    /// Whether all of it is one script.
    pub(super) fn is_script(&self) -> bool {
        self.kind == Kind::Script
    }

    /// The byte offset of a line and column; beyond the end of the line, that end.
    pub(super) fn offset(&self, line: usize, column: usize) -> usize {
        let Some(text) = self.line(line) else {
            return self.text.len();
        };
        let within = text
            .char_indices()
            .nth(column.saturating_sub(1))
            .map_or(text.len(), |(at, _)| at);
        self.line_starts[line - 1] + within
    }

    /// The byte offset at which the line ends that `offset` is in.
    pub(super) fn line_end(&self, offset: usize) -> usize {
        let rest = &self.text[offset..];
        offset + rest.find(['\n', '\r']).unwrap_or(rest.len())
    }
}

impl fmt::Debug for SourceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SourceText").field(&self.name).finish()
    }
}

/// A place in a text.
#[derive(Clone)]
pub(crate) struct Location {
    source: Arc<SourceText>,
    line: usize,
    column: usize,
    length: usize,
}

impl Location {
    /// The text this is a place in.
    pub(crate) fn source(&self) -> &Arc<SourceText> {
        &self.source
    }

    /// The name of the text: a path, `<stdin>`, `<eval>`, `--set a.b=c`.
    pub(crate) fn file(&self) -> &str {
        self.source.name()
    }

    /// The line, counted from 1.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// The column, counted in characters from 1.
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// The bytes to underline, which never go beyond the line.
    pub(super) fn range(&self) -> Range<usize> {
        let start = self.source.offset(self.line, self.column);
        let end = self.source.offset(self.line, self.column + self.length);
        start..end
    }

    /// The same bytes in the text as it is shown.
    pub(super) fn range_shown(&self) -> Range<usize> {
        let (text, shown) = (self.source.text(), self.source.shown());
        let moved = |offset: usize| {
            let characters = text[..offset].chars().count();
            let found = shown.char_indices().nth(characters);
            found.map_or(shown.len(), |(at, _)| at)
        };
        let Range { start, end } = self.range();
        moved(start)..moved(end)
    }

    /// Whether there is a secret at its beginning.
    pub(super) fn is_hidden(&self) -> bool {
        let first = |text: &str, at: usize| text[at..].chars().next();
        first(self.source.text(), self.range().start)
            != first(self.source.shown(), self.range_shown().start)
    }
}

/// `file:line:column`, as editors and CI understand it.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source.is_argument() {
            return f.write_str(self.file());
        }
        write!(f, "{}:{}:{}", self.file(), self.line, self.column)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_lose_their_ending() {
        let source = SourceText::file("a.yaml", "\u{feff}é: 1\r\nb: 2\rc: 3");
        assert_eq!(source.line(1), Some("é: 1"));
        assert_eq!(source.line(2), Some("b: 2"));
        assert_eq!(source.line(3), Some("c: 3"));
        assert_eq!(source.line(4), None);
        let second = source.location_at(source.text().find('b').unwrap());
        assert_eq!(second.to_string(), "a.yaml:2:1");
        assert_eq!(&source.text()[source.location(1, 4, 9).range()], "1");
    }

    #[test]
    fn places_beyond_the_end_are_the_end() {
        let source = SourceText::file("a.yaml", "ab\n");
        assert_eq!(source.location(9, 9, 1).range(), 2..2);
        assert_eq!(source.location(2, 1, 1).to_string(), "a.yaml:1:3");
        assert_eq!(source.location(1, 9, 1).range(), 2..2);
        let without_newline = |text: &str, line| {
            SourceText::file("a.yaml", text)
                .location(line, 1, 1)
                .to_string()
        };
        assert_eq!(without_newline("ab", 2), "a.yaml:1:3");
        assert_eq!(without_newline("ab\ncd", 3), "a.yaml:2:3");
    }
}
