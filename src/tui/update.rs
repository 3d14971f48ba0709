//! Root update: input goes to the popup on top, else to the filter being typed, else to the pane in focus.

use crate::engine::{Command, Event, Store};
use crate::tui::action::{Action, Motion, Pane};
use crate::tui::command_line::command_line;
use crate::tui::describe::{causes, describe};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::{
    accept, adopt, blame, connect, diagnose, edit, ended, export, go_on, guide, leave, place,
    revert, sync, travel, unlock, write,
};
use crate::tui::popups::activity::Activity;
use crate::tui::popups::help::Help;
use crate::tui::popups::palette::Palette;
use crate::tui::popups::{Popup, Reaction};
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crossterm::event::{
    Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent,
    MouseEventKind,
};
use ratatui::layout::Rect;

/// Takes input from the terminal.
pub fn input(ui: &mut Ui, store: &Store, input: Input) -> Vec<Effect> {
    let mut effects = match input {
        Input::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
        Input::Key(key) => self::key(ui, store, key),
        Input::Paste(text) => {
            paste(ui, &text);
            Vec::new()
        }
        Input::Mouse(mouse) => self::mouse(ui, store, mouse),
        Input::Resize(width, height) => {
            ui.layout.screen = Rect::new(0, 0, width, height);
            Vec::new()
        }
        Input::FocusGained | Input::FocusLost => Vec::new(),
    };
    effects.extend(ui.settle(store));
    effects
}

/// Takes a fact that the store took in already.
pub fn event(ui: &mut Ui, store: &Store, event: &Event) -> Vec<Effect> {
    ended::follow(ui, store, event)
}

fn key(ui: &mut Ui, store: &Store, key: KeyEvent) -> Vec<Effect> {
    let typing = matches!(ui.popups.last(), Some(Popup::Editor(_) | Popup::CommitForm(_)));
    if key.modifiers.contains(KeyModifiers::ALT) && !typing {
        // A terminal sends the same bytes for Alt with a letter and for Esc right before it; nothing here is on Alt.
        let mut effects = plain_key(ui, store, KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
        let letter = KeyEvent { modifiers: key.modifiers.difference(KeyModifiers::ALT), ..key };
        effects.extend(plain_key(ui, store, letter));
        return effects;
    }
    plain_key(ui, store, key)
}

fn plain_key(ui: &mut Ui, store: &Store, key: KeyEvent) -> Vec<Effect> {
    if let Some(popup) = ui.popups.last_mut() {
        let reaction = popup.key(key, store);
        return react(ui, store, reaction);
    }
    if let Some(pane) = ui.filtering {
        return filter_key(ui, store, pane, key);
    }
    if ui.layout.too_small && !matches!(key.code, KeyCode::Char('q' | 'c')) {
        return Vec::new();
    }
    match ui.keymap.action(ui.focus, key) {
        Some(action) => act(ui, store, action),
        None => Vec::new(),
    }
}

fn react(ui: &mut Ui, store: &Store, reaction: Reaction) -> Vec<Effect> {
    match reaction {
        Reaction::Stay => Vec::new(),
        Reaction::Close => {
            ui.popups.pop();
            Vec::new()
        }
        Reaction::Run(effects) => effects,
        Reaction::Act(action) => {
            ui.popups.pop();
            // The palette finds what other panes do as well.
            let elsewhere = ui.keymap.home(action, ui.focus);
            let mut effects =
                elsewhere.map_or_else(Vec::new, |pane| act(ui, store, Action::Focus(pane)));
            effects.extend(act(ui, store, action));
            effects
        }
        Reaction::Open(popup) => {
            ui.popups.push(popup);
            Vec::new()
        }
        Reaction::Go(step) => {
            ui.popups.pop();
            // An editor that asked what to do with its text is done with it.
            if matches!(
                step,
                crate::tui::flows::Step::Keep(_) | crate::tui::flows::Step::Forget { .. }
            ) && matches!(ui.popups.last(), Some(Popup::Editor(_)))
            {
                ui.popups.pop();
            }
            go_on(ui, store, step)
        }
        Reaction::GoOver(step) => go_on(ui, store, step),
    }
}

fn paste(ui: &mut Ui, text: &str) {
    if let Some(popup) = ui.popups.last_mut() {
        popup.paste(text);
    } else if let Some(pane) = ui.filtering {
        if let Some(rows) = ui.rows_mut(pane) {
            rows.filter.paste(text);
        }
        ui.touch();
    }
}

fn filter_key(ui: &mut Ui, store: &Store, pane: Pane, key: KeyEvent) -> Vec<Effect> {
    ui.touch();
    match key.code {
        KeyCode::Enter => ui.filtering = None,
        KeyCode::Esc => {
            ui.filtering = None;
            clear_filter(ui, pane);
        }
        KeyCode::Up => step(ui, store, Motion::Up),
        KeyCode::Down => step(ui, store, Motion::Down),
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
            return leave::ask(ui, store);
        }
        _ => {
            if let Some(rows) = ui.rows_mut(pane) {
                rows.filter.key(key);
            }
        }
    }
    Vec::new()
}

