//! Rows that are a person at a client each.

use std::collections::{BTreeMap, HashMap};

use diesel::{
    RunQueryDsl, SelectableHelper,
    sql_types::{Text, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::{
    clients::change::ContactChange,
    import::{ContactRow, Outcome, Plan, Rejection, Row},
};

use super::{Read, Tally, parted};
use crate::{
    Result, Unit,
    clients::{self, contacts::Contact},
    core::{noun::Noun, unit::raw},
    import::names::{Names, Wanted},
};

/// The contacts that a batch is about, by client and name without regard to case.
#[derive(Default)]
struct Known {
    places: HashMap<(Uuid, String), Vec<usize>>,
    /// As they were, and as they are after the rows so far.
    contacts: Vec<(Option<Contact>, Contact)>,
}

pub fn take(
    unit: &mut Unit<'_>,
    plan: &Plan,
    names: &mut Names,
    rows: &[Read],
    tally: &mut Tally,
) -> Result<()> {
    let rows = tally.sift(rows, |row| match row {
        Row::Contact(row) => Some(row),
        _ => None,
    });
    let mut wanted = Wanted::default();
    rows.iter().for_each(|(row, _)| wanted.contact(row));
    names.refresh();
    names.resolve(unit, &wanted, plan.spec.create_missing)?;
    let external = external_clients(unit, plan, rows.iter().map(|(row, _)| *row))?;
    let mut found = Vec::new();
    for (row, cells) in rows {
        let id = match &row.client_external_id {
            Some(id) => external.get(id).copied().ok_or_else(|| {
                let reason = format!("No client in use has the external id \"{id}\".");
                let field = "client_external_id";
                vec![Rejection::new(row.line, field, "unknown_reference", reason)]
            }),
            None => names.client(row),
        };
        match id {
            Ok(id) => found.push((id, row, cells)),
            Err(faults) => tally.reject(&faults, cells),
        }
    }
    let mut known = Known::load(unit, &found)?;
    for (client_id, row, cells) in found {
        match known.take(unit, client_id, row) {
            Ok(outcome) => {
                tally.count(outcome);
                names.took_client(client_id);
            }
            Err(fault) => tally.reject(&[fault], cells),
        }
    }
    names.make(unit, plan.spec.dry_run, |note| tally.note(note))?;
    known.save(unit)
}

/// The clients that external ids mean, held against being merged until the batch is done.
fn external_clients<'r>(
    unit: &mut Unit<'_>,
    plan: &Plan,
    rows: impl Iterator<Item = &'r ContactRow>,
) -> Result<BTreeMap<String, Uuid>> {
    let ids: Vec<String> = rows.filter_map(|row| row.client_external_id.clone()).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found: Vec<(String, Uuid)> = unit
        .tenant
        .rows(raw::<(Text, SqlUuid)>("clients.external_id, clients.id"), "clients")
        .sql(" AND external_source = ")
        .bind(plan.spec.external_source.as_str())
        .sql(" AND external_id = ANY(")
        .bind(ids)
        .sql(")")
        .load(unit.tenant.conn)?;
    let meant = clients::all_in_use(unit, found.iter().map(|(_, id)| *id).collect())?;
    let found = found.into_iter();
    Ok(found.filter_map(|(external, id)| Some((external, *meant.get(&id)?))).collect())
}

impl Known {
    fn load(unit: &mut Unit<'_>, rows: &[(Uuid, &ContactRow, &[String])]) -> Result<Self> {
        let there: Vec<Contact> = unit
            .tenant
            .rows(Contact::as_select(), "contacts")
            .sql(" AND client_id = ANY(")
            .bind(rows.iter().map(|(client_id, ..)| *client_id).collect::<Vec<_>>())
            .sql(") AND lower(name) IN (SELECT lower(wanted) FROM unnest(")
            .bind(rows.iter().map(|(_, row, _)| row.name.clone()).collect::<Vec<_>>())
            .sql(") AS wanted) ORDER BY id FOR NO KEY UPDATE")
            .load(unit.tenant.conn)?;
        let mut known = Self::default();
        there.into_iter().for_each(|contact| known.add(Some(contact.clone()), contact));
        Ok(known)
    }

    fn add(&mut self, before: Option<Contact>, contact: Contact) {
        let key = (contact.client_id, contact.name.to_lowercase());
        self.places.entry(key).or_default().push(self.contacts.len());
        self.contacts.push((before, contact));
    }

    fn take(
        &mut self,
        unit: &Unit<'_>,
        client_id: Uuid,
        row: &ContactRow,
    ) -> Result<Outcome, Rejection> {
        let Some(place) = self.find(client_id, row)? else {
            let mut contact = Contact::new(client_id, unit.now);
            contact.change(said(row));
            self.add(None, contact);
            return Ok(Outcome::Created);
        };
        let Some((_, contact)) = self.contacts.get_mut(place) else {
            return Ok(Outcome::Unchanged);
        };
        let before = contact.clone();
        contact.change(said(row));
        Ok(if *contact == before { Outcome::Unchanged } else { Outcome::Updated })
    }

    /// The person of this name at the client; of several, the one that shares a phone or an email.
    fn find(&self, client_id: Uuid, row: &ContactRow) -> Result<Option<usize>, Rejection> {
        let places = self.places.get(&(client_id, row.name.to_lowercase()));
        let places = places.map(Vec::as_slice).unwrap_or_default();
        if let [] | [_] = places {
            return Ok(places.first().copied());
        }
        let shares = |ours: &[String], theirs: Option<&Vec<String>>| {
            theirs.is_some_and(|theirs| theirs.iter().any(|one| ours.contains(one)))
        };
        let mut same = places.iter().copied().filter(|place| {
            self.contacts.get(*place).is_some_and(|(_, contact)| {
                shares(&contact.phones, row.phones.as_ref())
                    || shares(&contact.emails, row.emails.as_ref())
            })
        });
        match (same.next(), same.next()) {
            (Some(place), None) => Ok(Some(place)),
            _ => {
                let reason = "Several people at the client have this name.";
                Err(Rejection::new(row.line, "name", "ambiguous", reason))
            }
        }
    }

    fn save(self, unit: &mut Unit<'_>) -> Result<()> {
        let (fresh, changed) = parted(self.contacts);
        Contact::insert_all(unit, fresh)?;
        Contact::save_all(unit, changed)
    }
}

fn said(row: &ContactRow) -> ContactChange {
    ContactChange {
        name: Some(row.name.clone()),
        position: row.position.clone().map(Some),
        phones: row.phones.clone(),
        emails: row.emails.clone(),
        archived: None,
    }
}
