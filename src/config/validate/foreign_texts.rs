//! Check for Bloblang in texts: Bento replaces `${!…}` for each message, and here it would be written out unchanged.

use super::Check;
use crate::config::model::Config;
use crate::config::source::Location;
use crate::config::tree::{Data, FieldPath, Node};

/// Sections and fields in which the text may be anything: scripts, and what tests give and expect.
const ANY_TEXT: [&str; 4] = ["script", "setup", "tests", "buffer"];

/// Refuses Bloblang in every field, unless a problem with the field was reported already.
pub(super) fn bloblang(check: &mut Check<'_>, _: &Config) {
    let mut found = Vec::new();
    if let Data::Map(entries) = &check.root.data {
        for entry in entries {
            visit(&entry.value, &FieldPath::of(&entry.key), &mut found);
        }
    }
    let place = |at: &Location| (at.line(), at.column());
    for (at, node) in found {
        let mut told = check
            .problems
            .iter()
            .filter_map(|one| one.location.as_ref());
        if !told.any(|one| place(one) == place(&node.at)) {
            let message = format!("`{at}` is Bloblang, which this engine does not run");
            let help = "write the text itself; what depends on a message belongs in the script, as `meta[\"topic\"]` and `meta[\"key\"]`";
            check.error(&at, message, help);
        }
    }
}

fn visit<'a>(node: &'a Node, at: &FieldPath, found: &mut Vec<(FieldPath, &'a Node)>) {
    if ANY_TEXT.contains(&at.last()) {
        return;
    }
    match &node.data {
        Data::Scalar(scalar) if !scalar.secret && scalar.text.contains("${!") => {
            found.push((at.clone(), node));
        }
        Data::Scalar(_) => {}
        Data::List(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(item, &at.item(index), found);
            }
        }
        Data::Map(entries) => {
            for entry in entries {
                visit(&entry.value, &at.field(&entry.key), found);
            }
        }
    }
}
