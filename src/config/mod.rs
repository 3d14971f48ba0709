//! Files and environment to typed, layered settings.

pub mod settings;

pub use settings::{
    Access, ConsoleSettings, ProjectSettings, RepositorySettings, Safety, Settings,
};
