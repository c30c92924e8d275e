//! Rows that are a user each.

use std::collections::{BTreeSet, HashMap};

use diesel::{RunQueryDsl, SelectableHelper};
use uuid::Uuid;
use voronka_domain::{
    import::{Outcome, Rejection, Row, UserRow},
    people::access::{LAST_ADMIN, Role, is_last_admin},
};

use super::{Read, Tally, parted};
use crate::{
    Result, Unit,
    core::{enum_names::to_name, noun::Noun},
    import::names::{Names, Wanted},
    people::users::{self, User},
};

/// The users that a batch is about, by email in lower case.
struct Known {
    places: HashMap<String, usize>,
    /// As they were, and as they are after the rows so far.
    users: Vec<(Option<User>, User)>,
    /// Active administrators after the rows so far; only known once one is to step down.
    admins: BTreeSet<Uuid>,
}

pub fn take(
    unit: &mut Unit<'_>,
    names: &mut Names,
    rows: &[Read],
    tally: &mut Tally,
) -> Result<()> {
    let rows = tally.sift(rows, |row| match row {
        Row::User(row) => Some(row),
        _ => None,
    });
    let mut wanted = Wanted::default();
    rows.iter().for_each(|(row, _)| wanted.user(row));
    names.refresh();
    names.resolve(unit, &wanted, false)?;
    let mut known = Known::load(unit, rows.iter().map(|(row, _)| *row))?;
    for (row, cells) in rows {
        let department = names.department(row);
        match department.and_then(|department| known.take(unit, row, department)) {
            Ok(outcome) => tally.count(outcome),
            Err(faults) => tally.reject(&faults, cells),
        }
    }
    let (fresh, changed) = parted(known.users);
    User::insert_all(unit, fresh)?;
    User::save_all(unit, changed)
}

impl Known {
    fn load<'r>(unit: &mut Unit<'_>, rows: impl Iterator<Item = &'r UserRow>) -> Result<Self> {
        let admins = users::admins(unit)?;
        let there: Vec<User> = unit
            .tenant
            .rows(User::as_select(), "users")
            .sql(" AND lower(email) IN (SELECT lower(wanted) FROM unnest(")
            .bind(rows.map(|row| row.email.clone()).collect::<Vec<_>>())
            .sql(") AS wanted) ORDER BY id FOR NO KEY UPDATE")
            .load(unit.tenant.conn)?;
        let mut known = Self {
            places: HashMap::new(),
            users: Vec::new(),
            admins: admins.into_iter().collect(),
        };
        there.into_iter().for_each(|user| known.add(Some(user.clone()), user));
        Ok(known)
    }

    fn add(&mut self, before: Option<User>, user: User) {
        let email = user.email.as_deref().unwrap_or_default().to_lowercase();
        self.places.insert(email, self.users.len());
        self.users.push((before, user));
    }

    fn take(
        &mut self,
        unit: &Unit<'_>,
        row: &UserRow,
        department: Option<Uuid>,
    ) -> Result<Outcome, Vec<Rejection>> {
        let place = self.places.get(&row.email.to_lowercase()).copied();
        let Some((_, before)) = place.and_then(|place| self.users.get(place)) else {
            let user = new(unit, row, department)?;
            if row.role == Some(Role::Admin) {
                self.admins.insert(user.id);
            }
            self.add(None, user);
            return Ok(Outcome::Created);
        };
        let mut user = before.clone();
        if let Some(name) = &row.name {
            user.name.clone_from(name);
        }
        user.role = row.role.as_ref().map_or(user.role, to_name);
        user.position = row.position.clone().or(user.position);
        user.department_id = department.or(user.department_id);
        if user == *before {
            return Ok(Outcome::Unchanged);
        }
        if user.active && user.role() == Some(Role::Admin) {
            self.admins.insert(user.id);
        } else if is_last_admin(self.admins.iter().copied(), user.id) {
            return Err(vec![Rejection::new(row.line, "role", "last_admin", LAST_ADMIN)]);
        } else {
            self.admins.remove(&user.id);
        }
        if let Some((_, now)) = place.and_then(|place| self.users.get_mut(place)) {
            *now = user;
        }
        Ok(Outcome::Updated)
    }
}

fn new(
    unit: &Unit<'_>,
    row: &UserRow,
    department_id: Option<Uuid>,
) -> Result<User, Vec<Rejection>> {
    let missing = |field| Rejection::new(row.line, field, "required", "A new user needs it.");
    let faults = [("name", row.name.is_none()), ("role", row.role.is_none())];
    let faults: Vec<_> =
        faults.into_iter().filter(|(_, gap)| *gap).map(|(field, _)| missing(field)).collect();
    let (Some(name), Some(role)) = (&row.name, &row.role) else { return Err(faults) };
    Ok(User {
        id: Uuid::now_v7(),
        name: name.clone(),
        email: Some(row.email.clone()),
        role: to_name(role),
        position: row.position.clone(),
        department_id,
        active: true,
        password_hash: None,
        version: 1,
        created_at: unit.now,
        updated_at: unit.now,
    })
}
