//! Schema: its messages by name and by Confluent's indexes.

use super::files::Files;
use super::link::Linker;
use super::plan::{Enum, Message, MessageId};

/// Compiled .proto file with its imports. It is immutable: messages are shared as they are.
#[derive(Debug)]
pub(crate) struct ProtobufSchema {
    messages: Vec<Message>,
    enums: Vec<Enum>,
    /// Length of the schema, which bounds what one message without fields may become.
    pub(super) len: usize,
}

impl ProtobufSchema {
    /// Compiles a .proto source, or a `FileDescriptorProto` in Base64, as a schema registry gives it. The references are
    /// the paths and texts of its imports; those of `google/protobuf`, `google/type` and `confluent/type` are known. What
    /// is imported only for options need not be given.
    ///
    /// # Errors
    ///
    /// If the schema is wrong, not supported (editions) or too large: says what and where.
    pub(crate) fn parse(text: &str, references: &[(&str, &str)]) -> Result<Self, String> {
        let linked = Linker::link(Files::load(text, references)?)?;
        Ok(Self {
            messages: linked.messages,
            enums: linked.enums,
            len: references.iter().map(|(_, text)| text.len()).sum::<usize>() + text.len(),
        })
    }

    /// Returns the message at a path of Confluent's indexes: the place among the messages of the file, then among those
    /// that are nested in it. They count what the .proto source calls `message`: no entries of maps and no groups.
    pub(crate) fn message_at(&self, indexes: &[usize]) -> Option<MessageId> {
        if indexes.is_empty() {
            return None;
        }
        let found = self
            .messages
            .iter()
            .position(|message| message.indexes == indexes);
        found.map(|place| MessageId(place as u32))
    }

    /// Returns the message of a name: the full name, or its last parts if they are those of one message only. Messages of
    /// the schema itself come before those of its imports.
    pub(crate) fn message_named(&self, name: &str) -> Option<MessageId> {
        let name = name.strip_prefix('.').unwrap_or(name);
        let all = || {
            self.messages
                .iter()
                .enumerate()
                .filter(|(_, message)| !message.is_entry)
        };
        let exact = all().find(|(_, message)| *message.name == *name);
        if let Some((place, _)) = exact {
            return Some(MessageId(place as u32));
        }
        let ends = |message: &Message| {
            let rest = message.name.strip_suffix(name);
            !name.is_empty() && rest.is_some_and(|rest| rest.ends_with('.'))
        };
        for is_own in [true, false] {
            let is_candidate = |message: &Message| message.indexes.is_empty() != is_own;
            let mut found = all().filter(|(_, message)| is_candidate(message) && ends(message));
            match (found.next(), found.next()) {
                (Some((place, _)), None) => return Some(MessageId(place as u32)),
                (Some(_), Some(_)) => return None,
                (None, _) => {}
            }
        }
        None
    }

    /// Returns Confluent's indexes of a message. They are empty for a message that the schema imports, which has none.
    pub(crate) fn indexes_of(&self, message: MessageId) -> Vec<usize> {
        self.message(message).indexes.clone()
    }

    /// Returns the full name of a message.
    pub(crate) fn name_of(&self, message: MessageId) -> &str {
        &self.message(message).name
    }

    /// Returns the plan of a message.
    #[inline]
    pub(super) fn message(&self, id: MessageId) -> &Message {
        &self.messages[id.0 as usize]
    }

    /// Returns the plan of an enum.
    #[inline]
    pub(super) fn enumeration(&self, id: u32) -> &Enum {
        &self.enums[id as usize]
    }
}
