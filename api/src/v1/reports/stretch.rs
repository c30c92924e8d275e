//! Which deals a report is of: those of a period, of one type or of all, perhaps of a segment; and what splits it.

use chrono::NaiveDate;
use uuid::Uuid;
use voronka_persistence::{
    Caller, Error, Tenant, deal_types,
    reports::{Basis, GroupBy, Period, Wanted},
};

use super::parameters::{Links, Parameters};
use crate::state::App;

/// Parameters that say so.
pub const KNOWN: &[&str] = &["deal_type_id", "from", "to", "segment_id", "group_by", "format"];

pub struct Stretch {
    /// None for all types.
    pub deal_type_id: Option<Uuid>,
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub group_by: Option<GroupBy>,
    pub segments: Wanted,
}

impl Stretch {
    pub fn read(
        parameters: &mut Parameters,
        caller: &Caller,
        groups: &[(&'static str, GroupBy)],
    ) -> Self {
        let (from, to) = parameters.days(caller);
        let group_by = parameters.word("group_by", groups);
        if matches!(group_by, Some(GroupBy::Stage | GroupBy::DeepestStage)) {
            // Stages of different types are not the same stages.
            parameters.require("deal_type_id");
        }
        let segments = parameters.segments(caller, group_by);
        Self { deal_type_id: parameters.id("deal_type_id"), from, to, group_by, segments }
    }

    pub fn period(
        &self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        basis: Basis,
    ) -> Result<Period, Error> {
        if let Some(id) = self.deal_type_id {
            deal_types::get(tenant, id)?;
        }
        let segments = self.segments.load(&app.store, tenant)?;
        let (from, until) = caller.settings.days(self.from, self.to);
        let (deal_type_id, time_zone) = (self.deal_type_id, caller.settings.time_zone);
        Ok(Period { deal_type_id, from, until, basis, time_zone, segments })
    }

    /// To the deals behind its figures.
    pub fn links(&self, path: &'static str) -> Links {
        let links = Links::new(path);
        let links = match self.deal_type_id {
            Some(id) => links.with("deal_type_id", id),
            None => links,
        };
        links.with("from", self.from).with("to", self.to).segment(self.segments)
    }
}
