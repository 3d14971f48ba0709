//! The guides at global, project and mapping level: what is asked, what is taken for an answer, and what the answers come to.
//! Both faces ask from this table.

use super::address::Address;
use super::edit::{NewMapping, check, parse, text_of};
use super::fault::ConfigError;
use super::load::{self, Overrides};
use super::raw::is_name;
use super::{Environment, Settings, suggest, write};
use crate::domain::{Author, Source};
use std::path::PathBuf;
use toml_edit::{Array, Item, Table, Value};

/// What a guide is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Author, a repository, what holds for everything.
    Global,
    /// A group of mappings.
    Project,
    /// One mapping.
    Mapping,
}

impl Level {
    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Project => "project",
            Self::Mapping => "mapping",
        }
    }

    /// Commands that do the same where nobody can be asked.
    pub fn commands(self) -> &'static str {
        match self {
            Self::Global => {
                "`gitdeck repo add NAME URL` adds a repository; [author], [defaults] and [safety] are written by hand, `gitdeck config check` reads them"
            }
            Self::Project => {
                "[projects.NAME] with `repository` and `path_prefix` is written by hand, `gitdeck config check` reads it"
            }
            Self::Mapping => {
                "`gitdeck mapping import NAME --repository R --path P --context C --namespace N --yes` does it without questions"
            }
        }
    }
}

/// What is known already: for defaults, and for answers that must or must not be one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Repositories.
    pub repositories: Vec<String>,
    /// Projects.
    pub projects: Vec<String>,
    /// Mappings.
    pub mappings: Vec<String>,
    /// Author of commits.
    pub author: Option<Author>,
    /// Where most mappings go: context and namespace.
    pub target: Option<(String, String)>,
}

impl Known {
    /// What settings say.
    pub fn of(settings: &Settings) -> Self {
        let target = settings.mappings.values().next().map(|one| one.target.clone());
        Self {
            repositories: settings.repositories.keys().cloned().collect(),
            projects: settings.projects.keys().cloned().collect(),
            mappings: settings.mappings.keys().cloned().collect(),
            author: settings.author.clone(),
            target: target.map(|target| (target.context, target.namespace)),
        }
    }
}

/// What an answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Free,
    Email,
    /// A name that no repository, project or mapping has yet.
    New(Level),
    Address,
    Repository,
    Project,
    Path,
    Namespace,
    Side,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What the answer becomes, in one word.
    pub key: &'static str,
    /// The question.
    pub ask: &'static str,
    /// What is taken where nothing is answered; empty where nothing is.
    pub default: String,
    /// Whether there has to be an answer.
    pub needed: bool,
    /// The question without whose answer this one is not asked.
    pub only_with: Option<&'static str>,
    rule: Rule,
}

fn ask(key: &'static str, ask: &'static str, rule: Rule, default: &str) -> Question {
    let default = default.to_owned();
    Question { key, ask, default, needed: false, only_with: None, rule }
}

fn needed(question: Question) -> Question {
    Question { needed: true, ..question }
}

fn with(on: &'static str, question: Question) -> Question {
    Question { only_with: Some(on), ..question }
}

/// What is asked, in order. A name that is given already is the default of the first question.
pub fn questions(level: Level, known: &Known, name: Option<&str>) -> Vec<Question> {
    let named = name.unwrap_or_default();
    match level {
        Level::Global => of_all(known),
        Level::Project => of_project(known, named),
        Level::Mapping => of_mapping(known, named),
    }
}

fn of_all(known: &Known) -> Vec<Question> {
    let author = known.author.as_ref();
    let (name, email) = author.map_or(("", ""), |one| (one.name.as_str(), one.email.as_str()));
    let repository = "Name of a repository to add (nothing: none)";
    let url = "Its address, https://, ssh:// or git@host:path";
    let context = "Context of mappings that name none (nothing: the current one)";
    let production =
        "Contexts or namespaces where a name must be typed, like prod-* (nothing: none)";
    vec![
        ask("name", "Name on commits (nothing: that of git)", Rule::Free, name),
        needed(with("name", ask("email", "Address on commits", Rule::Email, email))),
        ask("repository", repository, Rule::New(Level::Global), ""),
        needed(with("repository", ask("url", url, Rule::Address, ""))),
        with("repository", ask("branch", "Its branch", Rule::Free, "main")),
        ask("context", context, Rule::Free, ""),
        ask("production", production, Rule::Free, ""),
    ]
}

