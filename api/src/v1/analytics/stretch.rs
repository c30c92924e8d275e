//! Which deals a report is of: those of a period, of one type or of all, perhaps of a segment; and what splits it.

use chrono::NaiveDate;
use uuid::Uuid;
use voronka_persistence::{
    Caller, Error, Noun, Tenant,
    analytics::{Alignment, Basis, GroupBy, Period, Wanted},
    process::deal_types::DealType,
};

use super::shown::last_instant;
use crate::{
    http::parameters::{Links, Parameters},
    state::App,
};

fn by_stage(group_by: Option<GroupBy>) -> bool {
    matches!(group_by, Some(GroupBy::Stage | GroupBy::DeepestStage))
}

pub struct Stretch {
    /// None for all types.
    pub deal_type_id: Option<Uuid>,
    /// The version whose stages groups are told apart by, if that was asked for.
    pub version_id: Option<Uuid>,
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
        let version_id = parameters.id("version_id");
        if by_stage(group_by) {
            // Stages of different types are not the same stages.
            parameters.require("deal_type_id");
        } else if parameters.get("version_id").is_some() {
            parameters.fault("version_id", "not_allowed", "Goes with groups of stages.");
        }
        let segments = parameters.segments(caller, group_by);
        let deal_type_id = parameters.id("deal_type_id");
        Self { deal_type_id, version_id, from, to, group_by, segments }
    }

    /// The stages that groups are told apart by, as of the end of the days.
    pub fn alignment(
        &self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
    ) -> Result<Option<Alignment>, Error> {
        let Some(id) = self.deal_type_id.filter(|_| by_stage(self.group_by)) else {
            return Ok(None);
        };
        let (_, until) = caller.settings.days(self.from, self.to);
        let as_of = last_instant(until);
        Alignment::load(&app.store, tenant, id, self.version_id, as_of).map(Some)
    }

    pub fn period(
        &self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        basis: Basis,
    ) -> Result<Period, Error> {
        if let Some(id) = self.deal_type_id {
            DealType::get(tenant, id)?;
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
        links.with("from", self.from).with("to", self.to).segment(&self.segments)
    }
}
