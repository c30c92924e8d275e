//! Where a deal has been, in numbers of stages: what reports tell deals apart by, whichever version they show.

use crate::{deals::deal::StageRef, process::version_of};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Track {
    /// In order: the stages in which its visits began, each of the version that the deal was on then, and the
    /// versions that it has been on, as stages at position 0.
    pub touched: Vec<i32>,
    /// The stage in which its present or last visit began.
    pub visit_stage: Option<i32>,
}

impl Track {
    /// A visit begins.
    pub(crate) fn visit(&mut self, stage: &StageRef) {
        insert(&mut self.touched, stage.number);
        self.visit_stage = Some(stage.number);
        self.stay(stage);
    }

    /// The visit goes on in a stage of another version.
    pub(crate) fn stay(&mut self, stage: &StageRef) {
        insert(&mut self.touched, version_of(stage.number));
    }
}

fn insert(numbers: &mut Vec<i32>, number: i32) {
    if let Err(at) = numbers.binary_search(&number) {
        numbers.insert(at, number);
    }
}
