//! Files on deals, clients, activities and documents, and the store where their bytes are.

mod cut_off;
mod downloads;
mod limits;
mod names;
mod shelf;
mod sight;
mod store;
mod upkeep;
