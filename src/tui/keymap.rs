//! The one table of keys: help, palette and hints are made from it.

use crate::tui::action::{Action, Motion, Pane};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with its modifiers, in the form in which it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// Whether Control is held.
    pub control: bool,
}

impl Key {
    const fn of(code: KeyCode) -> Self {
        Self { code, control: false }
    }

    const fn char(c: char) -> Self {
        Self::of(KeyCode::Char(c))
    }

    const fn ctrl(c: char) -> Self {
        Self { code: KeyCode::Char(c), control: true }
    }

    /// How it is written in help and hints.
    pub fn label(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) if self.control => c.to_ascii_uppercase().to_string(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            code => format!("{code:?}"),
        };
        if self.control { format!("Ctrl-{name}") } else { name }
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        let code = match event.code {
            KeyCode::Char(c) if control => KeyCode::Char(c.to_ascii_lowercase()),
            KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            code => code,
        };
        Self { code, control }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// What it asks for.
    pub action: Action,
    /// Keys that ask for it; the first is shown.
    pub keys: &'static [Key],
    /// Panes in which it holds; empty means everywhere.
    pub panes: &'static [Pane],
    /// What people type to find it in the palette; the word of the hints. No two actions share one.
    pub name: &'static str,
    /// Whether the last line of the screen mentions it.
    pub hinted: bool,
    /// What it does, for help and palette.
    pub about: &'static str,
    /// Whether it changes Git or a cluster; gone when read-only.
    pub writes: bool,
}

impl Binding {
    /// Whether it holds in a pane.
    pub fn holds_in(&self, pane: Pane) -> bool {
        self.panes.is_empty() || self.panes.contains(&pane)
    }

    /// Its keys, as they are written in help.
    pub fn labels(&self) -> String {
        self.keys.iter().map(|key| key.label()).collect::<Vec<_>>().join(" ")
    }
}

const LISTS: &[Pane] = &[Pane::Repositories, Pane::Mappings, Pane::Commits];
const OF_MAPPING: &[Pane] = &[Pane::Mappings, Pane::Commits, Pane::Diff, Pane::Sync];

const fn read(
    action: Action,
    keys: &'static [Key],
    panes: &'static [Pane],
    name: &'static str,
    about: &'static str,
) -> Binding {
    Binding { action, keys, panes, name, hinted: false, about, writes: false }
}

const fn write(
    action: Action,
    keys: &'static [Key],
    panes: &'static [Pane],
    name: &'static str,
    about: &'static str,
) -> Binding {
    Binding { action, keys, panes, name, hinted: true, about, writes: true }
}

const fn hinted(binding: Binding) -> Binding {
    Binding { hinted: true, ..binding }
}

const fn quiet(binding: Binding) -> Binding {
    Binding { hinted: false, ..binding }
}

const fn motion(
    motion: Motion,
    keys: &'static [Key],
    name: &'static str,
    about: &'static str,
) -> Binding {
    read(Action::Move(motion), keys, &[], name, about)
}

const fn focus(
    pane: Pane,
    keys: &'static [Key],
    name: &'static str,
    about: &'static str,
) -> Binding {
    read(Action::Focus(pane), keys, &[], name, about)
}

