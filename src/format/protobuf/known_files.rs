//! Files that every schema may import without a reference, as with Confluent's registry.

/// Returns the text of a known file.
pub(super) fn text(path: &str) -> Option<&'static str> {
    let found = FILES.iter().find(|(known, _)| *known == path);
    found.map(|(_, text)| *text)
}

const FILES: &[(&str, &str)] = &[
    (
        "google/protobuf/any.proto",
        include_str!("known_files/any.proto"),
    ),
    (
        "google/protobuf/api.proto",
        include_str!("known_files/api.proto"),
    ),
    (
        "google/protobuf/descriptor.proto",
        include_str!("known_files/descriptor.proto"),
    ),
    (
        "google/protobuf/duration.proto",
        include_str!("known_files/duration.proto"),
    ),
    (
        "google/protobuf/empty.proto",
        include_str!("known_files/empty.proto"),
    ),
    (
        "google/protobuf/field_mask.proto",
        include_str!("known_files/field_mask.proto"),
    ),
    (
        "google/protobuf/source_context.proto",
        include_str!("known_files/source_context.proto"),
    ),
    (
        "google/protobuf/struct.proto",
        include_str!("known_files/struct.proto"),
    ),
    (
        "google/protobuf/timestamp.proto",
        include_str!("known_files/timestamp.proto"),
    ),
    (
        "google/protobuf/type.proto",
        include_str!("known_files/type.proto"),
    ),
    (
        "google/protobuf/wrappers.proto",
        include_str!("known_files/wrappers.proto"),
    ),
    (
        "google/type/calendar_period.proto",
        include_str!("known_files/type_calendar_period.proto"),
    ),
    (
        "google/type/color.proto",
        include_str!("known_files/type_color.proto"),
    ),
    (
        "google/type/date.proto",
        include_str!("known_files/type_date.proto"),
    ),
    (
        "google/type/datetime.proto",
        include_str!("known_files/type_datetime.proto"),
    ),
    (
        "google/type/dayofweek.proto",
        include_str!("known_files/type_dayofweek.proto"),
    ),
    (
        "google/type/decimal.proto",
        include_str!("known_files/type_decimal.proto"),
    ),
    (
        "google/type/expr.proto",
        include_str!("known_files/type_expr.proto"),
    ),
    (
        "google/type/fraction.proto",
        include_str!("known_files/type_fraction.proto"),
    ),
    (
        "google/type/interval.proto",
        include_str!("known_files/type_interval.proto"),
    ),
    (
        "google/type/latlng.proto",
        include_str!("known_files/type_latlng.proto"),
    ),
    (
        "google/type/localized_text.proto",
        include_str!("known_files/type_localized_text.proto"),
    ),
    (
        "google/type/money.proto",
        include_str!("known_files/type_money.proto"),
    ),
    (
        "google/type/month.proto",
        include_str!("known_files/type_month.proto"),
    ),
    (
        "google/type/phone_number.proto",
        include_str!("known_files/type_phone_number.proto"),
    ),
    (
        "google/type/postal_address.proto",
        include_str!("known_files/type_postal_address.proto"),
    ),
    (
        "google/type/quaternion.proto",
        include_str!("known_files/type_quaternion.proto"),
    ),
    (
        "google/type/timeofday.proto",
        include_str!("known_files/type_timeofday.proto"),
    ),
    (
        "confluent/type/decimal.proto",
        include_str!("known_files/confluent_decimal.proto"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::protobuf::ProtobufSchema;

    #[test]
    fn all_known_files_are_sound() {
        for (path, _) in FILES {
            let text = format!("syntax = \"proto3\"; import \"{path}\"; message A {{}}");
            let schema = ProtobufSchema::parse(&text, &[]);
            assert!(schema.is_ok(), "{path}: {:?}", schema.err());
        }
        assert!(text("google/protobuf/none.proto").is_none());
    }
}
