//! `gitdeck::git` against real repositories and servers.

mod commits;
mod fetching;
mod reading;
mod world;