fn of_project(known: &Known, named: &str) -> Vec<Question> {
    let first = known.repositories.first().map_or("", String::as_str);
    let context = known.target.as_ref().map_or("", |to| to.0.as_str());
    let prefix = "Folder that their paths are below (nothing: the whole repository)";
    let to = "Context that they go to (nothing: each names its own)";
    let namespace = "Namespace that they go to (nothing: each names its own)";
    vec![
        needed(ask("name", "Name of the project", Rule::New(Level::Project), named)),
        needed(ask("repository", "Repository of its mappings", Rule::Repository, first)),
        ask("prefix", prefix, Rule::Path, ""),
        ask("context", to, Rule::Free, context),
        ask("namespace", namespace, Rule::Namespace, ""),
    ]
}

fn of_mapping(known: &Known, named: &str) -> Vec<Question> {
    let first = known.repositories.first().map_or("", String::as_str);
    let target = known.target.as_ref();
    let (context, namespace) = target.map_or(("", ""), |to| (to.0.as_str(), to.1.as_str()));
    let path = "File or folder, below the project's prefix; . is all of it";
    let to = "Context that it goes to (nothing: the project's, or the current one)";
    let into = "Namespace that it goes to (nothing: the project's, or default)";
    vec![
        needed(ask("name", "Name of the mapping", Rule::New(Level::Mapping), named)),
        ask("project", "Project that it inherits from (nothing: none)", Rule::Project, ""),
        needed(ask("repository", "Repository", Rule::Repository, first)),
        needed(ask("path", path, Rule::Path, ".")),
        ask("context", to, Rule::Free, context),
        ask("namespace", into, Rule::Namespace, namespace),
        ask("source", "Which side wins, git or cluster", Rule::Side, "git"),
    ]
}

impl Question {
    /// The answer with spaces and default seen to, or why it cannot be taken.
    pub fn answered(&self, known: &Known, answer: &str) -> Result<String, String> {
        let answer = match answer.trim() {
            "" => self.default.as_str(),
            "-" if !self.needed => "",
            answer => answer,
        };
        if answer.is_empty() {
            return if self.needed {
                Err("this one needs an answer".to_owned())
            } else {
                Ok(String::new())
            };
        }
        if answer.chars().any(char::is_control) {
            return Err("no control characters".to_owned());
        }
        self.rule.holds(known, answer).map(|()| answer.to_owned())
    }
}

impl Rule {
    fn holds(self, known: &Known, answer: &str) -> Result<(), String> {
        let one_of = |names: &[String], what: &str| {
            if names.iter().any(|name| name == answer) {
                return Ok(());
            }
            let hint = suggest::hint(answer, names.iter().map(String::as_str));
            Err(format!("there is no {what} `{answer}`{hint}"))
        };
        match self {
            Self::Email if answer.contains('@') && !answer.contains(['<', '>', ' ']) => Ok(()),
            Self::Email => Err("an address like ana@example.com".to_owned()),
            Self::New(_) if !is_name(answer) => {
                Err("letters, digits, `-`, `_` and `.`, a letter or digit first, at most 63"
                    .to_owned())
            }
            Self::New(level) => {
                let names = match level {
                    Level::Global => &known.repositories,
                    Level::Project => &known.projects,
                    Level::Mapping => &known.mappings,
                };
                let taken = names.iter().any(|name| name == answer);
                if taken { Err(format!("`{answer}` exists already")) } else { Ok(()) }
            }
            Self::Address => Address::parse(answer).map(|_| ()).map_err(|error| error.to_string()),
            Self::Repository => one_of(&known.repositories, "repository"),
            Self::Project => one_of(&known.projects, "project"),
            Self::Path if answer.split('/').any(|part| part == "..") => {
                Err("a path stays inside the repository: no `..`".to_owned())
            }
            Self::Free | Self::Path => Ok(()),
            Self::Namespace => {
                let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                let good = answer.len() <= 63 && answer.bytes().all(plain);
                if good {
                    Ok(())
                } else {
                    Err("lowercase letters, digits and `-`, at most 63".to_owned())
                }
            }
            Self::Side if matches!(answer, "git" | "cluster") => Ok(()),
            Self::Side => Err("git or cluster".to_owned()),
        }
    }
}

/// Answers by the key of their question; what was not asked or answered is missing.
pub type Answers = Vec<(&'static str, String)>;

/// The next question that is to be asked after these answers.
pub fn next<'q>(
    questions: &'q [Question],
    from: usize,
    answers: &Answers,
) -> Option<(usize, &'q Question)> {
    let given = |key: &str| answers.iter().any(|(known, text)| *known == key && !text.is_empty());
    questions.iter().enumerate().skip(from).find(|(_, one)| one.only_with.is_none_or(given))
}

