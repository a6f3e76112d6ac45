//! Colours. Their meaning is always expressed in words too, so that they can be absent.

use ratatui::style::{Color, Modifier, Style};

/// Colours of the screen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    colour: bool,
}

impl Theme {
    /// Returns the theme for the environment: without colours if `NO_COLOR` is set.
    pub(super) fn of_environment() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: !refused }
    }

    /// Returns the theme without colours.
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self { colour: false }
    }

    fn ink(self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    /// Style of what is in order.
    pub(super) fn good(self) -> Style {
        self.ink(Color::Green).add_modifier(Modifier::BOLD)
    }

    /// Style of what is not in order.
    pub(super) fn bad(self) -> Style {
        self.ink(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Style of what should be noticed.
    pub(super) fn notable(self) -> Style {
        self.ink(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// Style of inputs.
    pub(super) fn input(self) -> Style {
        self.ink(Color::Cyan)
    }

    /// Style of outputs.
    pub(super) fn output(self) -> Style {
        self.ink(Color::Green)
    }

    /// Style of durations.
    pub(super) fn time(self) -> Style {
        self.ink(Color::Magenta)
    }

    /// Returns the style of a guest's state, by its index in `STATES`.
    pub(super) fn state(self, state: usize) -> Style {
        let colours = [Color::Green, Color::Blue, Color::Yellow, Color::Magenta];
        self.ink(colours.get(state).copied().unwrap_or(Color::Reset))
    }

    /// Style of headings, also on a rule, which is dim.
    pub(super) fn title(self) -> Style {
        Style::new()
            .add_modifier(Modifier::BOLD)
            .remove_modifier(Modifier::DIM)
    }

    /// Style of the heading of the list that keys move.
    pub(super) fn focused(self) -> Style {
        self.ink(Color::Cyan)
            .add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
            .remove_modifier(Modifier::DIM)
    }

    /// Style of the names of numbers, and of rules.
    pub(super) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Style of the selected line.
    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
