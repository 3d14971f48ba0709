//! Generic parts of the screen; none of them knows the domain.

pub mod area;
pub mod field;
pub mod finder;
pub mod frame;
pub mod progress;
pub mod scroll;
pub mod sheet;
pub mod table;
pub mod text;
pub mod yaml;