fn of(answers: &Answers, key: &str) -> Option<String> {
    let found = answers.iter().find(|(known, text)| *known == key && !text.is_empty());
    found.map(|(_, text)| text.clone())
}

/// The mapping that answers at mapping level ask for.
pub fn mapping(answers: &Answers) -> NewMapping {
    NewMapping {
        name: of(answers, "name").unwrap_or_default(),
        repository: of(answers, "repository"),
        path: of(answers, "path"),
        project: of(answers, "project"),
        context: of(answers, "context"),
        namespace: of(answers, "namespace"),
        engine: None,
        source: of(answers, "source").filter(|side| side == "cluster").map(|_| Source::Cluster),
    }
}

/// A table of the configuration with keys that it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEdit {
    /// `author`, or `projects` and a name.
    table: Vec<String>,
    /// Keys with their values, as TOML.
    keys: Vec<(&'static str, String)>,
}

impl TableEdit {
    fn new(table: &[&str], keys: Vec<(&'static str, Option<String>)>) -> Option<Self> {
        let quoted = |text: String| Value::from(text).to_string();
        let keys = keys.into_iter().filter_map(|(key, text)| Some((key, quoted(text?))));
        let keys: Vec<_> = keys.collect();
        let table = table.iter().map(|one| (*one).to_owned()).collect();
        (!keys.is_empty()).then_some(Self { table, keys })
    }

    /// As it is written.
    pub fn lines(&self) -> Vec<String> {
        let keys = self.keys.iter().map(|(key, value)| format!("{key} = {value}"));
        [format!("[{}]", self.table.join("."))].into_iter().chain(keys).collect()
    }
}

/// What answers at global or project level write.
pub fn edits(level: Level, answers: &Answers) -> Vec<TableEdit> {
    let get = |key: &str| of(answers, key);
    let edits = match level {
        Level::Global => {
            let repository = get("repository").unwrap_or_default();
            let branch = get("branch").filter(|branch| branch != "main");
            let mut edits = vec![
                TableEdit::new(&["author"], vec![("name", get("name")), ("email", get("email"))]),
                TableEdit::new(&["defaults"], vec![("context", get("context"))]),
                TableEdit::new(
                    &["repositories", &repository],
                    vec![("url", get("url")), ("branch", branch)],
                ),
            ];
            edits.push(get("production").map(|patterns| {
                let patterns: Array =
                    patterns.split([',', ' ']).filter(|one| !one.is_empty()).collect();
                let table = vec!["safety".to_owned()];
                TableEdit { table, keys: vec![("production", Value::from(patterns).to_string())] }
            }));
            edits
        }
        Level::Project => vec![TableEdit::new(
            &["projects", &get("name").unwrap_or_default()],
            vec![
                ("repository", get("repository")),
                ("path_prefix", get("prefix")),
                ("context", get("context")),
                ("namespace", get("namespace")),
            ],
        )],
        Level::Mapping => Vec::new(),
    };
    edits.into_iter().flatten().collect()
}

/// Writes tables into the main file, all of them or none. Gives the file back.
pub fn apply(
    overrides: &Overrides,
    environment: &Environment,
    edits: &[TableEdit],
) -> Result<PathBuf, ConfigError> {
    let overrides = Overrides { may_be_missing: true, ..overrides.clone() };
    let (main, _) = load::main_file(&overrides, environment)?;
    let lock = write::lock(&main)?;
    let loaded = load::load(&overrides, environment)?;
    let mut document = parse(&text_of(&main)?, &main)?;
    for edit in edits {
        let mut table = document.as_table_mut();
        for (index, name) in edit.table.iter().enumerate() {
            let above = index + 1 < edit.table.len();
            let item = table.entry(name).or_insert_with(|| {
                let mut new = Table::new();
                new.set_implicit(above);
                Item::Table(new)
            });
            table = item.as_table_mut().ok_or_else(|| {
                ConfigError::Edit(format!(
                    "[{}] is written inline; add its keys by hand",
                    edit.table.join(".")
                ))
            })?;
        }
        for (key, text) in &edit.keys {
            let parsed: Value = text
                .parse()
                .map_err(|_| ConfigError::Edit(format!("`{key}` cannot be written")))?;
            match table.get_mut(key).and_then(Item::as_value_mut) {
                Some(known) => {
                    let decor = known.decor().clone();
                    *known = parsed;
                    *known.decor_mut() = decor;
                }
                None => {
                    table.insert(key, Item::Value(parsed));
                }
            }
        }
    }
    let text = document.to_string();
    check(&loaded, &main, &text)?;
    write::replace(&main, &text)?;
    drop(lock);
    Ok(main)
}

#[cfg(test)]
mod tests {
    use super::{Answers, Known, Level, apply, edits, mapping, next, questions};
    use crate::config::{Environment, Overrides, load};
    use std::fs;

