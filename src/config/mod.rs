//! Files and environment to typed, layered settings.

pub mod address;
pub mod change;
mod context;
mod depends;
pub mod duration;
pub mod edit;
pub mod environment;
pub mod explain;
pub mod fault;
pub mod guide;
mod inherit;
pub mod load;
mod messages;
mod raw;
mod reader;
mod recording;
mod rendering;
mod resolve;
mod rules;
pub mod settings;
pub mod suggest;
#[cfg(test)]
mod tests;
pub mod trace;
mod watched;
mod write;

pub use environment::Environment;
pub use explain::Explanation;
pub use fault::ConfigError;
pub use load::{Loaded, Overrides, Places, load};
pub use settings::{
    Access, ConsoleSettings, Notify, ProjectSettings, RepositorySettings, Safety, Settings,
};
pub use watched::Watched;
pub use write::replace_private;
