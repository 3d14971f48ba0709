//! The configuration as people write it: layers, rules, faults with their lines, edits that keep comments.

mod connecting;
mod depends;
mod ignoring;
mod messages;
mod people;
mod recording;
mod rendering;
mod sensitive;
mod signing;

use super::edit::{self, NewMapping, NewRepository};
use super::{ConfigError, Environment, Loaded, Overrides, load};
use crate::domain::{Authentication, SecretRef, SignatureFormat, Signing};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// A home directory with a configuration in it.
struct Home {
    folder: TempDir,
}

impl Home {
    fn with(text: &str) -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        home.write("config.toml", text);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(".config/gitdeck").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    }

    fn environment(&self) -> Environment {
        Environment::of(self.folder.path(), &[])
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        load(&Overrides::default(), &self.environment())
    }

    /// The faults, with the folder taken out.
    fn faults(&self) -> String {
        let text = self.load().unwrap_err().to_string();
        text.replace(&format!("{}/", self.path("").display()).replace("//", "/"), "")
    }
}

const DESIGN: &str = r#"
[author]
name = "Deploy Bot"
email = "deploy@example.com"

[defaults]
polling_interval = "3m"
engine = "direct"

[[auth]]
url_prefix = "https://git.example.com/platform"
username = "bot"
password = "vault:git.example.com"
polling_interval = "20s"

[[github]]
org_repo = "acme/fleet"
app_id = 1234
installation_id = 12345
private_key = "file:~/.config/gitdeck/acme.pem"
webhook_secret = "keyring:acme-webhook"

[[gitlab]]
groups_project = "acme/platform:fleet"
access_token = "keyring:gitlab"

[repositories.fleet]
url = "https://git.example.com/platform/fleet.git"
branch = "main"
access = "shared"

[projects.shop]
repository = "fleet"
path_prefix = "apps/shop"

[mappings.checkout]
project = "shop"
path = "checkout"
context = "prod-eu"
namespace = "shop"
source = "git"
sync = { auto = true, prune = true, self_heal = false, prune_limit = 5 }
ignore = [{ kind = "Deployment", path = "/spec/replicas" }]

[safety]
production = ["prod-*"]
read_only = false
"#;

#[test]
fn the_documented_example_is_read() {
    let loaded = Home::with(DESIGN).load().unwrap();
    let settings = &loaded.settings;
    let fleet = &settings.repositories["fleet"];
    let password = SecretRef::Vault("git.example.com".into());
    assert_eq!(fleet.authentication, Authentication::Basic { username: "bot".into(), password });
    assert_eq!(fleet.polling_interval, Duration::from_secs(20));
    let checkout = &settings.mappings["checkout"];
    assert_eq!(
        (checkout.repository.as_str(), checkout.path.as_str()),
        ("fleet", "apps/shop/checkout")
    );
    assert!(checkout.production && checkout.sync.auto && !settings.safety.read_only);
    assert_eq!(checkout.ignore[0].path.as_deref(), Some("/spec/replicas"));
    assert_eq!(checkout.polling_interval, Duration::from_secs(20));
    let warnings: Vec<String> = loaded.warnings().iter().map(ToString::to_string).collect();
    assert!(
        warnings.iter().any(|w| w.contains(":18: `app_id`") && w.contains("later version")),
        "{warnings:?}"
    );
}

#[test]
fn signing_follows_git_unless_it_is_configured() {
    let signing = |text: &str| Home::with(text).load().unwrap().settings.signing;
    assert_eq!(signing(""), Signing::AsGit);
    assert_eq!(signing("[signing]\nformat = \"off\"\n"), Signing::Off);
    let key = Some("~/.ssh/deploy.pub".to_owned());
    assert_eq!(
        signing("[signing]\nformat = \"ssh\"\nkey = \"~/.ssh/deploy.pub\"\n"),
        Signing::With { format: SignatureFormat::Ssh, key }
    );
    let faults = Home::with("[signing]\nkey = \"x\"\n").faults();
    assert!(faults.contains("config.toml:2: [signing] needs `format`"), "{faults}");
}

