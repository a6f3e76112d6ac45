//! Any text as a config: it is loaded or refused, and each problem, each script and each import has a place in it.

use crate::config::{Config, Diagnostic, Loaded, Location, Source};

pub fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let source = Source::Inline {
        name: "fuzz.yaml".into(),
        text: text.into(),
    };
    let env = |name: &str| match name {
        "EMPTY" => Some(String::new()),
        "SET" => Some("${SET} \" ' : é\n- 1".into()),
        _ => None,
    };
    match Config::load(source, &[], &env) {
        Ok(loaded) => within(&loaded),
        Err(problems) => {
            assert!(!problems.is_empty());
            problems.iter().for_each(shown);
        }
    }
}

fn within(loaded: &Loaded) {
    loaded.warnings.iter().for_each(shown);
    for stage in &loaded.config.pipeline.stages {
        // In a long script only some places are checked, because each check searches the whole text.
        let step = 1 + stage.script.len() / 256;
        // Also the place after the last line, where Python sees the end.
        for (line, text) in (1..).zip(stage.script.lines().chain([""])) {
            for column in (1..=text.chars().count() + 1).step_by(step) {
                on_a_line(&stage.origin.position(line, column));
            }
        }
        stage
            .imports
            .iter()
            .for_each(|module| place(&stage.import_position(module)));
    }
}

fn shown(problem: &Diagnostic) {
    if let Some(location) = &problem.location {
        place(location);
    }
    problem.related.iter().for_each(|(other, _)| place(other));
    for colour in [false, true] {
        let text = problem.render(colour);
        assert!(!text.is_empty());
    }
}

/// Checks that a place is in the text: on an existing line, at most one character after the line's last one.
fn place(location: &Location) {
    let columns = on_a_line(location).chars().count() + 1;
    assert!(
        (1..=columns).contains(&location.column()),
        "{location} of {:?}",
        location.source().text()
    );
}

/// Checks only the line. For a script in folded or quoted YAML no more is promised: its columns may be slightly wrong.
fn on_a_line(location: &Location) -> &str {
    let line = location.source().line(location.line());
    line.unwrap_or_else(|| panic!("{location} of {:?}", location.source().text()))
}
