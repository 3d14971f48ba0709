//! From the start of the program to its first complete frame, beside lazygit, gitui and k9s in the same run.
//!
//! usage: cargo bench --bench first_frame [-- ROUNDS]        (default: 15)
//!
//! Every program starts in a pseudo-terminal of 120x36 cells whose output a screen parser reads. Its frame counts as
//! complete when the screen shows the marks below: its last pane's title and a row of its main list, that is, content and
//! not only borders. Time runs from the call that starts the process to the moment when the parser has seen both.
//!
//! gitdeck has a configuration with 1,000 mappings: *warm* with the cache that `gitdeck status` left behind, *cold*
//! without cache and mirror. The Git programs start on the repository of the same fleet, k9s on its cluster. Programs that
//! are not on PATH are named and left out. The rounds are interleaved; the medians, the ranges and, round by round, the
//! ratios to warm gitdeck are printed.

#[path = "support/fleet.rs"]
mod fleet;
#[path = "../tests/support/terminal.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod terminal;

use fleet::Fleet;
use portable_pty::CommandBuilder;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use terminal::Terminal;

const MAPPINGS: usize = 1_000;
const SIZE: (u16, u16) = (120, 36);

/// A program, how it is started, and what its first complete frame shows.
struct Subject {
    name: &'static str,
    command: Box<dyn Fn() -> CommandBuilder>,
    marks: [&'static str; 2],
}

fn main() {
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(15);
    let fleet = Fleet::new(MAPPINGS, 1, 200);
    fleet.run(&["sync", "--yes"]);
    fleet.run(&["status"]);
    let subjects = subjects(&fleet);
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); subjects.len()];
    for round in 0..=rounds {
        for (subject, times) in subjects.iter().zip(&mut times) {
            let taken = start(subject);
            // The first round fills the page cache.
            if round > 0 {
                times.push(taken);
            }
        }
    }
    report(&subjects, &times);
}

fn start(subject: &Subject) -> Duration {
    let command = (subject.command)();
    let begun = Instant::now();
    let mut terminal = Terminal::run(command, SIZE);
    terminal.wait(subject.name, |screen| {
        let text = screen.contents();
        subject.marks.iter().all(|mark| text.contains(mark))
    });
    begun.elapsed()
}

fn subjects(fleet: &Fleet) -> Vec<Subject> {
    let warm = fleet.console(&fleet.cache());
    let empty = fleet.cache().with_file_name("empty");
    let cold = fleet.console(&empty);
    let forget = move || {
        // What is not there need not be removed.
        let _ = fs::remove_dir_all(&empty);
        cold.clone()
    };
    let marks = ["5 Sync", "service-00000"];
    let mut subjects = vec![
        Subject { name: "gitdeck, warm", command: Box::new(move || warm.clone()), marks },
        Subject { name: "gitdeck, cold", command: Box::new(forget), marks },
    ];
    let repository = fleet.repository();
    let tidy = repository.with_file_name("lazygit.yml");
    fs::write(&tidy, "disableStartupPopups: true\n").expect("a file");
    let peers: [(&'static str, Vec<PathBuf>, [&'static str; 2]); 3] = [
        (
            "lazygit",
            vec!["--use-config-file".into(), tidy, "--path".into(), repository.clone()],
            ["Stash", "Lay out the fleet"],
        ),
        ("gitui", vec!["-d".into(), repository], ["Staged Changes", "Unstaged Changes"]),
        (
            "k9s",
            vec![
                "--splashless".into(),
                "--kubeconfig".into(),
                fleet.kubeconfig.clone(),
                "-A".into(),
                "-c".into(),
                "configmaps".into(),
            ],
            ["K8s Rev", "service-00000"],
        ),
    ];
    for (name, arguments, marks) in peers {
        if !on_path(name) {
            println!("{name} is not on PATH and left out");
            continue;
        }
        let command = move || {
            let mut command = CommandBuilder::new(name);
            command.args(&arguments);
            command
        };
        subjects.push(Subject { name, command: Box::new(command), marks });
    }
    subjects
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(name).is_file())
}

fn report(subjects: &[Subject], times: &[Vec<Duration>]) {
    println!("{:<16}{:>22}{:>32}", "", "ms: median (range)", "times warm gitdeck: median (range)");
    for (subject, own) in subjects.iter().zip(times) {
        let milliseconds = own.iter().map(|time| time.as_secs_f64() * 1_000.0).collect();
        let ratios = own.iter().zip(&times[0]).map(|(a, b)| a.as_secs_f64() / b.as_secs_f64());
        println!(
            "{:<16}{:>22}{:>32}",
            subject.name,
            figures(milliseconds, 1),
            figures(ratios.collect(), 2)
        );
    }
}

fn figures(mut values: Vec<f64>, digits: usize) -> String {
    values.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return String::new() };
    format!("{:.digits$} ({first:.digits$} to {last:.digits$})", values[values.len() / 2])
}
