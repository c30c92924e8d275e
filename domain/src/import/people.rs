//! Rows that are users.

use super::{
    Rejection,
    row::{Reader, field},
};
use crate::{
    kernel::{contact_point, fault::Fault},
    people::access::Role,
};

/// What a row says of a user; none where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    pub line: u64,
    pub email: String,
    pub name: Option<String>,
    pub role: Option<Role>,
    pub position: Option<String>,
    /// By name.
    pub department: Option<String>,
}

impl UserRow {
    /// A command's fault as one of this row, in the fields of the mapping.
    pub fn rejection(&self, fault: &Fault) -> Rejection {
        Rejection::new(self.line, &field(&fault.pointer), fault.code, fault.detail.as_str())
    }
}

impl Reader<'_> {
    pub(super) fn user(&mut self) -> Option<UserRow> {
        let email = self.required("email").and_then(|text| match contact_point::email(&text) {
            Some(email) => Some(email),
            None => self.refuse("email", "invalid_email", "Not an email address."),
        });
        let roles = [
            ("admin", Role::Admin),
            ("head", Role::Head),
            ("seller", Role::Seller),
            ("analyst", Role::Analyst),
        ];
        let row = UserRow {
            line: self.line,
            email: email.unwrap_or_default(),
            name: self.text("name"),
            role: self.word("role", &roles),
            position: self.text("position"),
            department: self.text("department"),
        };
        Some(row)
    }
}
