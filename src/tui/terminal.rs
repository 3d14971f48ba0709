//! The terminal: entered once, painted in differences, restored on every way out.

use crate::config::Notify;
use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, EnableMouseCapture,
};
use crossterm::style::{Print, ResetColor};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::io::{self, IsTerminal, Write, stderr, stdin, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, OnceLock};
use std::thread::{self, ThreadId};

/// Whether the terminal is ours now; whoever turns it off restores.
static ENTERED: AtomicBool = AtomicBool::new(false);
/// The thread of the loop: only its panic ends the console.
static LOOP: OnceLock<ThreadId> = OnceLock::new();

/// The terminal while it is ours. Dropping it gives it back.
#[derive(Debug)]
pub struct Screen {
    /// What is painted now; nothing after a change of size or a stop.
    painted: Option<Buffer>,
}

impl Screen {
    /// Whether there is a terminal to enter: standard input and output are one, and it can move its cursor.
    pub fn is_possible() -> bool {
        let term = std::env::var("TERM").unwrap_or_default();
        stdin().is_terminal() && stdout().is_terminal() && term != "dumb"
    }

    /// Takes the terminal over.
    pub fn enter() -> io::Result<Self> {
        install_panic_hook();
        let _ = LOOP.set(thread::current().id());
        take()?;
        Ok(Self { painted: None })
    }

    /// The present size; never zero.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        let (width, height) = size()?;
        Ok((width.max(1), height.max(1)))
    }

    /// Paints what differs from the last frame, as one synchronized update (DEC mode 2026). Nothing is written when
    /// nothing differs.
    pub fn paint(&mut self, frame: Buffer) -> io::Result<()> {
        let mut bytes = Vec::new();
        let blank;
        let painted = match &self.painted {
            Some(painted) if painted.area == frame.area => painted,
            _ => {
                queue!(bytes, ResetColor, Clear(ClearType::All))?;
                blank = Buffer::empty(frame.area);
                &blank
            }
        };
        let differences = painted.diff(&frame);
        if differences.is_empty() && bytes.is_empty() {
            return Ok(());
        }
        let mut update = Vec::with_capacity(bytes.len() + differences.len() * 8 + 32);
        queue!(update, BeginSynchronizedUpdate)?;
        update.append(&mut bytes);
        CrosstermBackend::new(&mut update).draw(differences.into_iter())?;
        queue!(update, EndSynchronizedUpdate)?;
        let mut out = stdout().lock();
        out.write_all(&update)?;
        out.flush()?;
        self.painted = Some(frame);
        Ok(())
    }

    /// Puts a text on the clipboard of the terminal (OSC 52); nobody can tell whether the terminal obeys.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(stdout(), CopyToClipboard::to_clipboard_from(text))
    }

    /// Makes somebody look who does not. The text is harmless already: a control character would end the sequence.
    pub fn notify(&mut self, how: Notify, text: &str) -> io::Result<()> {
        match how {
            Notify::Off => Ok(()),
            Notify::Bell => execute!(stdout(), Print('\x07')),
            // OSC 9; terminals that do not know it ignore it.
            Notify::Desktop => execute!(stdout(), Print(format!("\x1b]9;{text}\x07"))),
        }
    }

    /// Gives the terminal back, stops the process, and takes the terminal again when it goes on.
    pub fn stop(&mut self) -> io::Result<()> {
        self.lend();
        self.stop_lent()?;
        self.resume()
    }

    /// Gives the terminal to somebody else, until [`Screen::resume`].
    pub fn lend(&mut self) {
        restore();
    }

    /// Stops the process, which has not the terminal now. SIGTSTP has a handler (it led here), so the stop itself is the
    /// signal that none can catch.
    pub fn stop_lent(&self) -> io::Result<()> {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        Ok(())
    }

    /// Takes the terminal again.
    pub fn resume(&mut self) -> io::Result<()> {
        self.painted = None;
        take()
    }

    /// The whole screen is painted anew the next time.
    pub fn forget(&mut self) {
        self.painted = None;
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    ENTERED.store(true, Ordering::SeqCst);
    execute!(
        stdout(),
        EnterAlternateScreen,
        Hide,
        EnableBracketedPaste,
        EnableFocusChange,
        EnableMouseCapture
    )
}

/// Gives the terminal back, once. On the way out there is nobody left to tell an error to.
pub fn restore() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = execute!(
        stdout(),
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        ResetColor,
        Show,
        LeaveAlternateScreen
    );
    let _ = disable_raw_mode();
}

/// A panic of the loop restores the terminal before anything is said. A panic of a job is the engine's to report; the
/// screen stays. The message of a panic may quote foreign text or a secret: only the place is told.
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let ours = LOOP.get().is_none_or(|id| *id == thread::current().id());
            let place = info.location().map_or_else(String::new, |at| format!(" at {at}"));
            if !ours {
                tracing::error!(place, "a job panicked");
                return;
            }
            restore();
            let _ = writeln!(
                stderr(),
                "gitdeck: a fault in gitdeck itself{place}; what was begun is in `gitdeck activity`"
            );
        }));
    });
}

/// The area of a size.
pub fn area((width, height): (u16, u16)) -> Rect {
    Rect::new(0, 0, width, height)
}
