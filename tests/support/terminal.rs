//! The built binary in a pseudo-terminal, seen through a screen parser. Waits are for states of the screen, never for
//! time; a deadline only ends a test that failed.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, pidfd_open, waitid,
};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use vt100::{MouseProtocolMode, Parser, Screen};

/// How long a state may take on a busy machine before the test counts as failed.
const DEADLINE: Duration = Duration::from_secs(120);

/// What the reader saw so far.
struct Seen {
    parser: Parser,
    bytes: Vec<u8>,
    /// Texts of passing states, and whether a frame has shown them since they were asked for.
    passing: Vec<(String, bool)>,
    ended: bool,
}

/// What ends a frame: the end of a synchronized update.
const FRAME_END: &[u8] = b"\x1b[?2026l";

impl Seen {
    /// Takes in what the program wrote, frame by frame, so that no state passes unseen.
    fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest.windows(FRAME_END.len()).position(|window| window == FRAME_END);
            let (frame, later) = rest.split_at(end.map_or(rest.len(), |at| at + FRAME_END.len()));
            self.parser.process(frame);
            if self.passing.iter().any(|(_, shown)| !shown) {
                let screen = self.parser.screen().contents();
                for (text, shown) in &mut self.passing {
                    *shown |= screen.contains(text.as_str());
                }
            }
            rest = later;
        }
    }
}

/// A program in a terminal.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    /// Terminal settings before the program started.
    settings: String,
    /// The program's home, removed with it.
    _home: tempfile::TempDir,
}

