//! Properties of the pure domain, over random processes, commands, decks of deals and files.

mod automation;
mod commands;
mod funnel;
mod history;
mod imports;
mod inputs;
mod oracle;
mod segments;
mod world;
