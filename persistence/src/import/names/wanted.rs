//! The names that rows want.

use std::collections::BTreeSet;

use voronka_domain::{
    Currency, Money,
    import::{ContactRow, CustomCells, DealRow, EventRow, Target, UserRow},
};

/// The names that some rows want, by kind.
#[derive(Default)]
pub(crate) struct Wanted<'r> {
    pub(super) users: BTreeSet<&'r str>,
    pub(super) clients: BTreeSet<&'r str>,
    pub(super) sources: BTreeSet<&'r str>,
    pub(super) competitors: BTreeSet<&'r str>,
    pub(super) reasons: BTreeSet<&'r str>,
    pub(super) departments: BTreeSet<&'r str>,
    /// Of the amounts of the rows.
    pub currencies: Vec<Currency>,
}

impl<'r> Wanted<'r> {
    pub fn deal(&mut self, row: &'r DealRow) {
        self.users.extend(row.owner.as_deref());
        self.clients.extend(row.client.as_deref());
        self.sources.extend(row.source.as_deref());
        self.competitors.extend(row.competitor.as_deref());
        self.reasons.extend(reason_of(row.target.as_ref()));
        self.custom(&row.custom);
        self.amount(row.amount);
    }

    pub fn event(&mut self, row: &'r EventRow) {
        self.users.extend(row.user.as_deref());
        self.users.extend(row.owner.as_deref());
        self.clients.extend(row.client.as_deref());
        self.sources.extend(row.source.as_deref());
        self.competitors.extend(row.competitor.as_deref());
        self.reasons.extend(reason_of(Some(&row.target)));
        self.amount(row.amount);
    }

    pub fn custom(&mut self, cells: &'r CustomCells) {
        self.users.extend(cells.users.values().map(String::as_str));
        self.clients.extend(cells.clients.values().map(String::as_str));
    }

    pub fn contact(&mut self, row: &'r ContactRow) {
        let by_name = row.client.as_deref().filter(|_| row.client_external_id.is_none());
        self.clients.extend(by_name);
    }

    pub fn user(&mut self, row: &'r UserRow) {
        self.departments.extend(row.department.as_deref());
    }

    fn amount(&mut self, amount: Option<Money>) {
        let new = amount.filter(|amount| !self.currencies.contains(&amount.currency));
        self.currencies.extend(new.map(|amount| amount.currency));
    }
}

pub(super) fn reason_of(target: Option<&Target>) -> Option<&str> {
    match target {
        Some(Target::Lost { reason, .. }) => reason.as_deref(),
        _ => None,
    }
}
