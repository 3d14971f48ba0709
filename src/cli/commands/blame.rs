//! `gitdeck blame`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::select;
use crate::cli::session::Work;
use crate::engine::{Command, Event};
use clap::Args;
use jiff::Timestamp;

/// Show the commit that set each field of a mapping's objects in Git
///
/// The objects are rendered, and each value is followed to the line that says it: in a manifest, in a patch or an entry
/// of a kustomization, in the values or a template of a chart. Where no line says it for certain, it is computed. No
/// cluster is asked, but by charts. Values of Secrets are never shown.
#[derive(Debug, Args)]
pub struct Blame {
    /// Mapping
    #[arg(value_name = "MAPPING")]
    mapping: String,
    /// Kind/name or Kind/namespace/name [default: every object]
    #[arg(value_name = "OBJECT")]
    objects: Vec<String>,
    /// Look at this revision instead of the tip of the branch
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
}

impl Blame {
    /// Fetches, finds out, and prints.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let mapping = select::mapping(&work.settings, &self.mapping)?.name.clone();
        let fetched = work.fetch(std::slice::from_ref(&mapping)).await;
        let command = Command::Blame {
            mapping: mapping.clone(),
            revision: self.revision.clone(),
            objects: self.objects.clone(),
        };
        let (outcome, events) = work.run_one(command).await;
        let exit = fetched.and(work.settle(&mapping, &outcome));
        for event in &events {
            let Event::Blamed { blame } = event else { continue };
            if work.out.is_human() {
                let text = print::blame::print(work.out.paint, blame, Timestamp::now());
                work.out.text(&text);
            } else {
                work.out.document(blame.as_ref());
            }
        }
        Ok(exit)
    }
}
