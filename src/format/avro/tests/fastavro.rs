//! Cross-checks against `fastavro`: see [`CrossChecked`].

use super::shown::check_again;
use super::*;
use crate::format::testing::CrossChecked;

/// Decoder and writer of the schemas that were given last.
struct Pair {
    decoder: Decoder,
    writer: Writer,
    /// Schema, if there is only one.
    only: Option<Arc<AvroSchema>>,
}

impl CrossChecked for Pair {
    const PACKAGE: &str = "fastavro";
    const IMPORT: &str = "import fastavro";
    const REQUIRED: &str = "NERODIA_TEST_FASTAVRO";
    const SCRIPT: &str = "src/format/avro/tests/peer.py";

    fn parse(next: &mut dyn FnMut() -> Vec<u8>) -> Result<Self, String> {
        let parse =
            |text: &[u8]| AvroSchema::parse(str::from_utf8(text).unwrap(), &[]).map(Arc::new);
        let (writer, reader) = (next(), next());
        let writer = parse(&writer)?;
        let reader = if reader.is_empty() {
            None
        } else {
            Some(parse(&reader)?)
        };
        Ok(Self {
            only: reader.is_none().then(|| writer.clone()),
            decoder: Decoder::new(writer.clone(), reader)?,
            writer: Writer::new(writer),
        })
    }

    fn decode(&self, datum: &[u8], encoder: &mut Encoder) -> Result<(), DecodeError> {
        self.decoder.decode(datum, encoder)?;
        if let Some(schema) = &self.only {
            let mut alone = Encoder::new(MAX_DEPTH);
            self.decoder.decode(datum, &mut alone)?;
            with_tree(alone.as_bytes(), |value| check_again(schema, value));
        }
        Ok(())
    }

    fn write(&self, value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.writer.write(value, out)
    }
}

#[test]
fn every_type_is_as_in_fastavro() {
    Pair::check_table();
}

#[test]
fn random_schemas_and_values_are_as_in_fastavro() {
    Pair::check_random();
}