fn clear_filter(ui: &mut Ui, pane: Pane) -> bool {
    let Some(rows) = ui.rows_mut(pane) else { return false };
    let filtered = !rows.filter.text().is_empty();
    rows.filter = crate::tui::widgets::field::Field::default();
    ui.touch();
    filtered
}

/// Does what a key, the palette or a click asks for.
pub fn act(ui: &mut Ui, store: &Store, action: Action) -> Vec<Effect> {
    if !matches!(action, Action::Move(_)) {
        ui.notice = None;
    }
    if connect::forbids(ui, store, action) {
        return Vec::new();
    }
    match action {
        Action::Move(motion) => step(ui, store, motion),
        Action::Focus(pane) => ui.focus_on(pane),
        Action::NextPane => ui.focus_on(ui.focus.step(1)),
        Action::PreviousPane => ui.focus_on(ui.focus.step(-1)),
        Action::Open => return open(ui, store),
        Action::Zoom => ui.zoom = !ui.zoom,
        Action::Back => return back(ui),
        Action::Filter => {
            clear_filter(ui, ui.focus);
            ui.filtering = Some(ui.focus);
        }
        Action::Palette => {
            ui.popups.push(Popup::Palette(Box::new(Palette::new(ui.keymap, ui.focus))));
        }
        Action::Help => ui.popups.push(Popup::Help(Box::new(Help::new(ui.keymap, ui.focus)))),
        Action::Activity => ui.popups.push(Popup::Activity(Box::<Activity>::default())),
        Action::Causes => ui.popups.push(Popup::Reader(Box::new(causes(store)))),
        Action::Mark if ui.focus == Pane::Commits => ui.commits.mark(),
        Action::Mark => {
            ui.mappings.mark(store);
            ui.touch();
        }
        Action::Fold => ui.diff.fold(),
        Action::FoldAll => ui.diff.fold_all(),
        Action::LeftOut => return left_out(ui, store),
        Action::Describe => return self::describe_selection(ui, store),
        Action::Diff => return diff(ui, store),
        Action::Blame => return blame::begin(ui, store),
        Action::Copy => return copy(ui, store),
        Action::Refresh => return refresh(ui, store),
        Action::Check => return check(ui),
        Action::Sync => return sync::begin(ui, store),
        Action::Edit => return edit::begin(ui),
        Action::Commit => return edit::commit(ui),
        Action::Push => return write::push(ui, store),
        Action::Drop => write::drop(ui, store),
        Action::Accept => return accept::begin(ui, store),
        Action::Unlock => unlock::ask(ui, store, None),
        Action::Revert => return revert::begin(ui, store),
        Action::Adopt => return adopt::begin(ui, store),
        Action::SetImage => adopt::ask_image(ui),
        Action::SetValue => adopt::ask_value(ui, store),
        Action::Suspend => return write::suspend(ui, store),
        Action::Connect => connect::ask(ui, store),
        Action::Import => return place::begin(ui, store),
        Action::Export => export::begin(ui, store),
        Action::Place => place::change(ui, store),
        Action::Guide => guide::ask(ui),
        Action::Stop => return vec![Effect::Stop],
        Action::Quit => return leave::ask(ui, store),
    }
    Vec::new()
}

fn step(ui: &mut Ui, store: &Store, motion: Motion) {
    match ui.focus {
        Pane::Repositories => {
            ui.repositories.step(motion, store);
            ui.touch();
        }
        Pane::Mappings => ui.mappings.step(motion, store),
        Pane::Commits => ui.commits.step(motion, store),
        Pane::Diff => ui.diff.step(motion),
        Pane::Sync => ui.sync.step(motion),
    }
}

fn open(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    match ui.focus {
        Pane::Repositories => ui.focus_on(Pane::Mappings),
        Pane::Mappings => ui.focus_on(Pane::Diff),
        Pane::Commits => return show_commit(ui, store),
        Pane::Diff => ui.diff.fold(),
        Pane::Sync => return describe_selection(ui, store),
    }
    Vec::new()
}

fn show_commit(ui: &Ui, store: &Store) -> Vec<Effect> {
    let Some(revision) = ui.commits.selected.clone() else { return Vec::new() };
    // Several repositories may have it.
    let repository = ui.selected_repository(store);
    let command = Command::Show { repository: repository.clone(), revision: revision.clone() };
    vec![Effect::Run(command, Purpose::Show { repository, revision })]
}

