//! Problems in what a user wrote, shown in rustc's form: the message, the place with its line, and what to do.

use std::fmt;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::source::Location;

/// Whether a problem keeps the pipeline from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The pipeline cannot run.
    Error,
    /// The pipeline runs, but perhaps not as it was meant.
    Warning,
}

/// Problem with its place and what to do about it.
#[derive(Clone, Debug)]
pub(crate) struct Diagnostic {
    /// Severity of the problem.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// More about what is wrong, in lines of its own.
    pub note: Option<Box<str>>,
    /// What to do about the problem.
    pub help: Option<Box<str>>,
    /// Place of the problem; `None` for problems with the file as a whole.
    pub location: Option<Location>,
    /// Other places that belong to the problem, each with a label.
    pub related: Vec<(Location, String)>,
}

impl Diagnostic {
    /// Creates a problem that keeps the pipeline from running.
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message.into())
    }

    /// Creates a problem that does not keep the pipeline from running.
    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message.into())
    }

    fn new(severity: Severity, message: String) -> Self {
        Self {
            severity,
            message,
            note: None,
            help: None,
            location: None,
            related: Vec::new(),
        }
    }

    /// Sets the place of the problem.
    #[must_use]
    pub(crate) fn at(mut self, location: impl Into<Option<Location>>) -> Self {
        self.location = location.into();
        self
    }

    /// Sets what to do about the problem.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into().into_boxed_str());
        self
    }

    /// Adds another place, with its label.
    #[must_use]
    pub(crate) fn related(mut self, location: Location, label: impl Into<String>) -> Self {
        self.related.push((location, label.into()));
        self
    }

    /// Returns the text to print, without a final newline. `colour` is for terminals.
    pub(crate) fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&self.message));
        let main = self.location.iter();
        let main = main.map(|at| (at, AnnotationKind::Primary, None));
        let related = self.related.iter();
        let related = related.map(|(at, what)| (at, AnnotationKind::Context, Some(what.as_str())));
        let mut places: Vec<Place<'_>> = main.chain(related).collect();
        while let Some((first, ..)) = places.first() {
            // Places in the same text are shown together.
            let source = Arc::clone(first.source());
            let beside = |(at, ..): &Place<'_>| Arc::ptr_eq(at.source(), &source);
            let (here, elsewhere) = places.into_iter().partition(beside);
            group = snippet(group, here);
            places = elsewhere;
        }
        if let Some(note) = &self.note {
            group = group.element(Level::NOTE.message(&**note));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(&**help));
        }
        let renderer = match colour {
            true => Renderer::styled(),
            false => Renderer::plain(),
        };
        renderer.render(&[group])
    }
}

/// Place to show, how it is marked, and its label.
type Place<'a> = (&'a Location, AnnotationKind, Option<&'a str>);

/// Adds places in one text to a group.
fn snippet<'a>(group: Group<'a>, places: Vec<Place<'a>>) -> Group<'a> {
    let source = places[0].0.source();
    if source.is_argument() {
        return group.element(Origin::path(source.name()));
    }
    let places = places.into_iter();
    let annotations = places.map(|(at, kind, label)| kind.span(at.range_shown()).label(label));
    let snippet = Snippet::source(source.shown()).path(source.name());
    group.element(snippet.annotations(annotations))
}

/// Writes what [`Diagnostic::render`] returns without colour.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// Problems that were found together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds a problem.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Returns whether one of the problems keeps the pipeline from running.
    pub(crate) fn has_errors(&self) -> bool {
        self.iter().any(|one| one.severity == Severity::Error)
    }

    /// Returns the text to print, with an empty line between problems and without a final newline.
    pub(crate) fn render(&self, colour: bool) -> String {
        let texts: Vec<_> = self.iter().map(|one| one.render(colour)).collect();
        texts.join("\n\n")
    }

    /// Replaces the message and the help of each problem from index `first` on.
    pub(super) fn rewrite(&mut self, first: usize, text: &dyn Fn(&str) -> String) {
        for one in self.0.iter_mut().skip(first) {
            one.message = text(&one.message);
            one.help = one.help.as_deref().map(|help| text(help).into());
        }
    }

    /// Returns only the problems that keep the pipeline from running.
    pub(super) fn into_errors(mut self) -> Self {
        self.0.retain(|one| one.severity == Severity::Error);
        self
    }

    /// Sorts the problems by their places, so that they can be read along with the file.
    pub(super) fn sort(&mut self) {
        self.0.sort_by(|a, b| key(a).cmp(&key(b)));

        fn key(one: &Diagnostic) -> (bool, &str, usize, usize) {
            one.location.as_ref().map_or((false, "", 0, 0), |at| {
                (at.source().is_argument(), at.file(), at.line(), at.column())
            })
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Self(vec![one])
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, iter: T) {
        self.0.extend(iter);
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Gives the problems as a slice, in their current order.
impl std::ops::Deref for Diagnostics {
    type Target = [Diagnostic];

    fn deref(&self) -> &[Diagnostic] {
        &self.0
    }
}
