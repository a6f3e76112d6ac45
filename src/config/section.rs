//! Declaration of a config section: the manual, the type and the default of each field in one place.

/// Declares sections of which every field may be left out. A field without a default here has the default of its type.
///
/// The struct after `+` has the fields that Bento has and the section has not. They are in the schema, and a config may
/// contain them. They have no effect unless they are marked as aliases.
macro_rules! section {
    ($(
        $(#[$of:meta])*
        $vis:vis struct $name:ident { $($(#[$meta:meta])* $field:ident: $type:ty $(= $default:expr)?,)* }
        $(+ $bento:ident { $($(#[$of_its:meta])* $its:ident: $kind:ty,)* })?
    )*) => { $(
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        $(#[$of])*
        #[serde(default)]
        $(#[schemars(transform = crate::config::schema::bento::<$bento>)])?
        $vis struct $name { $($(#[$meta])* pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $crate::config::section::default_of!($($default)?),)* }
            }
        }

        $(
            #[derive(schemars::JsonSchema)]
            #[expect(dead_code, reason = "of these fields there is only the schema")]
            struct $bento { $($(#[$of_its])* $its: $kind,)* }
        )?
    )* };
}

macro_rules! default_of {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

pub(super) use default_of;
pub(super) use section;