/// Every key of the panes, in the order of help and palette.
pub const TABLE: &[Binding] = &[
    write(
        Action::Sync,
        &[Key::char('s')],
        OF_MAPPING,
        "sync",
        "plan, ask, and apply the mapping or the marked ones",
    ),
    write(
        Action::Adopt,
        &[Key::char('a')],
        OF_MAPPING,
        "adopt",
        "commit live values: of the mapping, or of the line",
    ),
    quiet(write(
        Action::SetImage,
        &[Key::char('b')],
        OF_MAPPING,
        "set-image",
        "commit another version of an image",
    )),
    quiet(write(
        Action::SetValue,
        &[Key::char('v')],
        OF_MAPPING,
        "set-value",
        "commit another value of a field",
    )),
    write(Action::Edit, &[Key::char('e')], OF_MAPPING, "edit", "edit a file of the mapping"),
    write(Action::Commit, &[Key::char('c')], &[], "commit", "commit what was edited"),
    write(Action::Push, &[Key::char('P')], &[], "push", "push the commits that wait"),
    write(
        Action::Drop,
        &[Key::ctrl('x')],
        &[Pane::Commits],
        "drop",
        "drop the commit, if it waits for a push",
    ),
    write(
        Action::Accept,
        &[Key::char('A')],
        &[Pane::Repositories],
        "accept",
        "follow a rewritten branch, or trust an unknown host",
    ),
    write(
        Action::Revert,
        &[Key::char('R')],
        OF_MAPPING,
        "revert",
        "undo the commit, or the mapping's newest one",
    ),
    write(
        Action::Suspend,
        &[Key::char('x')],
        OF_MAPPING,
        "suspend",
        "suspend the mapping with a reason, or resume it",
    ),
    quiet(write(
        Action::Connect,
        &[Key::char('X')],
        OF_MAPPING,
        "connect",
        "disconnect the mapping, or connect it again",
    )),
    quiet(write(
        Action::Place,
        &[Key::char('M')],
        OF_MAPPING,
        "place",
        "another repository, path, target or source",
    )),
    write(
        Action::Import,
        &[Key::char('I')],
        &[Pane::Repositories],
        "import",
        "make a mapping of a path of the repository",
    ),
    quiet(write(
        Action::Export,
        &[Key::char('E')],
        &[],
        "export",
        "commit what runs in a namespace, and map it",
    )),
    quiet(write(
        Action::Guide,
        &[Key::ctrl('g')],
        &[],
        "guide",
        "configure by questions: global, a project, a mapping",
    )),
    hinted(read(
        Action::Unlock,
        &[Key::char('U')],
        &[],
        "unlock",
        "type what opens the vault of secrets",
    )),
    hinted(read(
        Action::Diff,
        &[Key::char('d')],
        OF_MAPPING,
        "diff",
        "show what a sync would change",
    )),
    hinted(read(
        Action::Describe,
        &[Key::char('D')],
        &[],
        "describe",
        "show everything known of the selection",
    )),
    read(
        Action::Blame,
        &[Key::char('B')],
        OF_MAPPING,
        "blame",
        "show which commit set each field in Git",
    ),
    hinted(read(
        Action::Check,
        &[Key::char('t')],
        &[Pane::Repositories],
        "test",
        "test address, credential, branch and push",
    )),
    read(Action::Open, &[Key::of(KeyCode::Enter)], &[], "open", "open the selection"),
    hinted(read(
        Action::Mark,
        &[Key::char(' ')],
        &[Pane::Mappings, Pane::Commits],
        "mark",
        "mark several mappings, or a range of commits",
    )),
    hinted(read(
        Action::Fold,
        &[Key::char(' ')],
        &[Pane::Diff],
        "fold",
        "fold or unfold the object",
    )),
    read(
        Action::FoldAll,
        &[Key::char('f')],
        &[Pane::Diff],
        "fold-all",
        "fold or unfold every object",
    ),
    read(
        Action::LeftOut,
        &[Key::char('i')],
        &[Pane::Diff],
        "ignored",
        "list what is left out, with the reasons",
    ),
    hinted(read(Action::Filter, &[Key::char('/')], LISTS, "filter", "filter the list")),
    hinted(read(Action::Palette, &[Key::char(':')], &[], "commands", "find an action by its name")),
    hinted(read(Action::Help, &[Key::char('?')], &[], "help", "show the keys")),
    read(Action::Refresh, &[Key::ctrl('r')], &[], "refresh", "fetch and observe now"),
    read(
        Action::Activity,
        &[Key::char('w')],
        &[],
        "activity",
        "what runs, what ended, and the errors",
    ),
    read(Action::Causes, &[Key::char('C')], &[], "causes", "what is ill, grouped by its cause"),
    read(Action::Copy, &[Key::char('y')], &[], "copy", "copy the command line that is shown"),
    read(Action::Zoom, &[Key::char('z')], &[], "zoom", "one pane on the whole screen"),
    read(Action::Back, &[Key::of(KeyCode::Esc)], &[], "back", "go back: filter, marks, zoom"),
    motion(Motion::Down, &[Key::char('j'), Key::of(KeyCode::Down)], "down", "next row"),
    motion(Motion::Up, &[Key::char('k'), Key::of(KeyCode::Up)], "up", "previous row"),
    motion(Motion::Top, &[Key::char('g'), Key::of(KeyCode::Home)], "top", "first row"),
    motion(Motion::Bottom, &[Key::char('G'), Key::of(KeyCode::End)], "bottom", "last row"),
    motion(Motion::HalfDown, &[Key::ctrl('d')], "half-down", "half a page down"),
    motion(Motion::HalfUp, &[Key::ctrl('u')], "half-up", "half a page up"),
    motion(
        Motion::PageDown,
        &[Key::of(KeyCode::PageDown), Key::ctrl('f')],
        "page-down",
        "a page down",
    ),
    motion(Motion::PageUp, &[Key::of(KeyCode::PageUp), Key::ctrl('b')], "page-up", "a page up"),
    focus(Pane::Repositories, &[Key::char('1')], "repositories", "go to the repositories"),
    focus(Pane::Mappings, &[Key::char('2')], "mappings", "go to the mappings"),
    focus(Pane::Commits, &[Key::char('3')], "commits", "go to the commits"),
    focus(Pane::Diff, &[Key::char('4')], "diff-pane", "go to the diff"),
    focus(Pane::Sync, &[Key::char('5')], "sync-pane", "go to sync"),
    read(Action::NextPane, &[Key::of(KeyCode::Tab)], &[], "next-pane", "next pane"),
    read(Action::PreviousPane, &[Key::of(KeyCode::BackTab)], &[], "previous-pane", "previous pane"),
    read(Action::Stop, &[Key::ctrl('z')], &[], "stop", "stop; the shell's `fg` comes back"),
    hinted(read(
        Action::Quit,
        &[Key::char('q'), Key::ctrl('c')],
        &[],
        "quit",
        "quit; asks while something writes",
    )),
];

