//! Questions on a terminal.

use super::exit::Exit;
use super::fault::Fault;
use super::session::Work;
use std::io::BufRead;

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Go on.
    Yes,
    /// Leave it.
    No,
}

impl Work<'_> {
    /// Asks a yes-or-no question; everything but a clear yes is a no.
    pub(crate) async fn ask(&mut self, question: &str) -> Result<Answer, Fault> {
        let answer = self.read_line(&format!("{question} [y/N] ")).await?;
        let yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
        Ok(if yes { Answer::Yes } else { Answer::No })
    }

    /// Asks for a word to be typed; any other is a no.
    pub(crate) async fn ask_for(&mut self, question: &str, word: &str) -> Result<Answer, Fault> {
        let answer = self.read_line(&format!("{question}: ")).await?;
        Ok(if answer.trim() == word { Answer::Yes } else { Answer::No })
    }

    /// Asks for an answer in words.
    pub(crate) async fn answer(&mut self, question: &str) -> Result<String, Fault> {
        let line = self.read_line(question).await?;
        // Not even a line end: nobody types any more.
        if line.is_empty() {
            return Err(Fault::usage(
                "the answers ended before the questions; nothing was written",
            ));
        }
        Ok(line.trim().to_owned())
    }

    async fn read_line(&mut self, question: &str) -> Result<String, Fault> {
        self.out.note_painted(question);
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map(|_| line)
        });
        let line = tokio::select! {
            line = line => line,
            () = self.interrupt() => {
                self.out.note("");
                return Err(Fault { message: "interrupted; nothing was done".into(), hint: None, exit: Exit::Interrupted });
            }
        };
        match line {
            Ok(Ok(line)) => Ok(line),
            _ => Err(Fault::usage("the answer could not be read")),
        }
    }
}
