//! `gitdeck guide`.

use super::mapping::tell_edit;
use super::placing::Flags;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::prompt::Answer;
use crate::cli::session::Work;
use crate::config::Environment;
use crate::config::guide::{self, Answers, Known, Level};
use crate::domain::Refusal;
use crate::domain::text::harmless;
use crate::engine::outlook::Placing;
use clap::{Args, ValueEnum};

/// Ask what is to be configured, question by question; nothing is written before it was shown and confirmed
///
/// `global` asks for the author, a first repository and what holds for everything, `project` for a group of mappings,
/// `mapping` for one mapping, whose plan is shown like that of `gitdeck mapping import`. Every answer is checked where it is
/// given. It needs a terminal; without one it names the commands that do the same.
#[derive(Debug, Args)]
pub struct Guide {
    /// What it is about [default: global where nothing is configured, else mapping]
    #[arg(value_name = "LEVEL", value_enum)]
    level: Option<About>,
    /// Name of the project or mapping
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// What a guide is about.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum About {
    /// Author, a repository, what holds for everything
    Global,
    /// A group of mappings
    Project,
    /// One mapping
    Mapping,
}

impl Guide {
    /// Asks, shows, asks once more, writes.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let level = match self.level {
            Some(About::Global) => Level::Global,
            Some(About::Project) => Level::Project,
            None if work.settings.repositories.is_empty() => Level::Global,
            Some(About::Mapping) | None => Level::Mapping,
        };
        if !work.out.can_ask {
            let fault = Fault::usage("nobody is here to be asked, and a guide needs a terminal");
            return Err(fault.hint(level.commands()));
        }
        if work.settings.safety.read_only {
            return Ok(work.refused("guide", &[Refusal::ReadOnly]));
        }
        let answers = self.asked(work, level).await?;
        if level == Level::Mapping {
            let placing = Placing::New(guide::mapping(&answers));
            work.out.note(&format!("which is: {}", placing.line()));
            return Flags::default().carry(work, &placing, true).await;
        }
        let edits = guide::edits(level, &answers);
        if edits.is_empty() {
            work.out.note("nothing was answered, so nothing is written");
            return Ok(Exit::Fine);
        }
        for line in edits.iter().flat_map(guide::TableEdit::lines) {
            work.out.note(&format!("  {}", harmless(&line)));
        }
        if work.ask("Write this into the configuration?").await? != Answer::Yes {
            work.out.note("nothing was written");
            return Ok(Exit::Fine);
        }
        let overrides = work.global.overrides();
        let file = guide::apply(&overrides, &Environment::of_process(), &edits)?;
        let about = self.name.clone().unwrap_or_else(|| "configuration".to_owned());
        tell_edit(work.out, ("changed", level.word(), &about), &file);
        work.out.note("`gitdeck guide mapping` goes on with a mapping");
        Ok(Exit::Fine)
    }

    async fn asked(&self, work: &mut Work<'_>, level: Level) -> Result<Answers, Fault> {
        let known = Known::of(&work.settings);
        let questions = guide::questions(level, &known, self.name.as_deref());
        let (mut answers, mut at) = (Answers::new(), 0);
        while let Some((index, question)) = guide::next(&questions, at, &answers) {
            let offered = match question.default.as_str() {
                "" => String::new(),
                default => format!(" [{}]", harmless(default)),
            };
            let typed = work.answer(&format!("{}{offered}: ", question.ask)).await?;
            match question.answered(&known, &typed) {
                Ok(answer) => {
                    answers.push((question.key, answer));
                    at = index + 1;
                }
                Err(why) => work.out.note(&format!("  {}", harmless(&why))),
            }
        }
        Ok(answers)
    }
}
