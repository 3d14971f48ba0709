//! The message of a commit where nobody wrote one: the template that is configured for it, or gitdeck's own words.

use crate::domain::Mapping;
use crate::domain::template::{Occasion, Template};
use crate::engine::jobs::Context;
use crate::engine::message::Said;
use crate::git;

/// What a commit is made for, with what only its maker knows.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub occasion: Occasion,
    /// Who made the live changes that it records (foreign text).
    pub managers: Vec<String>,
}

impl From<Occasion> for About {
    fn from(occasion: Occasion) -> Self {
        Self { occasion, managers: Vec::new() }
    }
}

/// The message of a commit of a mapping that changes these files.
pub(super) fn worded(
    ctx: &Context,
    mapping: &Mapping,
    (said, files): (&Said, &[String]),
    about: &About,
) -> String {
    let own = said.message(&mapping.name);
    let Some(template) = mapping.messages.of(about.occasion) else { return own };
    let words =
        Words { mapping: Some(mapping), repository: &mapping.repository, said, files, about };
    words.fill(ctx, template, &own)
}

/// The message of a commit that undoes others, from gitdeck's own words for it. It may be about all of a repository.
pub(super) fn reworded(
    ctx: &Context,
    mapping: Option<&Mapping>,
    repository: &str,
    own: String,
) -> String {
    let templates = mapping.map_or(&ctx.world.settings.messages, |mapping| &mapping.messages);
    let Some(template) = templates.of(Occasion::Revert) else { return own };
    let (summary, body) = own.split_once("\n\n").unwrap_or((&own, ""));
    let said = Said { summary: summary.to_owned(), body: body.to_owned() };
    let about = About::from(Occasion::Revert);
    Words { mapping, repository, said: &said, files: &[], about: &about }.fill(ctx, template, &own)
}

struct Words<'a> {
    mapping: Option<&'a Mapping>,
    repository: &'a str,
    said: &'a Said,
    files: &'a [String],
    about: &'a About,
}

impl Words<'_> {
    fn fill(&self, ctx: &Context, template: &Template, own: &str) -> String {
        let title = own.lines().next().unwrap_or_default();
        template.fill(|word| self.word(ctx, word), title)
    }

    fn word(&self, ctx: &Context, word: &str) -> String {
        // The one that may have several lines.
        if word == "body" {
            return self.said.body.clone();
        }
        let of = |get: fn(&Mapping) -> &str| self.mapping.map(get).unwrap_or_default().to_owned();
        let author = || ctx.world.settings.author.clone().or_else(git::configured_author);
        let text = match word {
            "author" => author().map(|author| author.name).unwrap_or_default(),
            "email" => author().map(|author| author.email).unwrap_or_default(),
            "branch" => {
                let known = ctx.world.repository(self.repository).ok();
                known.map(|known| known.remote.branch.clone()).unwrap_or_default()
            }
            "context" => of(|mapping| &mapping.target.context),
            "namespace" => of(|mapping| &mapping.target.namespace),
            "path" => of(|mapping| &mapping.path),
            "project" => of(|mapping| mapping.project.as_deref().unwrap_or_default()),
            "mapping" => self.mapping.map_or(self.repository, |mapping| &mapping.name).to_owned(),
            "repository" => self.repository.to_owned(),
            "operation" => self.about.occasion.word().to_owned(),
            "summary" => self.said.summary.clone(),
            "files" => self.files.join(", "),
            "managers" => self.about.managers.join(", "),
            // Every template was read before.
            _ => String::new(),
        };
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}
