//! Versions of processes, and drafts of them.

mod process_drafts;
mod random_processes;
mod version_histories;
mod versions;
