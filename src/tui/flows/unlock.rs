//! What opens the vault: asked for once by itself, when a secret of it is wanted, and again with a key.

use crate::domain::Secret;
use crate::engine::{Command, Store};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::popups::Popup;
use crate::tui::popups::prompt::{Ask, Prompt};
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::text::safe;

/// Asks by itself, once, and only where no other popup has the keys.
pub fn notice(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    if !ui.popups.is_empty() || std::mem::replace(&mut ui.asked_vault, true) {
        return Vec::new();
    }
    ask(ui, store, None);
    // What was typed for something else is no answer.
    vec![Effect::DrainInput]
}

/// Asks, with what was wrong about the answer before.
pub fn ask(ui: &mut Ui, store: &Store, wrong: Option<String>) {
    let Some(wanted) = &store.vault else {
        return ui.say(Role::Muted, "no secret of a locked vault was wanted");
    };
    let mut about: Vec<String> = wrong.into_iter().collect();
    about.push(
        safe(&format!("A secret of the vault was wanted. It opens with {wanted}.")).into_owned(),
    );
    let prompt = Prompt::new("Open the vault".to_owned(), about, Ask::Passphrase);
    ui.popups.push(Popup::Prompt(Box::new(prompt)));
}

/// Sends what was typed.
pub fn send(typed: Secret) -> Vec<Effect> {
    vec![Effect::Run(Command::Unlock { passphrase: typed }, Purpose::Unlock)]
}

/// Asks again where it did not open.
pub fn ended(ui: &mut Ui, store: &Store, failure: Option<String>) {
    if let Some(failure) = failure {
        ask(ui, store, Some(safe(&failure).into_owned()));
    }
}

/// Now that it is open, looks again at everything that may have waited for it.
pub fn opened(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    ui.asked_vault = false;
    ui.say(Role::Good, "the vault is open");
    let fetch =
        |name: &String| Effect::inform(Command::Fetch { repository: name.clone(), observe: true });
    store.repositories.keys().map(fetch).collect()
}
