//! The built console in a pseudo-terminal: every way out gives the terminal back, and nothing that is typed harms it.

use crate::support::terminal::{Terminal, wait_for_end};
use portable_pty::CommandBuilder;
use rustix::process::{Pid, Signal};
use std::time::Duration;

const SIZE: (u16, u16) = (80, 24);

/// The console on an empty configuration.
fn console(size: (u16, u16)) -> Terminal {
    let mut terminal = Terminal::start::<&str>(&[], size);
    terminal.see("2 Mappings").see("No mapping is configured");
    terminal
}

#[test]
fn q_gives_the_terminal_back() {
    let mut terminal = console(SIZE);
    assert_eq!(terminal.keys("q").end(), 0);
    terminal.assert_restored();
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut terminal = console(SIZE);
        terminal.signal(signal);
        terminal.end();
        terminal.assert_restored();
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_tells_only_the_place() {
    let mut command = CommandBuilder::new(std::env::current_exe().expect("the test binary"));
    command.args(["pty::panics_inside_the_terminal", "--exact", "--ignored", "--nocapture"]);
    let mut terminal = Terminal::run(command, SIZE);
    terminal.see("a fault in gitdeck itself");
    terminal.end();
    terminal.assert_restored();
    let bytes = terminal.bytes();
    let said = String::from_utf8_lossy(&bytes);
    assert!(said.contains("tests/pty.rs") && !said.contains("hunter2"), "{said}");
}

/// Not a test by itself: the child of the test above.
#[test]
#[ignore = "runs inside a pseudo-terminal, as the child of another test"]
fn panics_inside_the_terminal() {
    let _screen = gitdeck::tui::terminal::Screen::enter().expect("a terminal");
    panic!("the password is hunter2");
}

#[test]
fn ctrl_z_stops_and_comes_back() {
    let mut terminal = console(SIZE);
    terminal.keys("\x1a");
    terminal.wait("the main screen", |screen| !screen.alternate_screen() && !screen.hide_cursor());
    terminal.await_stopped();
    terminal.signal(Signal::CONT);
    terminal.wait("the alternate screen", vt100::Screen::alternate_screen).see("2 Mappings");
    assert_eq!(terminal.keys("q").end(), 0);
    terminal.assert_restored();
}

#[test]
fn a_hangup_ends_the_process() {
    // `script` holds the terminal of the console; killed, it closes it without a word.
    let mut command = CommandBuilder::new("script");
    let console =
        format!("sh -c 'trap \"\" HUP; echo pid=$$.; exec {}'", env!("CARGO_BIN_EXE_gitdeck"));
    command.args(["-qfc", &console, "/dev/null"]);
    let mut terminal = Terminal::run(command, SIZE);
    terminal.see("2 Mappings");
    let bytes = terminal.bytes();
    let text = String::from_utf8_lossy(&bytes);
    let (_, rest) = text.split_once("pid=").expect("the id of the console");
    let id: i32 = rest.split('.').next().and_then(|id| id.parse().ok()).expect("an id");
    terminal.signal(Signal::KILL);
    // Within 3 s on an idle machine; the rest is for a busy one.
    wait_for_end(Pid::from_raw(id).expect("an id"), Duration::from_secs(30));
}

#[test]
fn every_size_is_survived() {
    let mut terminal = console(SIZE);
    let mut seed: u64 = 42;
    for _ in 0..200 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let width = 1 + (seed >> 33) % 300;
        let height = 1 + (seed >> 45) % 100;
        terminal
            .resize((u16::try_from(width).expect("small"), u16::try_from(height).expect("small")));
    }
    terminal.resize((120, 36)).see("5 Sync").see("1 Repositories");
    terminal.resize((50, 10)).see("gitdeck needs 60x15");
    assert_eq!(terminal.keys("q").end(), 0);
    terminal.assert_restored();
}

#[test]
fn whatever_is_typed_the_console_answers() {
    let mut terminal = console((120, 36));
    let mut seed: u64 = 7;
    // No `:`: the palette can find `quit`.
    let letters = b"jkgGsecPxdDt /?fwyz12345nlhu\x1b\x15\x04\x12\x13\t\r\x7f";
    let mut burst = String::new();
    for _ in 0..1_500 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        burst.push(char::from(letters[(seed >> 33) as usize % letters.len()]));
    }
    terminal.keys(&burst);
    // Out of whatever was opened, and into the help: all of the burst was read.
    terminal.keys("\x1b[200~pasted\nq\x1b[201~");
    for _ in 0..12 {
        terminal.keys("\x1b\x1b");
    }
    terminal.keys("2?").see("In Mappings").keys("\x1b").miss("In Mappings");
    assert_eq!(terminal.keys("q").end(), 0);
    terminal.assert_restored();
}

#[test]
fn no_colour_is_written_where_none_is_wanted() {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gitdeck"));
    command.args(["--color", "never"]);
    let mut terminal = Terminal::run(command, SIZE);
    terminal.see("2 Mappings").keys("?").see("Keys").keys("\x1bq");
    assert_eq!(terminal.end(), 0);
    let bytes = terminal.bytes();
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("\x1b[38;5;") && !text.contains("\x1b[48;5;"), "{text:?}");
}

#[test]
fn without_a_terminal_it_says_so() {
    let home = tempfile::tempdir().expect("a home");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_gitdeck"))
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the binary starts");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("terminal"));
}

#[test]
fn a_text_goes_to_the_own_editor_and_comes_back() {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gitdeck"));
    command.arg("demo");
    command.env(
        "VISUAL",
        "sh -c 'stty -a | grep -c \"[^-]icanon\"; sed -i s/replicas:/answer:/ \"$1\"' own",
    );
    let mut terminal = Terminal::run(command, (120, 36));
    terminal.see("2 Mappings").see("catalog").keys("2/catalog\r").see("1 of ");
    terminal.keys("e").see("Edit a file of catalog").keys("deployment\r").see("replicas:");
    terminal.keys("\x0f").see("answer:").see("changed");
    // The console reads keys again, and its own undo takes the whole text back.
    terminal.keys("\x1a\x1a").see("replicas:").keys("\x1b").see("2 Mappings");
    assert_eq!(terminal.keys("q").end(), 0);
    terminal.assert_restored();
}