fn back(ui: &mut Ui) -> Vec<Effect> {
    if clear_filter(ui, ui.focus) {
        return Vec::new();
    }
    if let Some(flow) = ui.revert_flow.take() {
        ui.say(Role::Muted, "nothing is reverted");
        return flow.stop();
    }
    if ui.sync_flow.take().is_some() {
        ui.say(Role::Muted, "the plan is not asked about any more");
    } else if ui.zoom {
        ui.zoom = false;
    } else if ui.focus == Pane::Commits && ui.commits.mark.take().is_some() {
        ui.touch();
    } else if !ui.mappings.marked.is_empty() {
        ui.mappings.marked.clear();
    } else {
        match ui.focus {
            Pane::Mappings | Pane::Repositories => {
                ui.repositories.selected = None;
                ui.touch();
            }
            Pane::Commits | Pane::Diff | Pane::Sync => ui.focus_on(Pane::Mappings),
        }
    }
    Vec::new()
}

fn diff(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    ui.focus_on(Pane::Diff);
    let Some(view) = ui.selected_mapping(store) else { return Vec::new() };
    if view.plan.is_some() {
        return Vec::new();
    }
    let options = crate::engine::SyncOptions::default();
    let mapping = view.mapping.name.clone();
    vec![Effect::inform(Command::Plan { mapping, revision: None, options })]
}

/// Lists what was left out; of objects that need nothing it is looked up now.
fn left_out(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    let listed = ui.diff.list_left_out() && travel::destination(ui, store).is_none();
    let Some(view) = ui.selected_mapping(store).filter(|_| listed) else { return Vec::new() };
    let options = crate::engine::SyncOptions { everything: true, ..Default::default() };
    let mapping = view.mapping.name.clone();
    vec![Effect::inform(Command::Plan { mapping, revision: None, options })]
}

fn copy(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    let Some(line) = command_line(ui, store) else { return Vec::new() };
    ui.say(Role::Muted, format!("sent to the terminal's clipboard: {line}"));
    vec![Effect::Copy(line)]
}

fn refresh(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    ui.verifying.forget();
    if ui.focus == Pane::Repositories {
        let names: Vec<String> = match &ui.repositories.selected {
            Some(name) => vec![name.clone()],
            None => store.repositories.keys().cloned().collect(),
        };
        let fetch = |repository| Effect::inform(Command::Fetch { repository, observe: true });
        return names.into_iter().map(fetch).collect();
    }
    let mapping = ui.mappings.selected.clone();
    let observe = |mapping| Effect::inform(Command::Observe { mapping, fetch: true });
    mapping.into_iter().map(observe).collect()
}

fn check(ui: &mut Ui) -> Vec<Effect> {
    let Some(repository) = ui.repositories.selected.clone() else {
        ui.say(Role::Muted, "no single repository is selected");
        return Vec::new();
    };
    let command = Command::CheckRepository { repository: repository.clone() };
    vec![Effect::Run(command, Purpose::Check { repository })]
}

fn describe_selection(ui: &mut Ui, store: &Store) -> Vec<Effect> {
    if ui.focus == Pane::Commits {
        return show_commit(ui, store);
    }
    if let Some(reader) = describe(ui, store) {
        ui.popups.push(Popup::Reader(Box::new(reader)));
        return diagnose::begin(ui, store);
    }
    Vec::new()
}

fn mouse(ui: &mut Ui, store: &Store, mouse: MouseEvent) -> Vec<Effect> {
    let wheel = match mouse.kind {
        MouseEventKind::ScrollUp => Some(Motion::Up),
        MouseEventKind::ScrollDown => Some(Motion::Down),
        _ => None,
    };
    if let Some(popup) = ui.popups.last_mut() {
        let code = match wheel {
            Some(Motion::Up) => KeyCode::Up,
            Some(_) => KeyCode::Down,
            None => return Vec::new(),
        };
        let reaction = popup.wheel(KeyEvent::new(code, KeyModifiers::NONE), store);
        return react(ui, store, reaction);
    }
    let Some(pane) = ui.layout.pane_at(mouse.column, mouse.row) else { return Vec::new() };
    if let Some(motion) = wheel {
        ui.focus_on(pane);
        step(ui, store, motion);
    } else if mouse.kind == MouseEventKind::Down(MouseButton::Left) {
        ui.filtering = None;
        ui.focus_on(pane);
        let top = ui.layout.pane(pane).y + 1;
        let line = mouse.row.saturating_sub(top) as usize;
        match pane {
            Pane::Repositories => {
                ui.repositories.click(line, store);
                ui.touch();
            }
            Pane::Mappings => ui.mappings.click(line, store),
            Pane::Commits => ui.commits.click(line, store),
            Pane::Diff => ui.diff.click(line),
            Pane::Sync => {}
        }
    }
    Vec::new()
}
