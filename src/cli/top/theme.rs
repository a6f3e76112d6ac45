//! Colours, and their absence: what they say is always said in words too.

use ratatui::style::{Color, Modifier, Style};

/// How things look.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    colour: bool,
}

impl Theme {
    /// As the environment asks: no colour with `NO_COLOR`.
    pub fn of_environment() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: !refused }
    }

    /// Without colour.
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

    /// What is well.
    pub fn good(self) -> Style {
        self.ink(Color::Green).add_modifier(Modifier::BOLD)
    }

    /// What is not well.
    pub fn bad(self) -> Style {
        self.ink(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// What should be noticed.
    pub fn notable(self) -> Style {
        self.ink(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// What comes in.
    pub fn input(self) -> Style {
        self.ink(Color::Cyan)
    }

    /// What goes out.
    pub fn output(self) -> Style {
        self.ink(Color::Green)
    }

    /// How long things take.
    pub fn time(self) -> Style {
        self.ink(Color::Magenta)
    }

    /// A guest's state, by its place in `STATES`.
    pub fn state(self, state: usize) -> Style {
        let colours = [Color::Green, Color::Blue, Color::Yellow, Color::Magenta];
        self.ink(colours.get(state).copied().unwrap_or(Color::Reset))
    }

    /// Headings, also on a rule, which is dim.
    pub fn title(self) -> Style {
        Style::new()
            .add_modifier(Modifier::BOLD)
            .remove_modifier(Modifier::DIM)
    }

    /// A heading whose list the keys move.
    pub fn focused(self) -> Style {
        self.ink(Color::Cyan)
            .add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
            .remove_modifier(Modifier::DIM)
    }

    /// Names of numbers, rules.
    pub fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// What the keys are at.
    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
