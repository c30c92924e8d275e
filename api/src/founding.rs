//! How a workspace begins: the tenant and its first people, made by the operator of the machine.

use uuid::Uuid;
use voronka_domain::{
    Currency,
    people::{access::Role, password::weakness},
    workspace::{
        calendar::Week,
        settings::{RAW_EVENT_DAYS, RECORDING_DAYS},
    },
};
use voronka_persistence::{
    Answer, Noun, Store,
    core::enum_names::to_name,
    now,
    people::users::User,
    workspace::workspaces::{self, Workspace},
};

use crate::{
    Failure,
    auth::password::{self, Turn},
};

pub fn new_workspace(name: &str, currency: &str, time_zone: &str) -> Result<Workspace, Failure> {
    let name = voronka_domain::workspace::catalogue::name("/name", name)?;
    let currency = Currency::parse(currency)?;
    let zone: chrono_tz::Tz = time_zone.parse().map_err(|_| "not an IANA time zone")?;
    let created_at = now();
    Ok(Workspace {
        workspace_id: Uuid::now_v7(),
        name,
        currency: currency.code().to_owned(),
        time_zone: zone.name().to_owned(),
        deal_visibility: "by_role".to_owned(),
        version: 1,
        created_at,
        updated_at: created_at,
        country: None,
        require_primary_demand: false,
        working_hours: serde_json::to_value(Week::default())?,
        calendar_version: 1,
        raw_event_days: RAW_EVENT_DAYS,
        recording_days: RECORDING_DAYS,
    })
}

pub fn new_user(
    name: &str,
    email: &str,
    role: Role,
    password: Option<&str>,
) -> Result<User, Failure> {
    use validator::ValidateEmail;
    if !email.validate_email() {
        return Err(format!("{email} is not an email address").into());
    }
    if let Some(detail) = password.and_then(|text| weakness(text, Some(email))) {
        return Err(format!("the password will not do: {detail}").into());
    }
    let created_at = now();
    Ok(User {
        id: Uuid::now_v7(),
        name: name.to_owned(),
        email: Some(email.to_owned()),
        role: to_name(&role),
        position: None,
        department_id: None,
        active: true,
        password_hash: password.map(|text| password::hash(text, &Turn::alone())).transpose()?,
        version: 1,
        created_at,
        updated_at: created_at,
    })
}

/// A workspace with its first administrator, in one transaction.
pub fn create(store: &Store, workspace: Workspace, admin: User) -> Result<(), Failure> {
    let operator = store.operator(&workspace)?;
    store.write(&operator, now(), None, |unit| {
        workspaces::create(unit, &workspace)?;
        User::insert(unit, &admin)?;
        Ok(Answer::default())
    })?;
    Ok(())
}
