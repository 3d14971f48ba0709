//! The author that the user's own Git is configured with.

use crate::domain::Author;

/// `user.name` and `user.email` of the user's and the system's Git configuration; nothing where one is missing.
pub fn configured_author() -> Option<Author> {
    let config = git2::Config::open_default().ok()?;
    let name = config.get_string("user.name").ok()?;
    let email = config.get_string("user.email").ok()?;
    Some(Author { name, email })
}
