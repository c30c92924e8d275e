//! What everything else is said in: money, numbers, contact points, and what is wrong with an input.

pub mod contact_point;
pub mod external_id;
pub mod fault;
pub mod instant;
pub mod limits;
pub mod money;
pub mod number;
pub mod trigger;
