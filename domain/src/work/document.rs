//! Documents of a deal: what kinds there are, and which states each goes through.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Refusal;

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::Display,
    strum::VariantArray,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DocumentKind {
    Quote,
    Contract,
    Invoice,
    Order,
    Shipment,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DocumentState {
    Draft,
    Sent,
    Accepted,
    Signed,
    Issued,
    PartlyPaid,
    Paid,
    Confirmed,
    Fulfilled,
    Shipped,
    Delivered,
    /// Ends of the other kind: the client said no, it was withdrawn, the goods came back.
    Rejected,
    Cancelled,
    Returned,
}

use DocumentState as S;

impl DocumentKind {
    /// The states of a document for which all goes well, in their order.
    pub fn path(self) -> &'static [DocumentState] {
        match self {
            Self::Quote => &[S::Draft, S::Sent, S::Accepted],
            Self::Contract => &[S::Draft, S::Sent, S::Signed],
            Self::Invoice => &[S::Draft, S::Issued, S::PartlyPaid, S::Paid],
            Self::Order => &[S::Draft, S::Confirmed, S::Fulfilled],
            Self::Shipment => &[S::Draft, S::Shipped, S::Delivered],
        }
    }

    /// The states in which one has failed.
    pub fn failures(self) -> &'static [DocumentState] {
        match self {
            Self::Quote | Self::Contract => &[S::Rejected, S::Cancelled],
            Self::Invoice | Self::Order => &[S::Cancelled],
            Self::Shipment => &[S::Cancelled, S::Returned],
        }
    }

    pub fn has(self, state: DocumentState) -> bool {
        self.path().contains(&state) || self.failures().contains(&state)
    }

    /// Whether a document in a state has come as far as another: in it, or in a later one of the path.
    pub fn has_come(self, state: DocumentState, to: DocumentState) -> bool {
        let place = |state| self.path().iter().position(|one| *one == state);
        state == to || place(state).zip(place(to)).is_some_and(|(here, there)| here >= there)
    }

    /// Whether a document may go from one state to another: forwards on its path, or to a failure from
    /// anywhere but its end. A shipment comes back after it was sent out, and what was rejected may be
    /// drafted anew.
    pub fn may_go(self, from: DocumentState, to: DocumentState) -> bool {
        let place = |state| self.path().iter().position(|one| *one == state);
        match (place(from), place(to)) {
            (Some(here), Some(there)) => there > here,
            (Some(here), None) if to == S::Returned => here > 0,
            (Some(here), None) => {
                self.failures().contains(&to) && here.saturating_add(1) < self.path().len()
            }
            (None, Some(there)) => from == S::Rejected && there == 0,
            (None, None) => false,
        }
    }

    pub fn go(self, from: DocumentState, to: DocumentState) -> Result<DocumentState, Refusal> {
        if self.may_go(from, to) {
            return Ok(to);
        }
        let detail = format!("This {self} is {from}, and does not become {to}.");
        Err(Refusal::conflict("document_state_refused", "/to", detail))
    }
}

/// What is paid is an invoice that has not been cancelled; none of what is no invoice.
pub fn payable(kind: DocumentKind, state: DocumentState) -> Result<bool, Refusal> {
    if kind == DocumentKind::Invoice && state == S::Cancelled {
        let detail = "A cancelled invoice is not paid.";
        return Err(Refusal::conflict("document_state_refused", "/invoice_id", detail));
    }
    Ok(kind == DocumentKind::Invoice)
}

/// The state of an invoice when so much of what is due has come, whatever was given back taken off.
pub fn invoice_state(state: DocumentState, paid: Decimal, due: Decimal) -> DocumentState {
    match state {
        _ if paid >= due => S::Paid,
        _ if paid > Decimal::ZERO => S::PartlyPaid,
        S::PartlyPaid | S::Paid => S::Issued,
        state => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_follows_its_payments() {
        for (state, paid, after) in [
            (S::Draft, 0, S::Draft),
            (S::Issued, 40, S::PartlyPaid),
            (S::PartlyPaid, 100, S::Paid),
            (S::Draft, 101, S::Paid),
            (S::Paid, 99, S::PartlyPaid),
            (S::Paid, 0, S::Issued),
        ] {
            let next = invoice_state(state, Decimal::from(paid), Decimal::ONE_HUNDRED);
            assert_eq!(next, after, "{state:?} {paid}");
        }
    }

    #[test]
    fn documents_go_forwards_or_fail() {
        use DocumentKind as K;
        for (kind, from, to, may) in [
            (K::Quote, S::Draft, S::Sent, true),
            (K::Quote, S::Draft, S::Accepted, true),
            (K::Quote, S::Sent, S::Draft, false),
            (K::Quote, S::Sent, S::Sent, false),
            (K::Quote, S::Sent, S::Rejected, true),
            (K::Quote, S::Rejected, S::Draft, true),
            (K::Quote, S::Accepted, S::Cancelled, false),
            (K::Quote, S::Draft, S::Signed, false),
            (K::Invoice, S::PartlyPaid, S::Cancelled, true),
            (K::Invoice, S::Paid, S::Cancelled, false),
            (K::Invoice, S::Issued, S::Rejected, false),
            (K::Shipment, S::Delivered, S::Returned, true),
            (K::Shipment, S::Draft, S::Returned, false),
            (K::Shipment, S::Returned, S::Draft, false),
        ] {
            assert_eq!(kind.may_go(from, to), may, "{kind:?} {from:?} {to:?}");
        }
        assert!(
            K::Invoice.has_come(S::Paid, S::Issued) && !K::Invoice.has_come(S::Draft, S::Issued)
        );
        assert!(K::Quote.has_come(S::Rejected, S::Rejected));
        assert!(!K::Quote.has_come(S::Rejected, S::Sent));
    }
}
