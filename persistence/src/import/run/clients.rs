//! Rows that are a client each.

use diesel::{
    RunQueryDsl, SelectableHelper,
    sql_types::{Nullable, Text, Uuid as SqlUuid},
};
use uuid::Uuid;
use voronka_domain::{
    Refusal,
    clients::change::ClientChange,
    import::{ClientRow, Identities, Identity, Outcome, Plan, Rejection, Row},
    kernel::external_id::ExternalId,
    workspace::custom_field::{self, CustomField},
};

use super::{Read, Tally, current_fields, parted};
use crate::{
    Error, Result, Statement, Unit,
    clients::{self, Client},
    core::{
        noun::Noun,
        unit::{raw, to_json},
    },
    import::names::{CustomValues, Names, Wanted},
};

/// The clients that a batch is about, those that are to be made among them.
#[derive(Default)]
struct Known {
    identities: Identities,
    /// As they were, and as they are after the rows so far.
    clients: Vec<(Option<Client>, Client)>,
}

pub fn take(
    unit: &mut Unit<'_>,
    plan: &Plan,
    names: &mut Names,
    rows: &[Read],
    tally: &mut Tally,
) -> Result<()> {
    let rows = tally.sift(rows, |row| match row {
        Row::Client(row) => Some(row),
        _ => None,
    });
    let mut wanted = Wanted::default();
    rows.iter().for_each(|(row, _)| wanted.custom(&row.custom));
    // The batch before may have made the very clients that custom fields name.
    names.forget();
    names.resolve(unit, &wanted, false)?;
    let fields = current_fields(unit, plan)?;
    let mut known = Known::load(unit, rows.iter().map(|(row, _)| *row))?;
    for (row, cells) in rows {
        match known.take(unit, names, &fields, row) {
            Ok(outcome) => tally.count(outcome),
            Err(faults) => tally.reject(&faults, cells),
        }
    }
    known.save(unit)
}

type CandidateTypes = (Nullable<SqlUuid>, Nullable<Text>, Nullable<Text>);
/// A client that rows may mean, with the id in another system by which it was found.
type Candidate = (Option<Uuid>, Option<String>, Option<String>);

impl Known {
    /// Locks what the rows may mean, and keeps their external ids from being taken by others meanwhile.
    fn load<'r>(
        unit: &mut Unit<'_>,
        rows: impl Iterator<Item = &'r ClientRow> + Clone,
    ) -> Result<Self> {
        let external = rows.clone().filter_map(|row| row.external_id.clone());
        let external: Vec<_> = external.map(|external| (external.source, external.id)).collect();
        clients::lock_all(unit, Vec::new(), external.clone())?;
        let candidates = candidates(unit, external, rows)?;
        let ids: Vec<Uuid> = candidates.iter().filter_map(|(id, ..)| *id).collect();
        let there: Vec<Client> = unit
            .tenant
            .rows(Client::as_select(), "clients")
            .sql(" AND id = ANY(")
            .bind(ids)
            .sql(") ORDER BY id FOR NO KEY UPDATE")
            .load(unit.tenant.conn)?;
        let mut known = Self::default();
        for client in there {
            // Merged between the two statements: another attempt sees it so.
            clients::not_merged(&client, "")?;
            known.add(Some(client.clone()), client);
        }
        for (id, source, external_id) in candidates {
            let place = known.clients.iter().position(|(_, client)| Some(client.id) == id);
            if let (Some(place), Some(source), Some(id)) = (place, source, external_id) {
                known.identities.alias(ExternalId { source, id }, place);
            }
        }
        Ok(known)
    }

    fn add(&mut self, before: Option<Client>, client: Client) {
        self.identities.add(identity(&client));
        self.clients.push((before, client));
    }

    fn take(
        &mut self,
        unit: &Unit<'_>,
        names: &Names,
        fields: &[CustomField],
        row: &ClientRow,
    ) -> Result<Outcome, Vec<Rejection>> {
        let place = self.identities.find(row).map_err(|rejection| vec![rejection])?;
        let CustomValues { values, .. } = names.custom_values(&row.custom, row.line)?;
        let before = place.and_then(|place| self.clients.get(place)).map(|(_, now)| now.clone());
        let is_new = before.is_none();
        if is_new && row.name.is_none() {
            let reason = "A new client needs a name.";
            return Err(vec![Rejection::new(row.line, "name", "required", reason)]);
        }
        let before = before.unwrap_or_else(|| Client::new(String::new(), unit.now));
        let mut client = before.clone();
        client.change(said(row));
        // An id that means a client already is its own, or that of one that has become part of it; and of
        // several systems, a client keeps the id of the first.
        let new_id = row.external_id.as_ref().filter(|id| !self.identities.knows(id));
        if let Some(external) = new_id.filter(|_| client.external_id.is_none()) {
            client.external_source = Some(external.source.clone());
            client.external_id = Some(external.id.clone());
        }
        let broken = |error: Error| -> Vec<Rejection> {
            error.faults().iter().map(|fault| row.rejection(fault)).collect()
        };
        let custom = clients::custom_of(&before).map_err(broken)?;
        let (custom, _) = custom_field::change(fields, &custom, values)
            .map_err(|faults| broken(Refusal::Invalid(faults).into()))?;
        client.custom = to_json(&custom).map_err(broken)?;
        match place {
            None => self.add(None, client),
            Some(_) if client == before => return Ok(Outcome::Unchanged),
            Some(place) => {
                self.identities.change(place, identity(&client));
                if let Some((_, now)) = self.clients.get_mut(place) {
                    *now = client;
                }
            }
        }
        Ok(if is_new { Outcome::Created } else { Outcome::Updated })
    }

    fn save(self, unit: &mut Unit<'_>) -> Result<()> {
        let (fresh, changed) = parted(self.clients);
        Client::insert_all(unit, fresh)?;
        Client::save_all(unit, changed)
    }
}

