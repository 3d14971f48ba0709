//! What the command line understands, and how it explains itself.

use super::args::{Arguments, Format};
use super::{Command, Exit, Face, parse};
use clap::CommandFactory;
use std::ffi::OsString;
use std::fmt::Write;

#[test]
fn every_help_is_as_reviewed() {
    let mut text = String::new();
    let mut command = Arguments::command().term_width(100);
    command.build();
    help(&mut command, &mut text);
    insta::with_settings!({ snapshot_path => "../../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("cli_help", text);
    });
}

fn help(command: &mut clap::Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or("gitdeck").to_owned();
    let rendered = command.render_long_help().to_string();
    // The same below every subcommand: once is enough.
    let own = rendered.split("Global options:").next().unwrap_or_default();
    let shown = if name == "gitdeck" { rendered.as_str() } else { own };
    let _ = write!(text, "===== {name}\n{}\n\n", shown.trim_end());
    for inner in command.get_subcommands_mut() {
        help(inner, text);
    }
}

#[test]
fn faces_are_told_apart() {
    let face = |line: &str| {
        parse(line.split_whitespace().map(OsString::from)).map(|invocation| invocation.face)
    };
    assert!(matches!(face("gitdeck"), Ok(Face::Console)));
    assert!(matches!(face("gitdeck demo --headless"), Ok(Face::Demo(demo)) if demo.headless));
    assert!(matches!(face("gitdeck status"), Ok(Face::Command(Command::Work(_)))));
    assert_eq!(face("gitdeck nonsense").err(), Some(Exit::Usage));
    let global = parse(["gitdeck", "status", "-o", "yaml"].map(OsString::from)).unwrap().global;
    assert_eq!(global.output, Format::Yaml);
}

/// Lines of the README's shell blocks, each command by itself.
fn commands_of_readme(readme: &str) -> Vec<&str> {
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.split(" #").next());
    lines.flat_map(|line| line.split(';')).map(str::trim).collect()
}

#[test]
fn every_command_line_of_the_readme_is_understood() {
    let readme = include_str!("../../README.md");
    let ours = commands_of_readme(readme).into_iter().filter(|line| line.starts_with("gitdeck "));
    let ours: Vec<&str> = ours.collect();
    assert!(ours.len() > 5, "{ours:?}");
    for line in ours {
        let parsed = parse(line.split_whitespace().map(OsString::from));
        assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
    }
}

#[test]
fn every_flag_of_the_readme_exists() {
    fn flags(command: &clap::Command, known: &mut Vec<String>) {
        known.extend(command.get_arguments().filter_map(|flag| flag.get_long()).map(str::to_owned));
        command.get_subcommands().for_each(|inner| flags(inner, known));
    }
    let mut known = vec!["help".to_owned(), "version".to_owned()];
    flags(&Arguments::command(), &mut known);
    let readme = include_str!("../../README.md");
    let table =
        readme.split("## Command line").nth(1).and_then(|r| r.split("### Documents").next());
    let text = table.unwrap();
    let mut seen = 0;
    for (at, _) in text.match_indices("--") {
        let word: String =
            text[at + 2..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        // Lines of tables are made of dashes, too.
        if !word.is_empty() && !word.starts_with('-') {
            assert!(known.contains(&word), "--{word} is in README and nowhere else");
            seen += 1;
        }
    }
    assert!(seen > 10);
}
