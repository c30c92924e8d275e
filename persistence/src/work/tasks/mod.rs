//! Tasks: what people do with them, and those who take part beside the responsible.

mod command;
mod gantt;
mod list;
mod reassign;
mod rights;

pub use command::{NewTask, TaskPatch, change, create, transition};
pub use gantt::{Bar, Bars, GroupBy, bars};
pub use list::{Counters, LIST, TaskWithPeople, counters, list, read};
pub(crate) use reassign::reassign;