/// The clients that rows may mean: by external id those that these mean today, else by taxpayer number and name.
fn candidates<'r>(
    unit: &mut Unit<'_>,
    external: Vec<(String, String)>,
    rows: impl Iterator<Item = &'r ClientRow> + Clone,
) -> Result<Vec<Candidate>> {
    let workspace_id = unit.tenant.workspace_id;
    let (sources, ids): (Vec<_>, Vec<_>) = external.into_iter().unzip();
    let tax_ids: Vec<String> = rows.clone().filter_map(|row| row.tax_id.clone()).collect();
    let names: Vec<String> = rows.filter_map(|row| row.name.clone()).collect();
    let found = Statement::select(raw::<CandidateTypes>(
        "coalesce(merged_into, id), external_source, external_id FROM clients WHERE workspace_id = ",
    ))
    .bind(workspace_id)
    .sql(" AND (external_source, external_id) IN (SELECT * FROM unnest(")
    .bind(sources)
    .sql(", ")
    .bind(ids)
    .sql(")) UNION ALL SELECT id, NULL, NULL FROM clients WHERE merged_into IS NULL AND workspace_id = ")
    .bind(workspace_id)
    .sql(" AND tax_id = ANY(")
    .bind(tax_ids)
    .sql(") UNION ALL SELECT id, NULL, NULL FROM clients WHERE merged_into IS NULL AND workspace_id = ")
    .bind(workspace_id)
    .sql(" AND lower(name) IN (SELECT lower(wanted) FROM unnest(")
    .bind(names)
    .sql(") AS wanted)")
    .load(unit.tenant.conn)?;
    Ok(found)
}

fn identity(client: &Client) -> Identity {
    let external = client.external_source.clone().zip(client.external_id.clone());
    Identity {
        external_id: external.map(|(source, id)| ExternalId { source, id }),
        tax_id: client.tax_id.clone(),
        name: client.name.clone(),
    }
}

/// What the row says; its id is looked at apart.
fn said(row: &ClientRow) -> ClientChange {
    ClientChange {
        name: row.name.clone(),
        kind: row.kind,
        client_type: row.client_type,
        class: row.class.clone().map(Some),
        region: row.region.clone().map(Some),
        tags: row.tags.clone(),
        consent: row.consent.map(Some),
        phones: row.phones.clone(),
        emails: row.emails.clone(),
        tax_id: row.tax_id.clone().map(Some),
        ..ClientChange::default()
    }
}
