//! Rows that are a deal each.

use std::collections::HashMap;

use voronka_domain::{
    Refusal,
    import::{DealRow, Outcome, Row, Target, apply_deal},
    workspace::custom_field,
};

use super::{Read, Run, Tally};
use crate::{Result, deals::Recordable, import::names::Wanted};

impl Run<'_, '_> {
    pub fn deals(&mut self, rows: &[Read], tally: &mut Tally) -> Result<Vec<Recordable>> {
        let rows = tally.sift(rows, |row| match row {
            Row::Deal(row) => Some(row),
            _ => None,
        });
        let mut wanted = Wanted::default();
        rows.iter().for_each(|(row, _)| wanted.deal(row));
        self.resolve(&wanted)?;
        let ids = rows.iter().map(|(row, _)| row.external_id.clone()).collect();
        let mut known = self.known(ids, &wanted)?;
        // In order of the file, whatever is known already.
        let (mut deals, mut places) = (Vec::new(), HashMap::new());
        for (row, cells) in rows {
            let place = *places.entry(row.external_id.as_str()).or_insert_with(|| {
                deals.push(known.remove(&row.external_id));
                deals.len() - 1
            });
            if let Some(deal) = deals.get_mut(place) {
                self.deal(row, cells, deal, tally)?;
            }
        }
        self.make_names(tally)?;
        Ok(deals.into_iter().flatten().collect())
    }

    fn deal(
        &mut self,
        row: &DealRow,
        cells: &[String],
        deal: &mut Option<Recordable>,
        tally: &mut Tally,
    ) -> Result<()> {
        let (mut named, mut of_fields) = match self.names.deal(row) {
            Ok(named) => named,
            Err(faults) => {
                tally.reject(&faults, cells);
                return Ok(());
            }
        };
        let process = deal.as_ref().map_or(&self.process, |deal| &deal.process).clone();
        let change_set = deal.as_ref().map(|deal| deal.change_set.clone());
        let of = change_set.as_ref().map(|change_set| &change_set.deal);
        let facts = self.facts(&process, of, named.owner_id)?;
        let custom = change_set
            .as_ref()
            .map(|change_set| change_set.deal.custom.clone())
            .unwrap_or_default();
        let custom =
            custom_field::change(&self.fields, &custom, std::mem::take(&mut of_fields.values));
        let applied = custom.map_err(Refusal::Invalid).and_then(|(custom, _)| {
            named.custom = self.plan.maps_custom().then_some(custom);
            apply_deal(row, &named, change_set, self.defaults(), &facts)
        });
        match applied {
            Err(refusal) => tally.refuse(cells, &refusal, |fault| row.rejection(fault)),
            Ok((change_set, outcome)) => {
                tally.count(outcome);
                if outcome == Outcome::Created {
                    note_gaps(row, tally);
                }
                if outcome != Outcome::Unchanged {
                    self.names.took(&named, None);
                    self.names.took_custom(&of_fields);
                }
                let actor = self.actor(None, row.line);
                *deal = Some(Recordable::then(deal.take(), actor, change_set, process));
            }
        }
        Ok(())
    }
}

/// What a new deal's row leaves open.
fn note_gaps(row: &DealRow, tally: &mut Tally) {
    let closed = matches!(row.target, Some(Target::Won { .. } | Target::Lost { .. }));
    let undated =
        row.opened_at.is_none() && row.stage_entered_at.is_none() && row.closed_at.is_none();
    for (code, gap) in [
        ("without_client", row.client.is_none()),
        ("without_amount", row.amount.is_none()),
        ("opened_at_import", undated),
        ("closed_at_import", closed && row.closed_at.is_none()),
    ] {
        if gap {
            tally.note(code);
        }
    }
}
