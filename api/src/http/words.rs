//! Enums of the domain in the specification: each is a component with the words that are read and written.

use std::borrow::Cow;

use strum::VariantNames;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema, Type,
        schema::{AnyOfBuilder, ArrayBuilder},
    },
};
use voronka_domain::{
    clients, deals, import, people, process,
    work::{activity, document, hand_over, task},
    workspace,
};

fn schema(words: &[&str]) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())).into()
}

/// A value of a field, of whatever type the field is.
pub fn any_value() -> Schema {
    let of = |kind| ObjectBuilder::new().schema_type(kind);
    let any = AnyOfBuilder::new()
        .item(of(Type::String))
        .item(of(Type::Number))
        .item(of(Type::Boolean))
        .item(ArrayBuilder::new().items(of(Type::String)))
        .item(of(Type::Null))
        .examples(["hot"])
        .build();
    Schema::AnyOf(any)
}

macro_rules! objects {
    ($($(#[doc = $says:literal])+ $name:ident;)+) => {$(
        $(#[doc = $says])+
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let says = [$($says.trim()),+].join(" ");
                ObjectBuilder::new().schema_type(Type::Object).description(Some(says)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

objects! {
    /// A condition over a deal and its client: a test of a field, or several under `all`, `any` or `not`.
    Condition;
    /// Values of custom fields, by their keys.
    CustomValues;
    /// Who or what did something: `kind` with an `id` where there is one.
    Actor;
}

macro_rules! words {
    ($($name:ident $words:expr;)+) => {$(
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                schema($words)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

words! {
    ClientKind clients::ClientKind::VARIANTS;
    ClientType clients::ClientType::VARIANTS;
    Initiator clients::Initiator::VARIANTS;
    LeadTemperature clients::LeadTemperature::VARIANTS;
    MergeSide clients::merge::Whose::VARIANTS;
    Role people::access::Role::VARIANTS;
    Assignment people::assignment::Assignment::VARIANTS;
    DealStatus deals::deal::Status::VARIANTS;
    DealTypeMode process::Mode::VARIANTS;
    EntityKind workspace::custom_field::Entity::VARIANTS;
    CustomFieldType workspace::custom_field::FieldType::VARIANTS;
    DealVisibility workspace::settings::DealVisibility::VARIANTS;
    TaskStatus task::TaskStatus::VARIANTS;
    TaskKind task::TaskKind::VARIANTS;
    TaskPriority task::Priority::VARIANTS;
    ActivityKind activity::ActivityKind::VARIANTS;
    ActivityOutcome activity::Outcome::VARIANTS;
    DocumentKind document::DocumentKind::VARIANTS;
    DocumentState document::DocumentState::VARIANTS;
    HandOverReason hand_over::Reason::VARIANTS;
    HandedOver hand_over::HandedOver::VARIANTS;
    CallStatus activity::CallStatus::VARIANTS;
    FileObjectKind voronka_domain::files::ObjectKind::VARIANTS;
    InboxStatus voronka_domain::intake::inbox::InboxStatus::VARIANTS;
    Recordings voronka_domain::intake::recording::Recordings::VARIANTS;
    RecordingState voronka_domain::intake::recording::Heard::VARIANTS;
    CallDirection voronka_domain::intake::call::Direction::VARIANTS;
    Adapter &crate::telephony::ADAPTERS.iter().map(|adapter| adapter.name()).collect::<Vec<_>>();
    RawEventState &["waiting", "done", "failed"];
    ImportKind import::ImportKind::VARIANTS;
    Scope &people::access::Permission::ALL.iter().map(|one| one.scope()).collect::<Vec<_>>();
}