/// The table, without the rows that a read-only console has not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keymap {
    read_only: bool,
}

impl Keymap {
    /// The keys of a console that may write, or of one that may not.
    pub fn new(read_only: bool) -> Self {
        Self { read_only }
    }

    /// Every row that exists, in the order of help.
    pub fn bindings(self) -> impl Iterator<Item = &'static Binding> {
        TABLE.iter().filter(move |binding| !(self.read_only && binding.writes))
    }

    /// The first pane that knows an action, where the one in focus does not.
    pub fn home(self, action: Action, focus: Pane) -> Option<Pane> {
        let known = |pane| self.bindings().any(|b| b.action == action && b.holds_in(pane));
        let elsewhere = self.bindings().find(|binding| binding.action == action)?.panes.first();
        elsewhere.copied().filter(|_| !known(focus))
    }

    /// What a key asks for in a pane.
    pub fn action(self, pane: Pane, key: KeyEvent) -> Option<Action> {
        let key = Key::from(key);
        self.bindings()
            .find(|binding| binding.holds_in(pane) && binding.keys.contains(&key))
            .map(|binding| binding.action)
    }
}

#[cfg(test)]
mod tests {
    use super::{Keymap, TABLE};
    use crate::tui::action::{Action, Pane};
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    #[test]
    fn no_key_means_two_things_in_one_pane() {
        for pane in Pane::ALL {
            let mut seen = std::collections::HashSet::new();
            for binding in TABLE.iter().filter(|binding| binding.holds_in(pane)) {
                for key in binding.keys {
                    assert!(seen.insert(*key), "{} twice in {pane:?}", key.label());
                }
            }
        }
    }

    #[test]
    fn read_only_has_no_key_that_writes() {
        let keymap = Keymap::new(true);
        assert!(keymap.bindings().all(|binding| !binding.writes));
        let s = KeyEvent::new(KeyCode::Char('s'), KeyModifiers::NONE);
        assert_eq!(keymap.action(Pane::Mappings, s), None);
        assert_eq!(Keymap::new(false).action(Pane::Mappings, s), Some(Action::Sync));
    }

    #[test]
    fn every_row_has_a_name_of_its_own_and_says_what_it_does() {
        let mut names = std::collections::HashSet::new();
        for binding in TABLE {
            assert!(!binding.about.is_empty() && !binding.keys.is_empty(), "{}", binding.name);
            let plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(binding.name.len() > 1 && binding.name.chars().all(plain), "{}", binding.name);
            assert!(names.insert(binding.name), "{} twice", binding.name);
        }
    }

    #[test]
    fn the_readme_names_every_key() {
        let readme = include_str!("../../README.md");
        let keys = readme.split("## Keys").nth(1).and_then(|rest| rest.split("\n## ").next());
        let named: Vec<&str> = keys.unwrap().split('`').skip(1).step_by(2).collect();
        let named: Vec<&str> = named.iter().flat_map(|some| some.split(' ')).collect();
        for binding in TABLE.iter().filter(|binding| !matches!(binding.action, Action::Focus(_))) {
            let label = binding.keys[0].label();
            assert!(named.contains(&label.as_str()), "{label} ({}) is not in README", binding.name);
        }
    }
}