#[test]
fn no_file_is_an_empty_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment::of(folder.path(), &[("GITDECK_DATA_DIR", "/data")]);
    let loaded = load(&Overrides::default(), &environment).unwrap();
    assert!(!loaded.found && loaded.settings.mappings.is_empty());
    assert_eq!(loaded.main, folder.path().join(".config/gitdeck/config.toml"));
    assert_eq!(loaded.settings.data_dir, PathBuf::from("/data"));
    assert_eq!(loaded.settings.cache_dir, folder.path().join(".cache/gitdeck"));
    let named = Environment::of(folder.path(), &[("GITDECK_CONFIG", "/nowhere/c.toml")]);
    let error = load(&Overrides::default(), &named).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/c.toml does not exist"), "{error}");
}

#[test]
fn faults_name_file_line_and_the_likely_key() {
    let home = Home::with(
        "[repositories.fleet]\nurl = \"https://h/a\"\nbrunch = \"main\"\n\n[mappings.cart]\nrepositry = \"fleet\"\nrepository = \"flet\"\npath = \"../x\"\nengine = \"fluks\"\n\n[saftey]\n",
    );
    insta::assert_snapshot!(home.faults(), @r#"
    config.toml:3: unknown key `brunch` in [repositories.fleet]; did you mean `branch`?
    config.toml:9: `engine` of [mappings.cart] is one of direct, flux, argocd; did you mean `flux`?
    config.toml:6: unknown key `repositry` in [mappings.cart]; did you mean `repository`?
    config.toml:11: unknown key `saftey` in the configuration; did you mean `safety`?
    "#);
    home.write("config.toml", "[repositories.fleet]\nurl = \"https://h/a\"\n[mappings.cart]\nrepository = \"flet\"\npath = \"x\"\n[mappings.b]\nrepository = \"fleet\"\npath = \"../x\"\n[mappings.c]\nproject = \"shop\"\n");
    insta::assert_snapshot!(home.faults(), @r#"
    config.toml:4: there is no repository `flet`; did you mean `fleet`?; `gitdeck repo add` makes one
    config.toml:8: a path stays inside the repository: no `..`, no control characters
    config.toml:10: there is no project `shop`
    "#);
}

#[test]
fn secrets_in_wrong_places_are_not_repeated() {
    let home = Home::with(
        "[[auth]]\nurl_prefix = \"https://h\"\nusername = \"bot\"\npassword = \"hunter2\"\n",
    );
    assert!(!home.faults().contains("hunter2") && home.faults().contains("config.toml:4"));
    home.write("config.toml", "[repositories.a]\nurl = \"https://bot:hunter2@h/a\"\n");
    assert!(
        !home.faults().contains("hunter2") && home.faults().contains("`username` of an [[auth]]")
    );
    home.write("config.toml", "[[auth]]\nurl_prefix = \"https://hunter2@h/a\"\n");
    assert!(!home.faults().contains("hunter2") && home.faults().contains("config.toml:2"));
    for text in [
        "[repositories.a]\nurl = https://hunter2@h/a\n",
        "[repositories.a]\nurl = \"https://hunter2@h/a\n",
        "[repositories.a]\nurl = [\"https://hunter2@h/a\"]\n",
        "[repositories]\na = \"https://hunter2@h/a\"\n",
    ] {
        home.write("config.toml", text);
        assert!(!home.faults().contains("hunter2"), "{}", home.faults());
    }
    home.write("config.toml", "[repositories.a]\npassword = hunter2\n");
    assert!(!home.faults().contains("hunter2"), "{}", home.faults());
    assert!(home.faults().contains("config.toml:2: not TOML"), "{}", home.faults());
}

#[test]
fn a_file_that_others_can_write_is_refused() {
    let home = Home::with("");
    fs::set_permissions(home.path("config.toml"), fs::Permissions::from_mode(0o664)).unwrap();
    assert!(home.faults().contains("can be written by other users (mode 664)"));
}

#[test]
fn files_beside_are_merged_and_may_not_contradict() {
    let home =
        Home::with("[repositories.fleet]\nurl = \"https://h/a\"\n[defaults]\ncontext = \"one\"\n");
    home.write("config.d/10-shop.toml", "[mappings.cart]\nrepository = \"fleet\"\npath = \".\"\n");
    let settings = home.load().unwrap().settings;
    assert_eq!(settings.mappings["cart"].target.context, "one");
    assert_eq!(settings.mappings["cart"].path, "");
    assert_eq!(settings.files.len(), 2);
    home.write(
        "config.d/20.toml",
        "[defaults]\ncontext = \"two\"\n[repositories.fleet]\nurl = \"https://h/b\"\n",
    );
    let faults = home.faults();
    assert!(faults.contains("20.toml:2: set already at config.toml:4"), "{faults}");
    assert!(faults.contains("20.toml:3: `fleet` exists already at config.toml:1"), "{faults}");
}

const LAYERS: &str = r#"
[defaults]
namespace = "base"
context = "one"
sync = { prune_limit = 9 }
ignore = [{ path = "/metadata/annotations/a" }]

[projects.shop]
repository = "fleet"
path_prefix = "/apps/shop/"
namespace = "shop"

[repositories.fleet]
url = "ssh://git@git.example.com/platform/fleet.git"

[repositories.hidden]
url = "git@git.example.com:other/hidden"
project = "shop"

[mappings.checkout]
project = "shop"
path = "checkout"
ignore = [{ kind = "Deployment", path = "/spec/replicas" }]

[mappings.cart]
project = "shop"
repository = "hidden"
sync.prune = false
context = "two"

[[auth]]
url_prefix = "ssh://git.example.com"
private_key = "file:~/.ssh/id_ed25519"

[[auth]]
url_prefix = "ssh://git.example.com/platform"
private_key = "ssh-agent"
"#;

#[test]
fn the_nearest_layer_wins_and_is_explained() {
    let home = Home::with(LAYERS);
    let loaded = home.load().unwrap();
    let cart = &loaded.settings.mappings["cart"];
    assert_eq!((cart.target.context.as_str(), cart.target.namespace.as_str()), ("two", "shop"));
    assert_eq!(
        (cart.path.as_str(), cart.sync.prune, cart.sync.prune_limit),
        ("apps/shop", false, 9)
    );
    assert_eq!(loaded.settings.mappings["checkout"].ignore.len(), 2);
    let text: Vec<String> = loaded
        .explain("cart")
        .unwrap()
        .iter()
        .flat_map(|part| &part.values)
        .map(|value| format!("{} = {}: {}", value.key, value.value, value.origin))
        .collect();
    let text = text.join("\n").replace(&home.path("").display().to_string(), "");
    insta::assert_snapshot!(text, @r"
    repository = hidden: mapping cart (config.toml:27)
    path = apps/shop: its project (config.toml:10)
    context = two: mapping cart (config.toml:29)
    namespace = shop: project shop (config.toml:11)
    production = false: [safety]
    polling_interval = 3m: built in
    engine = direct: built in
    source = git: built in
    sync.auto = false: built in
    sync.prune = false: mapping cart (config.toml:28)
    sync.self_heal = false: built in
    sync.prune_limit = 9: defaults (config.toml:5)
    record.quiet_period = 10s: built in
    record.push = true: built in
    record.secrets = skip: built in
    render = auto: built in
    allow_remote = false: built in
    ignore = /metadata/annotations/a: defaults (config.toml:6)
    depends_on = none: built in
    require_signed = false: built in
    connected = true: built in
    url = git@git.example.com:other/hidden: repository hidden (config.toml:17)
    branch = main: built in
    display_name = hidden: built in
    access = project shop: repository hidden (config.toml:18)
    access method = ssh key file:~/.ssh/id_ed25519: [[auth]] ssh://git.example.com/ (config.toml:33)
    polling_interval = 3m: built in
    author = that of your Git: built in
    committer = the author: built in
    ");
    let warnings = loaded.warnings();
    assert!(
        warnings[0].message.starts_with("[[auth]] ssh://git.example.com/platform never counts")
    );
}

#[test]
fn an_inherited_interval_names_the_place_that_sets_it() {
    let origin = |text: &str| {
        let home = Home::with(text);
        let explained = home.load().unwrap().explain("m").unwrap();
        let value = explained[0].values.iter().find(|value| value.key == "polling_interval");
        let value = value.unwrap();
        let place = home.path("").display().to_string();
        format!("{}: {}", value.value, value.origin.to_string().replace(&place, ""))
    };
    let mapping = "[mappings.m]\nrepository = \"r\"\npath = \".\"\n";
    let repository = "[repositories.r]\nurl = \"https://git.example.com/r\"\n";
    let of_repository = format!("{repository}polling_interval = \"7s\"\n{mapping}");
    assert_eq!(origin(&of_repository), "7s: repository r (config.toml:3)");
    let of_rule = format!(
        "{repository}{mapping}[[auth]]\nurl_prefix = \"https://git.example.com\"\npolling_interval = \"8s\"\n"
    );
    assert_eq!(origin(&of_rule), "8s: [[auth]] https://git.example.com/ (config.toml:8)");
    let of_defaults = format!("[defaults]\npolling_interval = \"9s\"\n{repository}{mapping}");
    assert_eq!(origin(&of_defaults), "9s: defaults (config.toml:2)");
    let own = format!("{of_repository}polling_interval = \"5s\"\n");
    assert_eq!(origin(&own), "5s: mapping m (config.toml:7)");
    assert_eq!(origin(&format!("{repository}{mapping}")), "3m: built in");
}

#[test]
fn an_address_is_explained_by_its_rules() {
    let loaded = Home::with(LAYERS).load().unwrap();
    let explained = loaded.explain("ssh://git@git.example.com/platform/new.git").unwrap();
    let rules: Vec<(bool, &str)> =
        explained[0].rules.iter().map(|rule| (rule.wins, rule.rule.as_str())).collect();
    assert_eq!(
        rules,
        [
            (true, "[[auth]] ssh://git.example.com/"),
            (false, "[[auth]] ssh://git.example.com/platform"),
        ]
    );
    assert_eq!(explained[0].values[0].value, "ssh key file:~/.ssh/id_ed25519");
    assert!(loaded.explain("chekout").unwrap_err().contains("did you mean `checkout`?"));
}

#[test]
fn provider_rules_come_first_and_are_filled_from_generic_ones() {
    let home = Home::with(
        r#"
[[auth]]
url_prefix = "https://github.com"
username = "bot"
password = "env:GENERIC"
polling_interval = "9m"
[[github]]
org_repo = "acme"
access_token = "env:ACME"
[repositories.a]
url = "https://github.com/acme/a"
[repositories.b]
url = "https://github.com/other/b"
[repositories.c]
url = "https://github.com/acme/c"
polling_interval = "1h"
access_token = "env:OWN"
"#,
    );
    let settings = home.load().unwrap().settings;
    let of = |name: &str| match &settings.repositories[name].authentication {
        Authentication::Basic { username, password } => (username.clone(), password.to_string()),
        other => panic!("{other:?}"),
    };
    assert_eq!(of("a"), ("x-access-token".into(), "env:ACME".into()));
    assert_eq!(of("b"), ("bot".into(), "env:GENERIC".into()));
    assert_eq!(of("c"), ("git".into(), "env:OWN".into()));
    assert_eq!(settings.repositories["a"].polling_interval, Duration::from_secs(540));
    assert_eq!(settings.repositories["c"].polling_interval, Duration::from_secs(3600));
}

#[test]
fn a_private_repository_serves_its_project_alone() {
    let home = Home::with(
        "[projects.shop]\n[repositories.a]\nurl = \"https://h/a\"\nproject = \"shop\"\n[mappings.m]\nrepository = \"a\"\npath = \".\"\n",
    );
    assert!(home.faults().contains("repository `a` is private to project `shop`"));
}

#[test]
fn mappings_without_context_are_fixed_to_the_current_one() {
    let home = Home::with(
        "[repositories.a]\nurl = \"https://h/a\"\n[mappings.m]\nrepository = \"a\"\npath = \".\"\n[safety]\nproduction = [\"prod-*\"]\n",
    );
    fs::create_dir(home.folder.path().join(".kube")).unwrap();
    fs::write(
        home.folder.path().join(".kube/config"),
        "apiVersion: v1\nkind: Config\ncurrent-context: prod-eu\nusers: []\n",
    )
    .unwrap();
    let mapping = &home.load().unwrap().settings.mappings["m"];
    assert_eq!((mapping.target.context.as_str(), mapping.production), ("prod-eu", true));
    let overrides = Overrides { context: Some("dev".into()), ..Overrides::default() };
    let mapping = &load(&overrides, &home.environment()).unwrap().settings.mappings["m"];
    assert_eq!((mapping.target.context.as_str(), mapping.production), ("dev", false));
}

#[test]
fn edits_keep_comments_and_permissions() {
    let text = "# my file\n\n[repositories.old] # kept?\nurl = \"https://h/a\"   # spaced\n\n# about cart\n[mappings.cart]\nrepository = \"old\"\npath = \"x\"\n\n# the rest\n[safety]\nread_only = false\n";
    let home = Home::with(text);
    let (overrides, environment) = (Overrides::default(), home.environment());
    let new = NewRepository {
        name: "fleet".into(),
        url: "https://h/fleet".into(),
        access_token: Some(SecretRef::Env("TOKEN".into())),
        ..NewRepository::default()
    };
    edit::add_repository(&overrides, &environment, &new).unwrap();
    let with = fs::read_to_string(home.path("config.toml")).unwrap();
    insta::assert_snapshot!(with, @r##"
    # my file

    [repositories.old] # kept?
    url = "https://h/a"   # spaced

    [repositories.fleet]
    url = "https://h/fleet"
    access_token = "env:TOKEN"

    # about cart
    [mappings.cart]
    repository = "old"
    path = "x"

    # the rest
    [safety]
    read_only = false
    "##);
    assert!(edit::add_repository(&overrides, &environment, &new).is_err());
    let used = edit::remove_repository(&overrides, &environment, "old").unwrap_err().to_string();
    assert!(used.contains("is used by cart"), "{used}");
    edit::remove_repository(&overrides, &environment, "fleet").unwrap();
    assert_eq!(fs::read_to_string(home.path("config.toml")).unwrap(), text);
    edit::remove_mapping(&overrides, &environment, "cart").unwrap();
    let without = fs::read_to_string(home.path("config.toml")).unwrap();
    assert!(
        without.contains("\n\n# the rest\n[safety]") && !without.contains("about cart"),
        "{without}"
    );
}

#[test]
fn a_wrong_edit_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment::of(folder.path(), &[]);
    let overrides = Overrides::default();
    let mapping = NewMapping {
        name: "cart".into(),
        repository: Some("fleet".into()),
        path: Some("cart".into()),
        ..NewMapping::default()
    };
    let error = edit::add_mapping(&overrides, &environment, &mapping).unwrap_err().to_string();
    assert!(error.contains("there is no repository `fleet`"), "{error}");
    let file = folder.path().join(".config/gitdeck/config.toml");
    assert!(!file.exists());
    let repository = NewRepository {
        name: "fleet".into(),
        url: "https://h/a".into(),
        ..NewRepository::default()
    };
    edit::add_repository(&overrides, &environment, &repository).unwrap();
    edit::add_mapping(&overrides, &environment, &mapping).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
}
