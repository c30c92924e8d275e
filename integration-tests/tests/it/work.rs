//! Tasks, documents, payments and activities, and handing deals over.

mod deal_work;
mod hand_overs;
