//! Texts that a user wrote, and places in them.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::secrets;

/// Text with the name by which its user knows it: a config file, a script file, a `--set` argument.
///
/// Everything that points into the text shares it. So a problem that is found long after loading, such as a script that
/// does not compile, can still show its line.
pub(crate) struct SourceText {
    name: String,
    text: String,
    kind: Kind,
    /// Byte offset at which each line begins.
    line_starts: Vec<usize>,
    /// Text as messages show it: each hidden character of a secret is a star.
    shown: OnceLock<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    /// Text that is one script: that of `eval`, or the value of a `--set`.
    Script,
    /// Command line argument. It is short and on the screen, so its name alone is shown as the place.
    Argument,
}

impl SourceText {
    /// Creates the text of a file, or of something that has lines like a file, such as standard input.
    pub(crate) fn file(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Self::new(name.into(), text.into(), Kind::File)
    }

    /// Creates a text that is a script and nothing else.
    pub(super) fn script(name: impl Into<String>, text: &str) -> Arc<Self> {
        Self::new(name.into(), text.into(), Kind::Script)
    }

    /// Creates the text of a command line argument's value. Its name is the option and the first line of `argument`,
    /// with secrets hidden.
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
        // A byte order mark does not count as a column of the first line.
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

    /// Returns the name shown to the user: the path as given, `<stdin>`, `<eval>`, `--set a.b=c`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the whole text as messages show it, with stars in the place of secrets.
    pub(super) fn shown(&self) -> &str {
        self.shown.get_or_init(|| match self.kind {
            // Secrets do not belong in code, and code is full of text that looks like a secret.
            Kind::Script => self.text.clone(),
            Kind::File | Kind::Argument => secrets::hidden_by_line(&self.text),
        })
    }

    /// Sets the text that messages show, unless it is already set.
    pub(super) fn show(&self, shown: String) {
        self.shown.get_or_init(|| shown);
    }

    /// Returns a line, counted from 1, without its line ending.
    pub(crate) fn line(&self, number: usize) -> Option<&str> {
        let start = *self.line_starts.get(number.checked_sub(1)?)?;
        Some(&self.text[start..self.line_end(start)])
    }

    /// Returns the number of lines. A text that ends with a newline has one more, empty line after it.
    pub(crate) fn lines(&self) -> usize {
        self.line_starts.len()
    }

    /// Returns a place in this text. `line` and `column` count from 1, `length` is in characters.
    ///
    /// A place on the empty line after a final newline becomes the end of the line before it, because a reader sees the
    /// file end there.
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

    /// Returns the place of a byte offset.
    pub(crate) fn location_at(self: &Arc<Self>, offset: usize) -> Location {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        let column = self.text[start..offset].chars().count() + 1;
        self.location(line, column, 1)
    }

    /// Returns whether the name of the text alone is shown as the place.
    pub(super) fn is_argument(&self) -> bool {
        self.kind == Kind::Argument
    }

    /// Returns whether the whole text is one script.
    pub(super) fn is_script(&self) -> bool {
        self.kind == Kind::Script
    }

    /// Returns the byte offset of a line and column. Beyond the end of the line or the text, it returns that end.
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

    /// Returns the byte offset of the end of the line that contains `offset`.
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

/// Place in a text.
#[derive(Clone)]
pub(crate) struct Location {
    source: Arc<SourceText>,
    line: usize,
    column: usize,
    length: usize,
}

impl Location {
    /// Returns the text that contains the place.
    pub(crate) fn source(&self) -> &Arc<SourceText> {
        &self.source
    }

    /// Returns the name of the text: a path, `<stdin>`, `<eval>`, `--set a.b=c`.
    pub(crate) fn file(&self) -> &str {
        self.source.name()
    }

    /// Returns the line, counted from 1.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// Returns the column, counted in characters from 1.
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// Returns the range of bytes to underline. It never goes beyond the line.
    pub(super) fn range(&self) -> Range<usize> {
        let start = self.source.offset(self.line, self.column);
        let end = self.source.offset(self.line, self.column + self.length);
        start..end
    }

    /// Returns the range of bytes to underline in the text as messages show it.
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

    /// Returns whether the place begins with a hidden character, so with a secret.
    pub(super) fn is_hidden(&self) -> bool {
        let first = |text: &str, at: usize| text[at..].chars().next();
        first(self.source.text(), self.range().start)
            != first(self.source.shown(), self.range_shown().start)
    }
}

/// Writes `file:line:column`, which editors and CI understand, or only the name of a command line argument.
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
