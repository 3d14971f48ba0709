//! The guides on the command line, in a terminal and without one.

use crate::support::clusters::World;
use crate::support::demo::{gitdeck, said};
use crate::support::running::{Origin, config_map};
use crate::support::terminal::Terminal;
use portable_pty::CommandBuilder;
use std::fs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_are_answered_and_a_mapping_runs() {
    let world = World::sandbox("guided").await;
    let origin = Origin::new(&world, "");
    origin.commit("begin", &[("apps/harp/map.yaml", Some(&config_map("harp", "gold")))]);
    let before = fs::read_to_string(&origin.config).expect("a configuration");
    let output = gitdeck(&origin.config).args(["guide", "mapping"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("gitdeck mapping import NAME"), "{}", said(&output));
    let start = |arguments: &[&str]| {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gitdeck"));
        command.arg("--config");
        command.arg(&origin.config);
        command.args(arguments);
        for what in ["CACHE", "DATA"] {
            command.env(format!("GITDECK_{what}_DIR"), origin.place().join(what));
        }
        Terminal::run(command, (100, 30))
    };
    let mut project = start(&["guide", "project", "music"]);
    project.see("Name of the project [music]:").keys("\r");
    project.see("Repository of its mappings [fleet]:").keys("flete\r");
    project.see("did you mean `fleet`?").keys("fleet\r");
    project.see("Folder that their paths").keys("apps\r");
    project.see("Context that they go to").keys("\r");
    project.see("Namespace that they go to").keys("\r");
    project.see("[projects.music]").see("Write this into").keys("y\r");
    assert_eq!(project.end(), 0, "{}", project.text());
    let mut mapping = start(&["guide", "mapping", "harp"]);
    mapping.see("Name of the mapping [harp]:").keys("\r");
    mapping.see("Project that it inherits from").keys("music\r");
    mapping.see("Repository [fleet]:").keys("\r");
    mapping.see("File or folder").keys("harp\r");
    mapping.see("Context that it goes to").keys("\r");
    mapping.see("Namespace that it goes to").keys("\r");
    mapping.see("Which side wins").keys("\r");
    mapping.see("1 to create?").keys("y\r");
    assert_eq!(mapping.end(), 0, "{}", mapping.text());
    let after = fs::read_to_string(&origin.config).expect("a configuration");
    assert!(after.starts_with(before.trim_end()), "{after}");
    for line in ["[projects.music]", "path_prefix = \"apps\"", "[mappings.harp]", "path = \"harp\""]
    {
        assert!(after.contains(line), "{line}: {after}");
    }
    let output = gitdeck(&origin.config).args(["status", "harp", "--exit-code"]).output();
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}
