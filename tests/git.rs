//! `gitdeck::git` against real repositories and servers.

mod child;
mod commits;
mod crowd;
mod damage;
mod faults;
mod fetching;
mod histories;
mod hostile;
mod https;
mod index;
mod jump;
mod named;
mod ranges;
mod reading;
mod reverting;
mod seals;
mod signing;
mod ssh;
pub mod world;
