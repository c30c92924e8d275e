//! What several contexts take or answer.

pub mod deal;
pub mod deal_line;
pub mod event;
pub mod external_id;
pub mod money;
pub mod obstacle;
pub mod process;
