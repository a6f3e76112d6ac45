//! Formats of a pipeline, from its config.

use crate::codec::{DatetimeForm, DecimalForm, JsonForm};
use crate::config::{Config, DatetimeText, DecimalText, Format, Numbers, OutputFormat};
use crate::format::{Formats, ReadFormat, Reads, WriteFormat, Writes};

/// Returns the formats that `config` says.
pub(super) fn of(config: &Config) -> Formats {
    let (input, key) = config.input.formats();
    let (output, output_key) = config.output.formats();
    Formats {
        reads: Reads {
            value: read(input.kind),
            key: read(key.kind),
            exact: input.numbers == Numbers::Exact,
        },
        writes: Writes {
            value: write(output.kind, json_form(&output)),
            key: write(output_key.kind, JsonForm::default()),
        },
    }
}

fn read(format: Format) -> ReadFormat {
    match format {
        Format::Auto => ReadFormat::Auto,
        Format::Json => ReadFormat::Json,
        Format::Text => ReadFormat::Text,
        Format::Bytes => ReadFormat::Bytes,
    }
}

fn write(format: Format, form: JsonForm) -> WriteFormat {
    match format {
        Format::Auto => WriteFormat::Auto(form),
        Format::Json => WriteFormat::Json(form),
        Format::Text => WriteFormat::Text,
        Format::Bytes => WriteFormat::Bytes,
    }
}

fn json_form(format: &OutputFormat) -> JsonForm {
    JsonForm {
        decimal: format.decimal.map(|decimal| match decimal {
            DecimalText::String => DecimalForm::String,
            DecimalText::Number => DecimalForm::Number,
        }),
        datetime: format.datetime.map(|datetime| match datetime {
            DatetimeText::Iso => DatetimeForm::Iso,
            DatetimeText::Millis => DatetimeForm::Millis,
        }),
        // A UUID has one form only, so it is enough that the config says what other types become.
        uuid: format.decimal.is_some() || format.datetime.is_some(),
    }
}
