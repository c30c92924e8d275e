//! What is given of a client or of a person there, whoever gives it: a new one, a change, an upsert and a row of
//! an import are this.

use uuid::Uuid;

use super::{ClientKind, ClientType, check_tags, tax_id};
use crate::kernel::{
    contact_point::{self, Country},
    external_id::ExternalId,
    fault::{Faults, Refusal},
    limits,
};

/// None keeps a field, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientChange {
    pub name: Option<String>,
    pub kind: Option<ClientKind>,
    pub client_type: Option<ClientType>,
    pub class: Option<Option<String>>,
    pub region: Option<Option<String>>,
    pub tags: Option<Vec<String>>,
    pub consent: Option<Option<bool>>,
    pub phones: Option<Vec<String>>,
    pub emails: Option<Vec<String>>,
    pub tax_id: Option<Option<String>>,
    pub external_id: Option<Option<ExternalId>>,
    pub owner_id: Option<Option<Uuid>>,
    pub archived: Option<bool>,
}

impl ClientChange {
    /// The change as it is kept, or every fault of it. National phone numbers are those of the country.
    pub fn checked(self, country: Option<Country>) -> Result<Self, Refusal> {
        let mut faults = Faults::default();
        for (pointer, text) in [("/class", self.class.as_ref()), ("/region", self.region.as_ref())]
        {
            if let Some(Some(text)) = text {
                faults.text(pointer, text, limits::NAME);
            }
        }
        if let Some(tags) = &self.tags {
            check_tags(&mut faults, "/tags", tags);
        }
        if let Some(Some(external_id)) = &self.external_id {
            external_id.check(&mut faults);
        }
        let checked = Self {
            name: name(self.name, &mut faults),
            phones: phones(self.phones, country, &mut faults),
            emails: emails(self.emails, &mut faults),
            tax_id: self.tax_id.map(|text| text.and_then(|text| read_tax_id(&text, &mut faults))),
            ..self
        };
        faults.into_result()?;
        Ok(checked)
    }
}

/// None keeps a field, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactChange {
    pub name: Option<String>,
    pub position: Option<Option<String>>,
    pub phones: Option<Vec<String>>,
    pub emails: Option<Vec<String>>,
    pub archived: Option<bool>,
}

impl ContactChange {
    /// The change as it is kept, or every fault of it. National phone numbers are those of the country.
    pub fn checked(self, country: Option<Country>) -> Result<Self, Refusal> {
        let mut faults = Faults::default();
        if let Some(Some(position)) = &self.position {
            faults.text("/position", position, limits::NAME);
        }
        let checked = Self {
            name: name(self.name, &mut faults),
            phones: phones(self.phones, country, &mut faults),
            emails: emails(self.emails, &mut faults),
            ..self
        };
        faults.into_result()?;
        Ok(checked)
    }
}

fn name(name: Option<String>, faults: &mut Faults) -> Option<String> {
    let name = name?;
    faults.text("/name", &name, limits::NAME);
    Some(name.trim().to_owned())
}

fn phones(
    given: Option<Vec<String>>,
    country: Option<Country>,
    faults: &mut Faults,
) -> Option<Vec<String>> {
    given.map(|phones| contact_point::phones(faults, "/phones", &phones, country))
}

fn emails(given: Option<Vec<String>>, faults: &mut Faults) -> Option<Vec<String>> {
    given.map(|emails| contact_point::emails(faults, "/emails", &emails))
}

fn read_tax_id(text: &str, faults: &mut Faults) -> Option<String> {
    let tax_id = tax_id(text);
    if tax_id.is_none() {
        faults.add("/tax_id", "invalid_tax_id", "1 to 32 letters and digits.");
    }
    tax_id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(refusal: Refusal) -> Vec<(String, &'static str)> {
        let Refusal::Invalid(faults) = refusal else { panic!("{refusal:?}") };
        faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
    }

    #[test]
    fn a_change_tells_all_that_is_wrong_with_it() {
        let change = ClientChange {
            name: Some(" ".into()),
            class: Some(Some("x".repeat(201))),
            region: Some(None),
            tags: Some(vec![String::new()]),
            phones: Some(vec!["no number".into()]),
            emails: Some(vec!["nobody".into()]),
            tax_id: Some(Some("!".into())),
            external_id: Some(Some(ExternalId { source: String::new(), id: "1".into() })),
            ..ClientChange::default()
        };
        let mut told = pointers(change.checked(None).unwrap_err());
        told.sort();
        let all = [
            ("/class", "too_long"),
            ("/emails/0", "invalid_email"),
            ("/external_id/source", "required"),
            ("/name", "required"),
            ("/phones/0", "invalid_phone"),
            ("/tags/0", "required"),
            ("/tax_id", "invalid_tax_id"),
        ];
        assert_eq!(told, all.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn what_is_given_is_kept_in_one_spelling_and_nothing_else_changes() {
        let given = ClientChange {
            name: Some(" Isdom ".into()),
            phones: Some(vec!["+31 20 123 45 67".into()]),
            tax_id: Some(Some("nl 1234.56789-b01".into())),
            region: Some(None),
            ..ClientChange::default()
        };
        let kept = ClientChange {
            name: Some("Isdom".into()),
            phones: Some(vec!["+31201234567".into()]),
            tax_id: Some(Some("NL123456789B01".into())),
            region: Some(None),
            ..ClientChange::default()
        };
        assert_eq!(given.checked(None).unwrap(), kept);
        let nothing = ContactChange::default();
        assert_eq!(nothing.clone().checked(None).unwrap(), nothing);
        let contact = ContactChange { position: Some(Some("\u{200b}".into())), ..nothing };
        assert_eq!(
            pointers(contact.checked(None).unwrap_err()),
            [("/position".into(), "required")]
        );
    }
}
