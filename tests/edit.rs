//! `gitdeck edit`: a file of a mapping in the user's own editor, with and without a terminal; what was typed is never lost.

use crate::support::clusters::World;
use crate::support::demo::{gitdeck, said};
use crate::support::running::{Origin, config_map};
use crate::support::terminal::Terminal;
use portable_pty::CommandBuilder;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const TABLE: &str = "[mappings.pen]\nrepository = \"fleet\"\npath = \"pen\"\n";

struct Desk {
    origin: Origin,
    _world: World,
}

impl Desk {
    async fn new(namespace: &str) -> Self {
        let world = World::sandbox(namespace).await;
        let origin = Origin::new(&world, TABLE);
        let (one, two) = (config_map("one", "blue"), config_map("two", "red"));
        origin.commit("begin", &[("pen/one.yaml", Some(&one)), ("pen/two.yaml", Some(&two))]);
        fs::create_dir(origin.place().join("tmp")).unwrap();
        Self { origin, _world: world }
    }

    /// An editor that runs these lines of shell on `$1`.
    fn editor(&self, lines: &str) -> PathBuf {
        let path = self.origin.place().join("editor");
        fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn variables(&self) -> [(&'static str, PathBuf); 4] {
        let place = |what: &str| self.origin.place().join(what);
        [
            ("GITDECK_CACHE_DIR", place("cache")),
            ("GITDECK_DATA_DIR", place("data")),
            ("TMPDIR", place("tmp")),
            ("VISUAL", place("editor")),
        ]
    }

    /// Exit code and words of a run that nobody watches.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = gitdeck(&self.origin.config);
        let output = command.args(arguments).envs(self.variables()).output().unwrap();
        (output.status.code(), said(&output))
    }

    fn start(&self, arguments: &[&str]) -> Terminal {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gitdeck"));
        command.arg("--config");
        command.arg(&self.origin.config);
        command.args(arguments);
        for (name, value) in self.variables() {
            command.env(name, value);
        }
        Terminal::run(command, (120, 36))
    }

    /// What lies in the kept copies.
    fn kept(&self) -> Vec<String> {
        let folders = fs::read_dir(self.origin.place().join("tmp")).unwrap().flatten();
        let own =
            folders.filter(|one| one.file_name().to_string_lossy().starts_with("gitdeck-edit"));
        let files = own.flat_map(|one| fs::read_dir(one.path()).unwrap().flatten());
        files.map(|file| fs::read_to_string(file.path()).unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_may_be_the_editor() {
    let desk = Desk::new("edited").await;
    let yes = ["--yes", "--push"];
    desk.editor("test \"$(stat -c %a \"$1\")\" = 600 && sed -i s/blue/green/ \"$1\"");
    let (code, said) = desk.run(&["edit", "pen", "one.yaml"]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = desk.run(&[&["edit", "pen"][..], &yes].concat());
    assert!(code == Some(2) && said.contains("pen/one.yaml, pen/two.yaml"), "{said}");
    let (code, said) = desk.run(&[&["edit", "pen", "one.yaml"][..], &yes].concat());
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(desk.origin.pushed("pen/one.yaml"), config_map("one", "green"));
    assert!(desk.origin.message().starts_with("pen: key blue -> green\n"));
    // The same again changes nothing.
    let (code, said) = desk.run(&[&["edit", "pen", "one.yaml"][..], &yes].concat());
    assert!(code == Some(0) && said.contains("nothing was changed"), "{said}");
    assert_eq!((desk.origin.count(), desk.kept()), (2, Vec::new()));

    let branch = ["edit", "pen", "new.yaml", "--yes", "--branch", "draft", "-m", "a new one"];
    desk.editor(&format!("printf '%s' '{}' > \"$1\"", config_map("three", "grey")));
    let (code, said) = desk.run(&branch);
    assert!(code == Some(0) && said.contains("new.yaml is not there yet"), "{said}");
    assert_eq!(desk.origin.bare(&["log", "-1", "--format=%s", "draft"]), "a new one");
    assert_eq!(desk.origin.count(), 2);

    // Neither what does not render nor what the server refuses is committed, and neither is lost.
    for (typed, why) in [
        ("a: [".to_owned(), "one.yaml"),
        (config_map("one", "x").replace("key: \"x\"", "key: 5"), "data"),
    ] {
        desk.editor(&format!("printf '%s' '{typed}' > \"$1\""));
        let (code, said) = desk.run(&[&["edit", "pen", "one.yaml"][..], &yes].concat());
        assert!(code == Some(3) && said.contains(why), "{said}");
        assert!(said.contains("what you typed is in ") && desk.kept().contains(&typed), "{said}");
    }
    desk.editor("echo typed >> \"$1\"; exit 1");
    let (code, said) = desk.run(&[&["edit", "pen", "one.yaml"][..], &yes].concat());
    assert!(code == Some(3) && said.contains("ended with"), "{said}");
    assert_eq!(desk.kept().len(), 3);
    let (code, _) = desk.run(&["edit", "pen", "../elsewhere.yaml", "--yes", "--push"]);
    assert_eq!((code, desk.origin.count()), (Some(2), 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_is_asked_and_may_go_on() {
    let desk = Desk::new("edited-asked").await;
    // Wrong the first time, mended the second.
    let wrong = "grep -q oops \"$1\" && sed -i s/oops:/key:/ \"$1\" || sed -i 's/key: \"red\"/oops: [/' \"$1\"";
    desk.editor(&format!(
        "{wrong}\ngrep -q 'key: \\[' \"$1\" && sed -i 's/key: \\[/key: pink/' \"$1\"; true"
    ));
    let mut terminal = desk.start(&["edit", "pen"]);
    terminal.see("Which file?").keys("2\r");
    terminal.see("Go on editing?").keys("y\r");
    terminal.see("+  key: pink").see("Commit \"pen: key red -> pink\" to fleet?").keys("y\r");
    terminal.see("Push to fleet right after?").keys("y\r");
    assert_eq!(terminal.end(), 0, "{}", terminal.text());
    assert!(desk.origin.pushed("pen/two.yaml").contains("key: pink"));
    assert_eq!(desk.kept(), Vec::<String>::new());

    desk.editor("sed -i s/pink/gold/ \"$1\"");
    let mut terminal = desk.start(&["edit", "pen", "two.yaml"]);
    terminal.see("to fleet?").keys("n\r");
    terminal.see("nothing was committed").see("what you typed is in ");
    assert_eq!(terminal.end(), 0, "{}", terminal.text());
    // Interrupted at the question.
    let mut terminal = desk.start(&["edit", "pen", "two.yaml"]);
    terminal.see("to fleet?").keys("\u{3}");
    terminal.see("what you typed is in ");
    assert_eq!(terminal.end(), 130, "{}", terminal.text());
    let kept = desk.kept();
    assert!(kept.len() == 2 && kept.iter().all(|text| text.contains("key: gold")), "{kept:?}");
    assert_eq!(desk.origin.count(), 2);
}
