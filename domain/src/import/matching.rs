//! Which client a row means: by its external id, else by its taxpayer number, else by its name.

use std::collections::HashMap;

use super::{Rejection, clients::ClientRow};
use crate::kernel::external_id::ExternalId;

/// What clients are told apart by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub external_id: Option<ExternalId>,
    pub tax_id: Option<String>,
    pub name: String,
}

/// The clients that rows may mean, by their place in a list of them.
#[derive(Debug, Default)]
pub struct Identities {
    all: Vec<Identity>,
    external: HashMap<(String, String), usize>,
    tax_ids: HashMap<String, Vec<usize>>,
    names: HashMap<String, Vec<usize>>,
}

impl Identities {
    /// Adds a client, and answers its place.
    pub fn add(&mut self, identity: Identity) -> usize {
        let place = self.all.len();
        self.all.push(identity.clone());
        self.know(place, &identity);
        place
    }

    /// The client is called otherwise now.
    pub fn change(&mut self, place: usize, identity: Identity) {
        self.know(place, &identity);
        if let Some(known) = self.all.get_mut(place) {
            *known = identity;
        }
    }

    /// An id in another system that means the client, whatever id it has itself.
    pub fn alias(&mut self, external_id: ExternalId, place: usize) {
        self.external.insert((external_id.source, external_id.id), place);
    }

    fn know(&mut self, place: usize, identity: &Identity) {
        if let Some(external_id) = &identity.external_id {
            self.alias(external_id.clone(), place);
        }
        if let Some(tax_id) = &identity.tax_id {
            note(self.tax_ids.entry(tax_id.clone()).or_default(), place);
        }
        note(self.names.entry(fold(&identity.name)).or_default(), place);
    }

    /// Some client is meant by the id in another system.
    pub fn knows(&self, ExternalId { source, id }: &ExternalId) -> bool {
        self.external.contains_key(&(source.clone(), id.clone()))
    }

    /// The place of the client that the row means; none for a new one.
    pub fn find(&self, row: &ClientRow) -> Result<Option<usize>, Rejection> {
        if let Some(ExternalId { source, id }) = &row.external_id
            && let Some(place) = self.external.get(&(source.clone(), id.clone()))
        {
            return Ok(Some(*place));
        }
        let by_tax_id = row.tax_id.as_ref().and_then(|tax_id| self.tax_ids.get(tax_id));
        let found = self.only(row, "tax_id", by_tax_id, |known| known.tax_id == row.tax_id)?;
        if found.is_some() {
            return Ok(found);
        }
        let Some(name) = row.name.as_deref().map(fold) else { return Ok(None) };
        self.only(row, "name", self.names.get(&name), |known| {
            let tax_ids = known.tax_id.as_ref().zip(row.tax_id.as_ref());
            fold(&known.name) == name && tax_ids.is_none_or(|(known, row)| known == row)
        })
    }

    /// The one client of some that fits. One that has another id in the same system is another client.
    fn only(
        &self,
        row: &ClientRow,
        field: &str,
        places: Option<&Vec<usize>>,
        fits: impl Fn(&Identity) -> bool,
    ) -> Result<Option<usize>, Rejection> {
        let another = |known: &Identity| {
            let ids = known.external_id.as_ref().zip(row.external_id.as_ref());
            ids.is_some_and(|(known, row)| known.source == row.source)
        };
        let places = places.into_iter().flatten().copied();
        let mut found = places.filter(|place| {
            self.all.get(*place).is_some_and(|known| fits(known) && !another(known))
        });
        let first = found.next();
        if found.next().is_some() {
            let reason = "Several clients have it; give the row an external id.";
            return Err(Rejection::new(row.line, field, "ambiguous", reason));
        }
        Ok(first)
    }
}

fn note(places: &mut Vec<usize>, place: usize) {
    if !places.contains(&place) {
        places.push(place);
    }
}

/// A name without regard to case and outer blanks.
fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::CustomCells;

    fn external(source: &str, id: &str) -> Option<ExternalId> {
        Some(ExternalId { source: source.into(), id: id.into() })
    }

    fn identity(external_id: Option<ExternalId>, tax_id: &str, name: &str) -> Identity {
        let tax_id = Some(tax_id.to_owned()).filter(|text| !text.is_empty());
        Identity { external_id, tax_id, name: name.to_owned() }
    }

    fn row(identity: Identity) -> ClientRow {
        ClientRow {
            line: 2,
            external_id: identity.external_id,
            name: Some(identity.name).filter(|name| !name.is_empty()),
            kind: None,
            client_type: None,
            class: None,
            region: None,
            tags: None,
            consent: None,
            phones: None,
            emails: None,
            tax_id: identity.tax_id,
            custom: CustomCells::default(),
        }
    }

    #[test]
    fn rows_mean_the_clients_that_are_told_apart() {
        let mut known = Identities::default();
        for identity in [
            identity(external("erp", "1"), "T1", "Isdom"),
            identity(None, "", "Betasoloin"),
            identity(None, "T3", "Zoomit"),
            identity(external("crm", "9"), "", "Zoomit"),
            identity(None, "T5", "Kan-code"),
            identity(None, "T5", "Kan code"),
        ] {
            known.add(identity);
        }
        known.alias(ExternalId { source: "erp".into(), id: "77".into() }, 1);
        for (external_id, tax_id, name, expected) in [
            (external("erp", "1"), "T3", "Zoomit", Ok(Some(0))),
            (external("erp", "77"), "", "", Ok(Some(1))),
            (None, "T1", "Whatever", Ok(Some(0))),
            // Another id in the same system, and an id in another one.
            (external("erp", "2"), "T1", "Isdom", Ok(None)),
            (external("crm", "2"), "T1", "", Ok(Some(0))),
            (None, "", " BETASOLOIN ", Ok(Some(1))),
            (None, "", "zoomit", Err("name")),
            (None, "T3", "", Ok(Some(2))),
            (None, "T4", "Zoomit", Ok(Some(3))),
            (external("crm", "8"), "", "Zoomit", Ok(Some(2))),
            (None, "T5", "", Err("tax_id")),
            (None, "", "Nobody", Ok(None)),
            (None, "", "", Ok(None)),
        ] {
            let row = row(identity(external_id, tax_id, name));
            let found = known.find(&row).map_err(|rejection| rejection.field);
            assert_eq!(found, expected.map_err(str::to_owned), "{tax_id} {name}");
        }
        known.change(1, identity(None, "T2", "Renamed"));
        let old = row(identity(None, "", "Betasoloin"));
        assert_eq!(known.find(&old), Ok(None), "nobody is called so any more");
        let new = row(identity(None, "", "renamed"));
        assert_eq!(known.find(&new), Ok(Some(1)));
    }
}
