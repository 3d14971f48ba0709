//! Where results, notes and questions go: results to stdout, everything else to stderr.

use super::args::{Format, When};
use super::exit::Exit;
use super::fault::Fault;
use super::print::paint::Paint;
use crate::domain::text::{harmless, harmless_lines};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};

/// The two streams of a command.
pub struct Output {
    /// Form of the results.
    pub format: Format,
    /// Colours of the results.
    pub paint: Paint,
    /// Colours of the notes.
    pub note_paint: Paint,
    /// Whether somebody is there to answer a question.
    pub can_ask: bool,
    /// Whether progress can be drawn over itself.
    pub live: bool,
    results: Box<dyn Write + Send>,
    notes: Box<dyn Write + Send>,
    broken: Option<ErrorKind>,
    drawn: bool,
}

impl Output {
    /// The streams of the process.
    pub fn of_process(format: Format, color: When) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colored = |terminal: bool| match color {
            When::Always => true,
            When::Never => false,
            When::Auto => terminal && !no_color && !dumb,
        };
        let (out, err) = (std::io::stdout(), std::io::stderr());
        Self {
            format,
            paint: Paint { on: colored(out.is_terminal()) },
            note_paint: Paint { on: colored(err.is_terminal()) },
            can_ask: std::io::stdin().is_terminal() && err.is_terminal(),
            live: err.is_terminal() && !dumb,
            results: Box::new(std::io::BufWriter::new(out)),
            notes: Box::new(err),
            broken: None,
            drawn: false,
        }
    }

    /// Streams that go elsewhere, without a terminal.
    pub fn to(
        format: Format,
        results: impl Write + Send + 'static,
        notes: impl Write + Send + 'static,
    ) -> Self {
        Self {
            format,
            paint: Paint { on: false },
            note_paint: Paint { on: false },
            can_ask: false,
            live: false,
            results: Box::new(results),
            notes: Box::new(notes),
            broken: None,
            drawn: false,
        }
    }

    /// Whether results are for people.
    pub fn is_human(&self) -> bool {
        self.format == Format::Human
    }

    /// Prints a text for people. Foreign parts must be harmless already.
    pub fn text(&mut self, text: &str) {
        self.clear();
        let written = self.results.write_all(text.as_bytes());
        self.written(written);
    }

    /// Prints one line for people. Foreign parts must be harmless already.
    pub fn line(&mut self, text: &str) {
        self.text(&format!("{text}\n"));
    }

    /// Prints the document of a command in JSON or YAML. JSON escapes control characters by itself.
    pub fn document(&mut self, document: &impl Serialize) {
        let text = match self.format {
            Format::Yaml => serde_saphyr::to_string(document).map_err(|error| error.to_string()),
            _ => serde_json::to_string_pretty(document)
                .map(|text| text + "\n")
                .map_err(|error| error.to_string()),
        };
        match text {
            Ok(text) => self.text(&text),
            Err(error) => self.note(&format!("the result cannot be written: {error}")),
        }
    }

    /// Says something beside the results.
    pub fn note(&mut self, text: &str) {
        self.clear();
        // Nowhere is left to say that stderr is gone.
        let _ = writeln!(self.notes, "{}", harmless_lines(text));
    }

    /// Says something beside the results that is coloured and harmless already.
    pub fn note_painted(&mut self, text: &str) {
        self.clear();
        let _ = write!(self.notes, "{text}");
        let _ = self.notes.flush();
    }

    /// Says what ended a command, and gives back how it ends.
    pub fn fault(&mut self, fault: &Fault) -> Exit {
        let label = self.note_paint.bad("error:");
        self.note_painted(&format!("{label} {}\n", harmless_lines(&fault.message)));
        if let Some(hint) = &fault.hint {
            self.note_painted(&format!("  {}\n", harmless(hint)));
        }
        fault.exit
    }

    /// Draws the one line of progress, where there is a terminal.
    pub fn draw(&mut self, text: &str) {
        if self.live {
            let _ = write!(self.notes, "\r\u{1b}[2K{}", harmless(text));
            let _ = self.notes.flush();
            self.drawn = true;
        }
    }

    /// Takes the line of progress away.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(self.notes, "\r\u{1b}[2K");
            let _ = self.notes.flush();
        }
    }

    /// Writes what is left. A reader that went away is no fault; a full disk is.
    pub fn finish(&mut self, exit: Exit) -> Exit {
        self.clear();
        let flushed = self.results.flush();
        self.written(flushed);
        match self.broken {
            Some(kind) if kind != ErrorKind::BrokenPipe => {
                self.note(&format!("error: the result could not be written: {kind}"));
                exit.and(Exit::Failed)
            }
            _ => exit,
        }
    }

    fn written(&mut self, result: std::io::Result<()>) {
        if let Err(error) = result {
            self.broken = self.broken.or(Some(error.kind()));
        }
    }
}
