//! The key of a render in a cache: everything that goes into it, so that a hit is always the same objects.

use super::Kind;
use super::helm::Capabilities;
use crate::domain::{Rendering, Revision};
use sha2::{Digest, Sha256};

/// The key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

/// What goes into a render.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Name and address of the repository.
    pub repository: (&'a str, &'a str),
    /// The commit: it stands for every file that may be read.
    pub revision: &'a Revision,
    /// The mapping's path.
    pub path: &'a str,
    /// The mapping's name, which a release is called after.
    pub release: &'a str,
    /// Namespace of the target.
    pub namespace: &'a str,
    /// Every parameter.
    pub rendering: &'a Rendering,
    /// What renders.
    pub kind: Kind,
    /// The programs, each as it changes when the program does.
    pub programs: &'a [String],
    /// What templates are told of the cluster.
    pub cluster: Option<&'a Capabilities>,
}

impl Key {
    /// Hashes every input with its length, so that none runs into the next.
    pub fn of(inputs: &Inputs<'_>) -> Self {
        let Inputs { repository, revision, path, release, namespace, .. } = *inputs;
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        };
        [repository.0, repository.1, revision.as_str(), path, release, namespace]
            .into_iter()
            .for_each(&mut add);
        // Serialising plain data to memory cannot fail; were it to, no two keys may be alike by it.
        let rendering = serde_json::to_string(inputs.rendering);
        add(&rendering.unwrap_or_else(|_| format!("{:?}", inputs.rendering)));
        add(&format!("{:?}", inputs.kind));
        add(&inputs.programs.len().to_string());
        inputs.programs.iter().for_each(|program| add(program));
        if let Some(cluster) = inputs.cluster {
            add(&cluster.kube_version);
            cluster.api_versions.iter().for_each(|version| add(version));
        }
        Self(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Inputs, Key};
    use crate::domain::{Decryption, RenderKind, Rendering, Revision, SecretRef, ValuesFile};
    use crate::render::{Capabilities, Kind};
    use proptest::prelude::*;
    use serde_json::json;

    /// Everything that goes into a render, owned.
    #[derive(Debug, Clone, PartialEq)]
    struct Whole {
        texts: [String; 6],
        rendering: Rendering,
        kind: Kind,
        programs: Vec<String>,
        cluster: Option<Capabilities>,
    }

    impl Whole {
        fn key(&self) -> Key {
            let [name, url, revision, path, release, namespace] = &self.texts;
            Key::of(&Inputs {
                repository: (name, url),
                revision: &Revision::new(revision),
                path,
                release,
                namespace,
                rendering: &self.rendering,
                kind: self.kind,
                programs: &self.programs,
                cluster: self.cluster.as_ref(),
            })
        }

        /// Changes one input; which, the number says.
        fn changed(&self, which: usize, text: &str) -> Self {
            let mut other = self.clone();
            let rendering = &mut other.rendering;
            let value = || text.to_owned();
            match which {
                0..6 => other.texts[which].push_str(text),
                6 => rendering.kind = RenderKind::Kustomize,
                7 => rendering.allow_remote ^= true,
                8 => rendering.helm.release = Some(value()),
                9 => rendering.helm.namespace = Some(value()),
                10 => rendering.helm.values.push(value()),
                11 => drop(rendering.helm.set.insert(value(), json!(1))),
                12 => rendering.helm.include_crds ^= true,
                13 => rendering.helm.kube_version = Some(value()),
                14 => rendering.helm.api_versions.push(value()),
                15 => drop(rendering.substitution.values.insert(value(), value())),
                16 => {
                    rendering.substitution.from.push(ValuesFile { file: value(), optional: false });
                }
                17 => rendering.substitution.strict ^= true,
                18 => rendering.decryption = Decryption::Age(SecretRef::Env(value())),
                19 => other.kind = Kind::Helm,
                20 => other.programs.push(value()),
                21 => other.cluster.get_or_insert_default().kube_version.push_str(text),
                _ => other.cluster.get_or_insert_default().api_versions.push(value()),
            }
            other
        }
    }

