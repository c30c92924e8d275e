//! What holds for every operation: lists, changes, repetitions, headers.

mod http;
mod lists;
mod writes;
