//! The form of a commit, key by key.

use super::commit_form::CommitForm;
use crate::engine::store::Draft;
use crate::engine::{Command, Tried};
use crate::tui::effect::Effect;
use crate::tui::popups::Reaction;
use crate::tui::ui::Edits;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

fn draft(faults: &[&str]) -> Draft {
    Draft {
        message: "cart: image 1.4.2".into(),
        diff: "-a\n+b\n".into(),
        faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
        tried: Tried::default(),
    }
}

fn press(form: &mut CommitForm, code: KeyCode) -> Reaction {
    form.key(KeyEvent::new(code, KeyModifiers::NONE))
}

#[test]
fn the_default_message_is_sent_as_nothing() {
    let mut form = CommitForm::new("cart", Edits::default());
    assert!(matches!(press(&mut form, KeyCode::Enter), Reaction::Stay));
    form.drafted(&draft(&[]));
    let Reaction::Run(effects) = press(&mut form, KeyCode::Enter) else { panic!("no commit") };
    let Effect::Run(Command::Commit { message, push, .. }, _) = &effects[0] else {
        panic!("no commit")
    };
    assert_eq!((message, push), (&None, &false));
}

#[test]
fn an_own_message_and_a_push() {
    let mut form = CommitForm::new("cart", Edits::default());
    form.drafted(&draft(&[]));
    press(&mut form, KeyCode::BackTab);
    press(&mut form, KeyCode::Char('!'));
    press(&mut form, KeyCode::Tab);
    press(&mut form, KeyCode::Right);
    let Reaction::Run(effects) = press(&mut form, KeyCode::Enter) else { panic!("no commit") };
    let Effect::Run(Command::Commit { message, push, .. }, _) = &effects[0] else {
        panic!("no commit")
    };
    assert_eq!(message.as_deref(), Some("!cart: image 1.4.2"));
    assert!(push);
}

#[test]
fn what_the_server_refuses_is_committed_when_somebody_insists() {
    let mut form = CommitForm::new("cart", Edits::default());
    let tried = Tried { refused: vec!["a.yaml:1: Pod a: no".into()], ..Tried::default() };
    form.drafted(&Draft { tried, ..draft(&[]) });
    assert!(matches!(press(&mut form, KeyCode::Enter), Reaction::Stay));
    press(&mut form, KeyCode::Char('!'));
    let Reaction::Run(effects) = press(&mut form, KeyCode::Enter) else { panic!("no commit") };
    let Effect::Run(Command::Commit { validate, .. }, _) = &effects[0] else { panic!("no commit") };
    assert!(!validate);
}

#[test]
fn faults_block() {
    let mut form = CommitForm::new("cart", Edits::default());
    form.drafted(&draft(&["cart.yaml:3: mapping values are not allowed here"]));
    assert!(matches!(press(&mut form, KeyCode::Enter), Reaction::Stay));
}
