//! Colours, which may be switched off: everything that they express is also written in words.

use ratatui::style::{Color, Modifier, Style};

/// Styles of text.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    colour: bool,
}

impl Theme {
    /// Creates the theme that the environment asks for: without colour if `NO_COLOR` is set.
    pub fn of_environment() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: !refused }
    }

    /// Creates a theme without colour.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self { colour: false }
    }

    fn ink(self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    /// Style for a good state.
    pub fn good(self) -> Style {
        self.ink(Color::Green).add_modifier(Modifier::BOLD)
    }

    /// Style for a bad state.
    pub fn bad(self) -> Style {
        self.ink(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Style for text that should be noticed.
    pub fn notable(self) -> Style {
        self.ink(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// Style for input.
    pub fn input(self) -> Style {
        self.ink(Color::Cyan)
    }

    /// Style for output.
    pub fn output(self) -> Style {
        self.ink(Color::Green)
    }

    /// Style for times.
    pub fn time(self) -> Style {
        self.ink(Color::Magenta)
    }

    /// Style for a guest's state, given by its index in `STATES`.
    pub fn state(self, state: usize) -> Style {
        let colours = [Color::Green, Color::Blue, Color::Yellow, Color::Magenta];
        self.ink(colours.get(state).copied().unwrap_or(Color::Reset))
    }

    /// Style for headings, also on a dim rule.
    pub fn title(self) -> Style {
        Style::new()
            .add_modifier(Modifier::BOLD)
            .remove_modifier(Modifier::DIM)
    }

    /// Style for the heading of the list that the keys move in.
    pub fn focused(self) -> Style {
        self.ink(Color::Cyan)
            .add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
            .remove_modifier(Modifier::DIM)
    }

    /// Style for names of numbers and for rules.
    pub fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Style for the selected entry.
    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
