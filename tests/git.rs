//! `gitdeck::git` against real repositories and servers.

mod commits;
mod fetching;
mod https;
mod reading;
mod world;
