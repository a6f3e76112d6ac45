//! Cross-checks against Google's packages `protobuf` and `grpcio-tools`: see [`CrossChecked`].

use super::*;
use crate::format::testing::{CrossChecked, with_shown};

/// Schema that was given last, and its message.
struct Message {
    schema: ProtobufSchema,
    id: MessageId,
}

impl CrossChecked for Message {
    const PACKAGE: &str = "protobuf and grpcio-tools";
    const IMPORT: &str = "import google.protobuf.json_format, grpc_tools.protoc";
    const REQUIRED: &str = "NERODIA_TEST_PROTOBUF";
    const SCRIPT: &str = "src/format/protobuf/tests/peer.py";

    fn parse(next: &mut dyn FnMut() -> Vec<u8>) -> Result<Self, String> {
        let (name, text, imported) = (next(), next(), next());
        let [name, text, imported] =
            [&name, &text, &imported].map(|text| str::from_utf8(text).unwrap());
        let schema = ProtobufSchema::parse(text, &[("imported.proto", imported)])?;
        let id = schema.message_named(name).expect("the message");
        Ok(Self { schema, id })
    }

    fn decode(&self, bytes: &[u8], encoder: &mut Encoder) -> Result<(), DecodeError> {
        self.schema.decode(self.id, bytes, encoder)?;
        let mut alone = Encoder::new(MAX_DEPTH);
        self.schema.decode(self.id, bytes, &mut alone)?;
        with_tree(alone.as_bytes(), |value| self.check_again(value));
        Ok(())
    }

    fn write(&self, value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.schema.write(self.id, value, out)
    }
}

impl Message {
    /// Checks that a value which was read is read again from the form in which people see it. (In a `google.protobuf.Value`,
    /// an infinity is seen as a text, and is then one.)
    fn check_again(&self, value: &Value<'_>) {
        let debug = format!("{value:?}");
        let is_finite = ["inf)", "NaN)"].iter().all(|end| !debug.contains(end));
        if !is_finite || self.write(value, &mut Vec::new()).is_err() {
            return;
        }
        let mut out = Vec::new();
        with_shown(value, |shown| self.write(shown, &mut out))
            .unwrap_or_else(|why| panic!("{why} in {value:?}"));
        let mut encoder = Encoder::new(MAX_DEPTH);
        self.schema.decode(self.id, &out, &mut encoder).unwrap();
        with_tree(encoder.as_bytes(), |again| {
            assert_eq!(format!("{again:?}"), debug);
        });
    }
}

#[test]
fn every_type_is_as_in_googles_package() {
    Message::check_table();
}

#[test]
fn random_schemas_and_messages_are_as_in_googles_package() {
    Message::check_random();
}
