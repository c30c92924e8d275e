//! What several contexts take or answer.

pub mod client;
pub mod deal;
pub mod deal_line;
pub mod demand;
pub mod event;
pub mod external_id;
pub mod money;
pub mod new_deal;
pub mod obstacle;
pub mod process;
pub mod recording;
