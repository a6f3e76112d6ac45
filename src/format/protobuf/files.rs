//! Files of a schema: the one that was given, and those that it imports.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_types::FileDescriptorProto;

use super::known_files;
use super::reduce::reduced;
use crate::format::error::brief;

/// Most bytes of a schema with all that was given for its imports.
pub(super) const MAX_LEN: usize = 1 << 20;

/// File and whether it is one of those that need not be given.
pub(super) struct File {
    pub(super) descriptor: FileDescriptorProto,
    pub(super) is_known: bool,
}

/// Files, of which the first is the schema itself.
pub(super) struct Files {
    pub(super) files: Vec<File>,
    /// Imports that nobody gave. They are no error by themselves: often only options need them.
    pub(super) missing: Vec<String>,
}

impl Files {
    /// Parses the schema and, in turn, what it imports. Each file is parsed once, so imports may form a cycle.
    pub(super) fn load(text: &str, references: &[(&str, &str)]) -> Result<Self, String> {
        let given = references
            .iter()
            .map(|(path, text)| path.len() + text.len());
        if given.sum::<usize>().saturating_add(text.len()) > MAX_LEN {
            return Err(format!("the schema is longer than {MAX_LEN} bytes"));
        }
        let mut loaded = Self {
            files: vec![File {
                descriptor: parse("schema", text)?,
                is_known: false,
            }],
            missing: Vec::new(),
        };
        let mut seen = HashSet::new();
        let mut next = 0;
        while let Some(file) = loaded.files.get(next) {
            let imports = file.descriptor.dependency.clone();
            next += 1;
            for path in imports {
                if seen.insert(path.clone()) {
                    loaded.import(path, references)?;
                }
            }
        }
        Ok(loaded)
    }

    fn import(&mut self, path: String, references: &[(&str, &str)]) -> Result<(), String> {
        let known = known_files::text(&path);
        let given = || references.iter().find(|(name, _)| *name == path);
        // Those of `google/protobuf` have a meaning of their own, so they are always the true ones.
        let (text, is_known) = match known {
            Some(text) if path.starts_with("google/protobuf/") => (text, true),
            _ => match (given(), known) {
                (Some((_, text)), _) => (*text, false),
                (None, Some(text)) => (text, true),
                (None, None) => {
                    self.missing.push(path);
                    return Ok(());
                }
            },
        };
        let descriptor = parse(&path, text)?;
        self.files.push(File {
            descriptor,
            is_known,
        });
        Ok(())
    }
}

/// Parses a .proto source, or a descriptor in Base64.
fn parse(name: &str, text: &str) -> Result<FileDescriptorProto, String> {
    let mut file = match descriptor(text) {
        Some(file) => file.map_err(|error| format!("{}: {error}", brief(name)))?,
        None => source(name, text)?,
    };
    // It may name the place of each word.
    file.source_code_info = None;
    match file.syntax() {
        "" | "proto2" | "proto3" => Ok(file),
        other => Err(format!(
            "{}: the syntax {:?} is not supported: it must be proto2 or proto3",
            brief(name),
            brief(other)
        )),
    }
}

/// Parses a descriptor in Base64, if the text looks like one. No .proto source of any use does: it has spaces.
fn descriptor(text: &str) -> Option<Result<FileDescriptorProto, String>> {
    let text = text.trim();
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_base64) {
        return None;
    }
    let decoded = STANDARD.decode(text).ok()?;
    // prost has a limit of 100 levels.
    let file = caught(|| FileDescriptorProto::decode(&*decoded));
    Some(file.and_then(|file| file.map_err(|error| error.to_string())))
}

fn source(name: &str, text: &str) -> Result<FileDescriptorProto, String> {
    let text = reduced(text).map_err(|error| format!("{}: {error}", brief(name)))?;
    // The parser's recursion is bounded: it refuses more than 31 levels of messages, and nothing else nests.
    caught(|| protox_parse::parse(&brief(name), &text))?.map_err(|error| format!("{error:?}"))
}

/// Runs a parser of others on a text of others. None is known that makes it panic, but it has some 20 `unwrap`.
fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| "the schema cannot be parsed".to_owned())
}
