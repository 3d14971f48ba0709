//! Keys about rendering: inherited one by one, and refused with the likely one.

use super::Home;
use crate::domain::{Decryption, RenderKind, SecretRef};

#[test]
fn rendering_is_inherited_key_by_key() {
    let text = r#"
[defaults]
substitute = { region = "eu", tier = "low" }
helm = { include_crds = false, values = ["values.yaml"] }
[projects.shop]
repository = "fleet"
path_prefix = "apps"
substitute_from = [{ file = "/cluster.env" }, { file = "local.env", optional = true }]
sops = { age_key = "file:~/keys.txt" }
[repositories.fleet]
url = "https://h/a"
[mappings.cart]
project = "shop"
path = "cart"
render = "helm"
substitute = { tier = "high" }
[mappings.cart.helm]
release = "cart"
api_versions = ["a/v1"]
set = { "image.tag" = "1", replicas = 3, list = ["a", { b = true }] }
"#;
    let loaded = Home::with(text).load().unwrap();
    let rendering = &loaded.settings.mappings["cart"].rendering;
    assert_eq!(rendering.kind, RenderKind::Helm);
    assert_eq!(rendering.helm.values, ["values.yaml"]);
    assert_eq!(rendering.helm.release.as_deref(), Some("cart"));
    assert!(!rendering.helm.include_crds && rendering.substitution.strict);
    let set = serde_json::json!({"image.tag": "1", "replicas": 3, "list": ["a", {"b": true}]});
    assert_eq!(serde_json::Value::Object(rendering.helm.set.clone()), set);
    let values = &rendering.substitution.values;
    assert_eq!((values["region"].as_str(), values["tier"].as_str()), ("eu", "high"));
    assert_eq!(rendering.substitution.from.len(), 2);
    assert_eq!(rendering.decryption, Decryption::Age(SecretRef::File("~/keys.txt".into())));
    let explained = loaded.explain("cart").unwrap();
    let shown = |key: &str| {
        let mut values = explained[0].values.iter();
        let found = values.rfind(|value| value.key == key).expect(key);
        format!("{} {}", found.value, found.origin.level)
    };
    assert_eq!(shown("render"), "helm mapping cart");
    assert_eq!(shown("helm.include_crds"), "false defaults");
    assert_eq!(shown("substitute.tier"), "high mapping cart");
    assert_eq!(shown("sops"), "age key file:~/keys.txt project shop");
    assert_eq!(shown("substitute_from"), "local.env (optional) project shop");
}

#[test]
fn faults_of_rendering_name_the_key() {
    let text = "[repositories.a]\nurl = \"https://h/a\"\n[mappings.m]\nrepository = \"a\"\npath = \".\"\nrender = \"helmm\"\nsubstitute = { \"a-b\" = \"x\", c = 1 }\nsubstitute_from = [{ fil = \"x\" }]\nsops = { age_key = \"AGE-SECRET-KEY-1\" }\nhelm = { release = \"--post-renderer\", relase = \"x\" }\n";
    let faults = Home::with(text).faults();
    insta::assert_snapshot!(faults, @r#"
    config.toml:6: `render` of [mappings.m] is one of auto, plain, kustomize, helm; did you mean `helm`?
    config.toml:7: `c` of [mappings.m] must be a text in quotes, not a number
    config.toml:7: a variable's name has letters, digits and `_`, and begins with no digit
    config.toml:8: an entry of `substitute_from` needs a `file`
    config.toml:8: unknown key `fil` in [[substitute_from]]; did you mean `file`?
    config.toml:9: `age_key` of [mappings.m.sops]: not a reference to a secret; write `env:NAME`, `file:PATH`, `git-credential`, `ssh-agent`, `keyring:NAME` or `vault:NAME`, never the secret itself
    config.toml:10: a release, a namespace and a version are letters, digits, `-`, `.` and `+`, and do not begin with `-`
    config.toml:10: unknown key `relase` in [mappings.m.helm]; did you mean `release`?
    "#);
}
