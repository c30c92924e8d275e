//! Imports.

mod demo;
mod import_bombs;
mod import_clients;
pub mod import_custom;
mod import_files;
pub mod import_kinds;
pub mod imports;
mod imports_at_scale;
mod imports_in_line;
mod imports_over_time;
pub mod real_data;
