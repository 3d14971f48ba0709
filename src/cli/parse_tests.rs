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