impl Terminal {
    /// Starts the binary with arguments in a terminal of a size, with a home of its own.
    pub fn start<S: AsRef<OsStr>>(arguments: &[S], size: (u16, u16)) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gitdeck"));
        command.args(arguments);
        Self::run(command, size)
    }

    /// Starts any command.
    pub fn run(mut command: CommandBuilder, size: (u16, u16)) -> Self {
        let home = tempfile::tempdir().expect("a home");
        for name in
            ["GITDECK_CONFIG", "KUBECONFIG", "NO_COLOR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"]
        {
            command.env_remove(name);
        }
        for name in ["XDG_DATA_HOME", "XDG_STATE_HOME", "LC_ALL", "LC_CTYPE"] {
            command.env_remove(name);
        }
        command.env("HOME", home.path());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.cwd(home.path());
        let pair = native_pty_system().openpty(pty_size(size)).expect("a pseudo-terminal");
        let settings = settings_of(pair.master.as_ref());
        let child = pair.slave.spawn_command(command).expect("the binary starts");
        drop(pair.slave);
        let parser = Parser::new(cells(size.1), cells(size.0), 0);
        let seen = Seen { parser, bytes: Vec::new(), passing: Vec::new(), ended: false };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let reader = pair.master.try_clone_reader().expect("a reader");
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || read(reader, &shared));
        let writer = pair.master.take_writer().expect("a writer");
        Self { master: pair.master, writer, child, seen, settings, _home: home }
    }

    /// Types bytes as a keyboard would send them.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        self.writer.write_all(keys.as_bytes()).expect("the terminal takes keys");
        self.writer.flush().expect("the terminal takes keys");
        self
    }

    /// Waits until the screen is as wanted.
    pub fn wait(&mut self, what: &str, wanted: impl Fn(&Screen) -> bool) -> &mut Self {
        let (lock, changed) = &*self.seen;
        let begin = Instant::now();
        let mut seen = lock.lock().expect("the reader lives");
        while !wanted(seen.parser.screen()) {
            let left = DEADLINE.saturating_sub(begin.elapsed());
            let text = seen.parser.screen().contents();
            assert!(!seen.ended, "the program ended while waiting for {what}:\n{text}");
            assert!(!left.is_zero(), "never saw {what}:\n{text}");
            seen = changed.wait_timeout(seen, left).expect("the reader lives").0;
        }
        drop(seen);
        self
    }

    /// Waits until a text is on the screen.
    pub fn see(&mut self, text: &str) -> &mut Self {
        self.wait(text, |screen| screen.contents().contains(text))
    }

    /// Waits until a text is not on the screen.
    pub fn miss(&mut self, text: &str) -> &mut Self {
        self.wait(&format!("no {text}"), |screen| !screen.contents().contains(text))
    }

    /// Looks out for states that may pass before a wait sees them; see [`Self::assert_passed`].
    pub fn look_out(&mut self, texts: &[&str]) -> &mut Self {
        let passing = texts.iter().map(|text| ((*text).to_owned(), false)).collect();
        self.seen.0.lock().expect("the reader lives").passing = passing;
        self
    }

    /// Asserts that every state that was looked out for was on the screen in some frame since.
    pub fn assert_passed(&self) {
        let seen = self.seen.0.lock().expect("the reader lives");
        let missed: Vec<_> = seen.passing.iter().filter(|(_, shown)| !shown).collect();
        assert!(missed.is_empty(), "never on the screen: {missed:?}");
    }

    /// The screen as text.
    pub fn text(&self) -> String {
        self.seen.0.lock().expect("the reader lives").parser.screen().contents()
    }

    /// Every byte that the program wrote.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.0.lock().expect("the reader lives").bytes.clone()
    }

    /// The text of every frame that was drawn since the start, on a terminal that had this size all the time.
    pub fn frames(&self, size: (u16, u16)) -> Vec<String> {
        let bytes = self.bytes();
        let mut parser = Parser::new(cells(size.1), cells(size.0), 0);
        let (mut frames, mut rest) = (Vec::new(), bytes.as_slice());
        while let Some(at) = rest.windows(FRAME_END.len()).position(|window| window == FRAME_END) {
            let (frame, later) = rest.split_at(at + FRAME_END.len());
            parser.process(frame);
            frames.push(parser.screen().contents());
            rest = later;
        }
        frames
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, size: (u16, u16)) -> &mut Self {
        let mut seen = self.seen.0.lock().expect("the reader lives");
        seen.parser.screen_mut().set_size(cells(size.1), cells(size.0));
        self.master.resize(pty_size(size)).expect("another size");
        drop(seen);
        self
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        let id = self.child.process_id().expect("a process");
        Pid::from_raw(i32::try_from(id).expect("an id")).expect("an id")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process lives");
    }

    /// Waits until the program has stopped itself; a signal that wakes it is lost before.
    pub fn await_stopped(&self) {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.pid()), options).expect("a child").expect("a status");
        assert!(status.stopped(), "the program ended instead of stopping");
    }

    /// Waits for the end of the program and of its output; its exit code.
    pub fn end(&mut self) -> u32 {
        wait_for_end(self.pid(), DEADLINE);
        let status = self.child.wait().expect("an exit status");
        let (lock, changed) = &*self.seen;
        let seen = lock.lock().expect("the reader lives");
        drop(
            changed
                .wait_timeout_while(seen, DEADLINE, |seen| !seen.ended)
                .expect("the reader lives"),
        );
        status.exit_code()
    }

    /// Asserts that the terminal is as it was: main screen, cursor, mouse, paste, settings.
    pub fn assert_restored(&self) {
        let seen = self.seen.0.lock().expect("the reader lives");
        let screen = seen.parser.screen();
        assert!(!screen.alternate_screen(), "still the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is on");
        assert_eq!(screen.mouse_protocol_mode(), MouseProtocolMode::None);
        assert!(!ends_on(&seen.bytes, b"\x1b[?1004h", b"\x1b[?1004l"), "focus events are on");
        drop(seen);
        assert_eq!(settings_of(self.master.as_ref()), self.settings, "the settings differ");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The process may have ended long ago; either way nothing is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a process is gone.
pub fn wait_for_end(pid: Pid, deadline: Duration) {
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    let seconds = i64::try_from(deadline.as_secs()).expect("a deadline");
    let timeout = Timespec { tv_sec: seconds, tv_nsec: 0 };
    let mut fds = [PollFd::new(&process, PollFlags::IN)];
    let ready = loop {
        match poll(&mut fds, Some(&timeout)) {
            // A signal of another test's child says nothing about this process.
            Err(Errno::INTR) => {}
            ready => break ready.expect("a poll"),
        }
    };
    assert!(ready > 0, "the process did not end");
}

fn read(mut reader: Box<dyn Read + Send>, seen: &(Mutex<Seen>, Condvar)) {
    let mut buffer = [0; 16_384];
    // A pseudo-terminal whose other side is gone answers with an error; that is its end.
    while let Ok(length) = reader.read(&mut buffer) {
        if length == 0 {
            break;
        }
        let mut state = seen.0.lock().expect("the test lives");
        state.take(&buffer[..length]);
        seen.1.notify_all();
    }
    seen.0.lock().expect("the test lives").ended = true;
    seen.1.notify_all();
}

/// Whether the last of two byte strings is the first of them.
fn ends_on(bytes: &[u8], on: &[u8], off: &[u8]) -> bool {
    let last = |needle: &[u8]| bytes.windows(needle.len()).rposition(|window| window == needle);
    last(on) > last(off)
}

fn settings_of(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("terminal settings"))
}

fn pty_size((width, height): (u16, u16)) -> PtySize {
    PtySize { rows: height, cols: width, pixel_width: 0, pixel_height: 0 }
}

fn cells(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("at least one cell")
}
