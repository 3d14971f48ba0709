//! Which rule or layer gave a mapping, a repository or an address each of its settings.

use super::address::Address;
use super::fault::{Fault, Place, Sited};
use super::load::Loaded;
use super::raw::{Named, Repository};
use super::resolve::Resolver;
use super::rules::{Rule, winners};
use super::suggest;
use super::trace::{Explained, Origin, Trace};
use crate::domain::Author;
use serde::Serialize;

/// A rule that matches an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatchedRule {
    /// The rule.
    pub rule: String,
    /// Where it is written.
    pub origin: Origin,
    /// Whether it is the first of its sort, so that it counts.
    pub wins: bool,
    /// What it would give: `access method`, `polling_interval`.
    pub gives: Vec<&'static str>,
}

/// One subject explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// `mapping checkout`, `repository fleet`, or the address.
    pub subject: String,
    /// Every value with its origin.
    pub values: Vec<Explained>,
    /// Rules that match the address, in the order in which they were tried.
    pub rules: Vec<MatchedRule>,
}

impl Loaded {
    /// Explains a mapping (and its repository), a repository, or an address that need not be configured.
    pub fn explain(&self, subject: &str) -> Result<Vec<Explanation>, String> {
        let mut resolver =
            Resolver::new(&self.raw, &self.overrides, &self.environment, &self.places);
        let mut found = Vec::new();
        let mut repository_name = subject.to_owned();
        if let Some(named) = self.raw.mappings.iter().find(|mapping| mapping.name == subject) {
            let mut trace = Trace::on();
            let mapping = resolver.mapping(named, &self.settings.repositories, &mut trace);
            if let Some(mapping) = mapping {
                repository_name = mapping.repository;
            }
            found.push(Explanation {
                subject: format!("mapping {subject}"),
                values: trace.into_values(),
                rules: Vec::new(),
            });
        }
        let repositories = &self.raw.repositories;
        if let Some(named) = repositories.iter().find(|known| known.name == repository_name) {
            let title = format!("repository {repository_name}");
            let mut explained = self.explain_repository(&mut resolver, named, title);
            explained.values.extend(self.people());
            for mapping in &mut found {
                inherit_polling(mapping, &explained);
            }
            found.push(explained);
        }
        if found.is_empty() {
            found.push(self.explain_address(&mut resolver, subject)?);
        }
        Ok(found)
    }

    /// What is not wrong but will surprise: rules that never win, and keys that are not used yet.
    pub fn warnings(&self) -> Vec<Fault> {
        let mut warnings = Vec::new();
        for rules in [&self.raw.specific, &self.raw.generic] {
            for (rule, wide) in super::rules::shadowed(rules) {
                let message = format!(
                    "{} never counts: {} at {} comes first and matches the same; put the narrower rule first",
                    rule.label, wide.label, wide.place
                );
                warnings.push(Fault { place: rule.place.clone(), message });
            }
        }
        let rules = self.raw.specific.iter().chain(&self.raw.generic);
        for (rule, key) in rules.flat_map(|rule| rule.later.iter().map(move |key| (rule, key))) {
            let message = match key.value {
                "webhook_secret" => {
                    "webhooks come in a later version; until then the repository is polled"
                }
                _ => {
                    "access by a GitHub App comes in a later version; use `access_token`, or a generic [[auth]] rule"
                }
            };
            let message = format!("`{}` of {}: {message}", key.value, rule.label);
            warnings.push(Fault { place: key.place.clone(), message });
        }
        warnings.extend(super::recording::warnings(&self.raw, &self.settings));
        warnings
    }

