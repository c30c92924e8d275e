//! Rows that are events of deals, put together by case.

use std::collections::HashMap;

use voronka_domain::import::{EventRow, Outcome, Target, apply_event, arrange};

use super::{Read, Run, Tally, event};
use crate::{Result, deals::Recordable, import::names::Wanted};

impl Run<'_, '_> {
    pub fn cases(
        &mut self,
        cases: &[(String, Vec<Read>)],
        tally: &mut Tally,
    ) -> Result<Vec<Recordable>> {
        let mut wanted = Wanted::default();
        let rows = cases.iter().flat_map(|(_, rows)| rows);
        rows.filter_map(|read| event(read.row.as_ref().ok()?)).for_each(|row| wanted.event(row));
        self.resolve(&wanted)?;
        let ids = cases.iter().map(|(id, _)| id.clone()).collect();
        let mut known = self.known(ids, &wanted)?;
        let mut deals = Vec::new();
        for (id, rows) in cases {
            deals.extend(self.case(rows, known.remove(id), tally)?);
        }
        tally.last_case = cases.last().map(|(id, _)| id.clone());
        self.make_names(tally)?;
        Ok(deals)
    }

    /// One case: its events in order, each taken or refused by itself.
    fn case(
        &mut self,
        case: &[Read],
        mut deal: Option<Recordable>,
        tally: &mut Tally,
    ) -> Result<Option<Recordable>> {
        let history = deal.as_ref().map(|deal| deal.change_set.deal.last_occurred_at);
        let (mut rows, mut cells_of) = (Vec::new(), HashMap::new());
        for (row, cells) in tally.sift(case, event) {
            cells_of.insert(row.line, cells);
            rows.push(row.clone());
        }
        let overruled = arrange(&mut rows);
        for row in rows {
            let cells = cells_of.remove(&row.line).unwrap_or_default();
            let passed_over = if row.target == Target::Ignore {
                Some("ignored_event")
            } else if overruled.contains(&row.line) {
                Some("overruled_outcome")
            } else if history.is_some_and(|history| row.occurred_at <= history) {
                Some("known_event")
            } else {
                None
            };
            if let Some(note) = passed_over {
                tally.note(note);
                tally.count(Outcome::Unchanged);
                continue;
            }
            deal = self.event(&row, cells, deal, tally)?;
        }
        Ok(deal)
    }

    fn event(
        &mut self,
        row: &EventRow,
        cells: &[String],
        deal: Option<Recordable>,
        tally: &mut Tally,
    ) -> Result<Option<Recordable>> {
        let (named, user_id) = match self.names.event(row, deal.is_none()) {
            Ok(found) => found,
            Err(faults) => {
                tally.reject(&faults, cells);
                return Ok(deal);
            }
        };
        let process = deal.as_ref().map_or(&self.process, |deal| &deal.process).clone();
        let change_set = deal.as_ref().map(|deal| deal.change_set.clone());
        let of = change_set.as_ref().map(|change_set| &change_set.deal);
        let facts = self.facts(&process, of, named.owner_id)?;
        match apply_event(row, &named, change_set, self.defaults(), &facts) {
            Err(refusal) => {
                tally.refuse(cells, &refusal, |fault| row.rejection(fault));
                Ok(deal)
            }
            Ok((change_set, outcome)) => {
                tally.count(outcome);
                if outcome != Outcome::Unchanged {
                    self.names.took(&named, user_id);
                }
                let actor = self.actor(user_id, row.line);
                Ok(change_set.map(|change_set| Recordable::then(deal, actor, change_set, process)))
            }
        }
    }
}
