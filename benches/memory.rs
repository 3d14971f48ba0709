//! The console's memory with many live objects, all of them watched.
//!
//! usage: cargo bench --bench memory [-- OBJECTS [BYTES [MAPPINGS]]]        (default: 10000 of 3000 bytes in 1000)
//!
//! The objects are committed, synced into a headless demo, and opened in a console in a pseudo-terminal. Read from
//! `/proc/PID/status`: `VmHWM`, the most that was resident at any time, and `VmRSS`, what is resident when every mapping
//! is shown in sync and half a minute has passed; and from `/proc/PID/stat` the processor time of that half minute.
//! Linux only.

#[path = "support/fleet.rs"]
mod fleet;
#[path = "../tests/support/terminal.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod terminal;

use fleet::Fleet;
use std::fs;
use std::time::{Duration, Instant};
use terminal::Terminal;

/// How long the console is left alone.
const IDLE: Duration = Duration::from_secs(30);

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (objects, bytes) = (numbers.next().unwrap_or(10_000), numbers.next().unwrap_or(3_000));
    let mappings = numbers.next().unwrap_or(1_000).min(objects);
    let fleet = Fleet::new(mappings, objects / mappings, bytes);
    let begun = Instant::now();
    fleet.run(&["sync", "--yes"]);
    println!("sync of {objects} objects: {:.1} s", begun.elapsed().as_secs_f64());

    let command = fleet.console(&fleet.cache().with_file_name("empty"));
    let begun = Instant::now();
    let mut terminal = Terminal::run(command, (120, 36));
    let all = format!("{mappings} in sync");
    terminal.wait(&all, |screen| screen.contents().contains(&all));
    println!("console, every mapping in sync: {:.1} s", begun.elapsed().as_secs_f64());
    let pid = terminal.pid().as_raw_nonzero().get();
    let before = ticks(pid);
    std::thread::sleep(IDLE);
    let used = (ticks(pid) - before) as f64 / 100.0 / IDLE.as_secs_f64() * 100.0;
    println!("idle processor: {used:.2} % of a core");
    for name in ["VmHWM", "VmRSS"] {
        println!("{name}: {:.1} MiB", kibibytes(pid, name) as f64 / 1024.0);
    }
}

/// A line of `/proc/PID/status`.
fn kibibytes(pid: i32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the console lives");
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// Processor time in hundredths of a second (`USER_HZ`): fields 14 and 15 of `/proc/PID/stat`, proc(5).
fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the console lives");
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    let fields = rest.split_whitespace().skip(11).take(2);
    fields.map(|field| field.parse::<u64>().expect("a number")).sum()
}