    fn known() -> Known {
        Known {
            repositories: vec!["fleet".into()],
            projects: vec!["shop".into()],
            mappings: vec!["web".into()],
            ..Known::default()
        }
    }

    /// Answers every question that is asked with what is given for its key, or with nothing.
    fn answer(level: Level, given: &[(&str, &str)]) -> Answers {
        let (known, mut at, mut answers) = (known(), 0, Answers::new());
        let questions = questions(level, &known, None);
        while let Some((index, question)) = next(&questions, at, &answers) {
            let text =
                given.iter().find(|(key, _)| *key == question.key).map_or("", |(_, text)| text);
            answers.push((question.key, question.answered(&known, text).unwrap()));
            at = index + 1;
        }
        answers
    }

    #[test]
    fn every_answer_is_checked_where_it_is_given() {
        let known = known();
        for (level, key, text, why) in [
            (Level::Mapping, "name", "web", "exists already"),
            (Level::Mapping, "name", "-x", "a letter or digit first"),
            (Level::Mapping, "name", " ", "needs an answer"),
            (Level::Mapping, "repository", "flete", "did you mean `fleet`?"),
            (Level::Mapping, "path", "a/../b", "no `..`"),
            (Level::Mapping, "namespace", "Shop", "lowercase"),
            (Level::Mapping, "source", "both", "git or cluster"),
            (Level::Global, "email", "ana", "ana@example.com"),
            (Level::Global, "url", "https://user@host/x", "user"),
            (Level::Project, "name", "shop", "exists already"),
        ] {
            let questions = questions(level, &known, None);
            let question = questions.iter().find(|one| one.key == key).unwrap();
            let said = question.answered(&known, text).unwrap_err();
            assert!(said.contains(why), "{key}: {said}");
        }
    }

    #[test]
    fn what_was_not_answered_asks_for_nothing_more() {
        let answers = answer(Level::Global, &[("production", "prod-*, live")]);
        let asked: Vec<&str> = answers.iter().map(|(key, _)| *key).collect();
        assert_eq!(asked, ["name", "repository", "context", "production"]);
        let lines: Vec<Vec<String>> =
            edits(Level::Global, &answers).iter().map(super::TableEdit::lines).collect();
        assert_eq!(lines, [["[safety]", "production = [\"prod-*\", \"live\"]"]]);
        let new = mapping(&answer(Level::Mapping, &[("name", "cart"), ("path", "apps/cart")]));
        assert_eq!((&new.name[..], new.repository.as_deref()), ("cart", Some("fleet")));
        assert_eq!((new.path.as_deref(), new.source), (Some("apps/cart"), None));
    }

    #[test]
    fn tables_are_written_beside_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("config.toml");
        let text = "# mine\n[author] # who\nname = \"Leo\" # me\nemail = \"leo@example.com\"\n\n[repositories.fleet]\nurl = \"https://git.example.com/f.git\"\n";
        fs::write(&main, text).unwrap();
        let overrides = Overrides { config: Some(main.clone()), ..Overrides::default() };
        let environment = Environment::of(folder.path(), &[]);
        let given = [("name", "Ana"), ("email", "ana@example.com"), ("context", "prod")];
        let global = edits(Level::Global, &answer(Level::Global, &given));
        assert_eq!(apply(&overrides, &environment, &global).unwrap(), main);
        let given = [("name", "store"), ("prefix", "apps")];
        let project = edits(Level::Project, &answer(Level::Project, &given));
        apply(&overrides, &environment, &project).unwrap();
        let written = fs::read_to_string(&main).unwrap();
        let kept = text.replace("Leo", "Ana").replace("leo@", "ana@");
        let added = "\n[defaults]\ncontext = \"prod\"\n\n[projects.store]\nrepository = \"fleet\"\npath_prefix = \"apps\"\n";
        assert_eq!(written, kept + added);
        let settings = load(&overrides, &environment).unwrap().settings;
        assert_eq!(settings.projects["store"].path_prefix, "apps");
    }
}
