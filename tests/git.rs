//! `gitdeck::git` against real repositories and servers.

mod child;
mod commits;
mod damage;
mod fetching;
mod https;
mod reading;
mod signing;
mod ssh;
mod world;
