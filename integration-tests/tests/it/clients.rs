//! Clients and their contacts: how they are reached, found, and told apart.

mod reach;