    /// What the threads have in common, to change one thing of.
    fn whole() -> Whole {
        let texts =
            ["fleet", "https://git.example.com/fleet", "3f2a91c", "apps/web", "web", "shop"];
        Whole {
            texts: texts.map(str::to_owned),
            rendering: Rendering::default(),
            kind: Kind::Kustomize,
            programs: vec!["kustomize v5.8.1".to_owned()],
            cluster: None,
        }
    }

    /// argo-cd#29766: what was rendered while a remote base was allowed was served after it was forbidden.
    #[test]
    fn argo_cd_29766_what_was_allowed_once_is_no_hit_when_it_is_forbidden() {
        let mut allowed = whole();
        allowed.rendering.allow_remote = true;
        assert_ne!(allowed.key(), whole().key());
        // And where files for values may come from.
        let mut other = whole();
        other.rendering.substitution.from =
            vec![ValuesFile { file: "https://example.com/values.yaml".into(), optional: false }];
        assert_ne!(other.key(), whole().key());
    }

    /// argo-cd#29442. Not said more of than that another application's manifests were served; here: two mappings of one
    /// path and commit, which differ in what a chart calls its release, and in where it goes.
    #[test]
    fn argo_cd_29442_two_mappings_of_one_path_have_entries_of_their_own() {
        let (mut release, mut namespace) = (whole(), whole());
        release.texts[4] = "web-blue".into();
        namespace.texts[5] = "shop-blue".into();
        let keys = [whole().key(), release.key(), namespace.key()];
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    }

    /// argo-cd#27971: the same question had one key where manifests were stored and another where they were looked up, so
    /// that they were rendered anew each time.
    #[test]
    fn argo_cd_27971_the_same_question_has_the_same_key() {
        let ask = |names: [&str; 2]| {
            let mut asked = whole();
            asked.rendering.helm.set.insert("replicas".into(), json!(2));
            for name in names {
                asked.rendering.substitution.values.insert(name.into(), name.into());
            }
            asked.cluster = Some(Capabilities::default());
            asked.key()
        };
        assert_eq!(ask(["a", "b"]), ask(["b", "a"]));
        assert_eq!(whole().key(), whole().key());
    }

    /// argo-cd PR#17874. Not said more of than that old manifests were served; here: two repositories with one commit, as
    /// a fork has it, and one repository that moved.
    #[test]
    fn argo_cd_17874_one_commit_in_two_repositories_is_two_entries() {
        let (mut name, mut address, mut commit) = (whole(), whole(), whole());
        name.texts[0] = "fork".into();
        address.texts[1] = "https://git.example.com/fork".into();
        commit.texts[2] = "77ab210".into();
        for other in [name, address, commit] {
            assert_ne!(other.key(), whole().key(), "{other:?}");
        }
    }

    proptest! {
        // argo-cd#24408: another application's or old manifests, by a key that forgot something.
        #[test]
        fn argo_cd_24408_every_input_changes_the_key(
            texts in proptest::array::uniform6("[a-z/]{0,4}"),
            programs in proptest::collection::vec("[a-z]{0,3}", 0..3),
            changes in proptest::collection::vec((0_usize..23, "[a-z/]{1,3}"), 1..4),
        ) {
            let base = Whole {
                texts,
                rendering: Rendering::default(),
                kind: Kind::Plain,
                programs,
                cluster: None,
            };
            let other = changes.iter().fold(base.clone(), |whole, (which, text)| whole.changed(*which, text));
            prop_assert_eq!(base == other, base.key() == other.key(), "{:?}", other);
        }

        #[test]
        fn inputs_do_not_run_into_each_other(a in "[ab]{0,3}", b in "[ab]{0,3}", c in "[ab]{0,3}", d in "[ab]{0,3}") {
            let whole = |x: &str, y: &str| Whole {
                texts: [x.into(), y.into(), String::new(), String::new(), String::new(), String::new()],
                rendering: Rendering::default(),
                kind: Kind::Plain,
                programs: Vec::new(),
                cluster: None,
            };
            let (one, two) = (whole(&a, &b), whole(&c, &d));
            prop_assert_eq!(one == two, one.key() == two.key());
        }
    }
}
