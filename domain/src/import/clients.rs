//! Rows that are clients, or people at clients.

use super::{
    Rejection,
    custom::{CustomCells, split_list, truth},
    row::{Reader, field},
};
use crate::{
    clients as client,
    clients::{ClientKind, ClientType},
    kernel::{
        contact_point,
        external_id::ExternalId,
        fault::{Fault, Faults},
    },
};

const LONGEST_LIST: usize = 4_000;
const LONGEST_SOURCE: usize = 100;

/// What a row says of a client; none where it says nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientRow {
    pub line: u64,
    pub external_id: Option<ExternalId>,
    pub name: Option<String>,
    pub kind: Option<ClientKind>,
    pub client_type: Option<ClientType>,
    pub class: Option<String>,
    pub region: Option<String>,
    pub tags: Option<Vec<String>>,
    pub consent: Option<bool>,
    pub phones: Option<Vec<String>>,
    pub emails: Option<Vec<String>>,
    pub tax_id: Option<String>,
    pub custom: CustomCells,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRow {
    pub line: u64,
    /// In the spec's external source; goes before the name.
    pub client_external_id: Option<String>,
    pub client: Option<String>,
    pub name: String,
    pub position: Option<String>,
    pub phones: Option<Vec<String>>,
    pub emails: Option<Vec<String>>,
}

impl ClientRow {
    /// A command's fault as one of this row, in the fields of the mapping.
    pub fn rejection(&self, fault: &Fault) -> Rejection {
        Rejection::new(self.line, &field(&fault.pointer), fault.code, fault.detail.as_str())
    }
}

impl ContactRow {
    /// A command's fault as one of this row, in the fields of the mapping.
    pub fn rejection(&self, fault: &Fault) -> Rejection {
        Rejection::new(self.line, &field(&fault.pointer), fault.code, fault.detail.as_str())
    }
}

impl Reader<'_> {
    pub(super) fn client(&mut self) -> Option<ClientRow> {
        let row = ClientRow {
            line: self.line,
            external_id: self.external_id(),
            name: self.text("name"),
            kind: self.word(
                "kind",
                &[("organisation", ClientKind::Organisation), ("person", ClientKind::Person)],
            ),
            client_type: self
                .word("type", &[("new", ClientType::New), ("current", ClientType::Current)]),
            class: self.text("class"),
            region: self.text("region"),
            tags: self.tags(),
            consent: self.boolean("consent"),
            phones: self.phones(),
            emails: self.emails(),
            tax_id: self.tax_id(),
            custom: self.custom(),
        };
        let nobody = row.external_id.is_none() && row.tax_id.is_none() && row.name.is_none();
        if nobody && !self.has_faults() {
            self.reject("name", "required", "The row does not say which client it is.");
        }
        Some(row)
    }

    pub(super) fn contact(&mut self) -> Option<ContactRow> {
        let (client_external_id, client) = (self.text("client_external_id"), self.text("client"));
        if client_external_id.is_none() && client.is_none() {
            self.reject("client", "required", "The row does not say at which client.");
        }
        Some(ContactRow {
            line: self.line,
            client_external_id,
            client,
            name: self.required("name")?,
            position: self.text("position"),
            phones: self.phones(),
            emails: self.emails(),
        })
    }

    fn external_id(&mut self) -> Option<ExternalId> {
        let id = self.text("external_id");
        let source = self.bounded("external_source", LONGEST_SOURCE);
        let source = source.unwrap_or_else(|| self.plan.spec.external_source.clone());
        id.map(|id| ExternalId { source, id })
    }

    fn tags(&mut self) -> Option<Vec<String>> {
        let text = self.bounded("tags", LONGEST_LIST)?;
        let mut faults = Faults::default();
        let tags: Vec<String> = split_list(&text).into_iter().map(str::to_owned).collect();
        client::check_tags(&mut faults, "", &tags);
        self.checked("tags", tags, faults)
    }

    fn phones(&mut self) -> Option<Vec<String>> {
        let texts = self.list("phones")?;
        let mut faults = Faults::default();
        let phones = contact_point::phones(&mut faults, "", &texts, self.plan.settings.country);
        self.checked("phones", phones, faults)
    }

    fn emails(&mut self) -> Option<Vec<String>> {
        let texts = self.list("emails")?;
        let mut faults = Faults::default();
        let emails = contact_point::emails(&mut faults, "", &texts);
        self.checked("emails", emails, faults)
    }

    fn list(&mut self, field: &str) -> Option<Vec<String>> {
        let text = self.bounded(field, LONGEST_LIST)?;
        Some(split_list(&text).into_iter().map(str::to_owned).collect())
    }

    /// The values, unless they have faults.
    fn checked(&mut self, field: &str, values: Vec<String>, faults: Faults) -> Option<Vec<String>> {
        let faults = faults.into_inner();
        let fine = faults.is_empty();
        for fault in faults {
            self.reject(field, fault.code, fault.detail);
        }
        fine.then_some(values)
    }

    fn tax_id(&mut self) -> Option<String> {
        let text = self.text("tax_id")?;
        match client::tax_id(&text) {
            Some(tax_id) => Some(tax_id),
            None => self.refuse("tax_id", "invalid_tax_id", "1 to 32 letters and digits."),
        }
    }

    fn boolean(&mut self, field: &str) -> Option<bool> {
        let text = self.text(field)?;
        match truth(&text) {
            Some(value) => Some(value),
            None => self.refuse(field, "invalid_value", "true or false, yes or no, 1 or 0."),
        }
    }

    /// One of some words, whatever its case.
    pub(super) fn word<T: Copy>(&mut self, field: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(field)?.to_lowercase();
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Some(*value),
            None => {
                let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                self.refuse(field, "invalid_value", format!("One of {}.", known.join(", ")))
            }
        }
    }
}
