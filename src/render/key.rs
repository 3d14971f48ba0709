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

    proptest! {
        // argo-cd#24408, #29766, #29442, #27971, PR#17874: another application's or old manifests, by
        // a key that forgot something.
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