    /// Who writes commits, and who makes them.
    fn people(&self) -> Vec<Explained> {
        let (raw, known) = (&self.raw, &self.settings);
        let mut trace = Trace::on();
        for (key, table, who, written, otherwise) in [
            ("author", "[author]", &known.author, &raw.author_name, "that of your Git"),
            ("committer", "[committer]", &known.committer, &raw.committer_name, "the author"),
        ] {
            let shown = |who: &Author| format!("{} <{}>", who.name, who.email);
            let origin = |name: &Sited<String>| Origin {
                level: table.to_owned(),
                place: Some(name.place.clone()),
            };
            let value = || who.as_ref().map_or_else(|| otherwise.to_owned(), shown);
            trace.note(key, value, written.iter().map(origin).collect());
        }
        trace.into_values()
    }

    fn explain_repository(
        &self,
        resolver: &mut Resolver<'_>,
        named: &Named<Repository>,
        subject: String,
    ) -> Explanation {
        let mut trace = Trace::on();
        let settings = resolver.repository(named, &mut trace);
        let address = settings.and_then(|settings| Address::parse(&settings.remote.url).ok());
        let rules = address.map(|address| self.matching(&address)).unwrap_or_default();
        Explanation { subject, values: trace.into_values(), rules }
    }

    fn explain_address(
        &self,
        resolver: &mut Resolver<'_>,
        text: &str,
    ) -> Result<Explanation, String> {
        if !text.contains(['/', ':']) {
            let mappings = self.raw.mappings.iter().map(|mapping| mapping.name.as_str());
            let repositories = self.raw.repositories.iter().map(|known| known.name.as_str());
            let hint = suggest::hint(text, mappings.chain(repositories));
            return Err(format!("there is no mapping or repository `{text}`{hint}"));
        }
        let address = Address::parse(text).map_err(|error| error.to_string())?;
        let same = |known: &&Named<Repository>| {
            let url = known.table.url.as_ref();
            url.and_then(|url| Address::parse(&url.value).ok())
                .is_some_and(|known| known.is_same(&address))
        };
        if let Some(named) = self.raw.repositories.iter().find(same) {
            let title = format!("repository {}", named.name);
            return Ok(self.explain_repository(resolver, named, title));
        }
        let place = Place { file: self.main.as_path().into(), line: 1 };
        let url = Sited { value: text.to_owned(), place: place.clone() };
        let table = Repository { url: Some(url), ..Repository::default() };
        let named = Named { name: text.to_owned(), place, table };
        let mut explanation = self.explain_repository(resolver, &named, text.to_owned());
        let inherited = ["access method", "polling_interval"];
        explanation.values.retain(|value| inherited.contains(&value.key.as_str()));
        Ok(explanation)
    }

    fn matching(&self, address: &Address) -> Vec<MatchedRule> {
        let won = winners(&self.raw.specific, &self.raw.generic, address);
        let is = |rule: &Rule, winner: Option<&Rule>| {
            winner.is_some_and(|winner| winner.place == rule.place)
        };
        let all = self.raw.specific.iter().chain(&self.raw.generic);
        all.filter(|rule| rule.matches.covers(address))
            .map(|rule| {
                let mut gives = Vec::new();
                if rule.authentication.is_some() {
                    gives.push("access method");
                }
                if rule.polling_interval.is_some() {
                    gives.push("polling_interval");
                }
                let place = Some(rule.place.clone());
                MatchedRule {
                    rule: rule.label.clone(),
                    origin: Origin { level: rule.label.clone(), place },
                    wins: is(rule, won.specific) || is(rule, won.generic),
                    gives,
                }
            })
            .collect()
    }
}

/// A mapping without an interval of its own is fetched as often as its repository, for the repository's reason.
fn inherit_polling(mapping: &mut Explanation, repository: &Explanation) {
    const KEY: &str = "polling_interval";
    let inherited = repository.values.iter().find(|value| value.key == KEY);
    let own = mapping.values.iter_mut().find(|value| value.key == KEY);
    if let (Some(own), Some(inherited)) = (own, inherited)
        && own.origin.place.is_none()
    {
        own.origin = inherited.origin.clone();
        own.overridden.clone_from(&inherited.overridden);
    }
}
