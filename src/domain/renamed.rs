//! Objects whose name ends in a hash of their content, as kustomize's generators make them: old and new belong together.

use crate::domain::{ObjectRef, Op, Operation};

/// Characters of kustomize's hash: hexadecimal digits without vowels and what looks like them.
const ALPHABET: &str = "2456789bcdfghkmt";
/// Their number.
const LENGTH: usize = 10;

/// The name without the hash of the content; nothing where it has none.
pub fn base_name(object: &ObjectRef) -> Option<&str> {
    if !object.group.is_empty() || !matches!(object.kind.as_str(), "ConfigMap" | "Secret") {
        return None;
    }
    let (base, hash) = object.name.rsplit_once('-')?;
    let is_hash = hash.len() == LENGTH && hash.chars().all(|c| ALPHABET.contains(c));
    (is_hash && !base.is_empty()).then_some(base)
}

/// Pairs each creation with the deletion of the object that it stands in for: positions in the list.
pub fn pairs(operations: &[Operation]) -> Vec<(usize, usize)> {
    let mut taken = Vec::new();
    let of = |op: Op| operations.iter().enumerate().filter(move |(_, one)| one.op == op);
    for (new, created) in of(Op::Create) {
        let Some(base) = base_name(&created.object) else { continue };
        let fits = |(index, deleted): &(usize, &Operation)| {
            let same = deleted.object.kind == created.object.kind
                && deleted.object.namespace == created.object.namespace;
            let is_free = taken.iter().all(|(_, old)| old != index);
            same && is_free && base_name(&deleted.object) == Some(base)
        };
        if let Some((old, _)) = of(Op::Delete).find(fits) {
            taken.push((new, old));
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::{base_name, pairs};
    use crate::domain::{ObjectRef, Op, Operation, Reason, fixture};

    fn object(kind: &str, name: &str) -> ObjectRef {
        ObjectRef {
            group: String::new(),
            version: "v1".into(),
            kind: kind.into(),
            namespace: Some("shop".into()),
            name: name.into(),
        }
    }

    fn operation(op: Op, kind: &str, name: &str) -> Operation {
        fixture::operation(op, object(kind, name), Reason::Commit)
    }

    #[test]
    fn hashes_are_those_of_kustomize() {
        for (kind, name, base) in [
            ("ConfigMap", "prod-podinfo-fbtd98695c", Some("prod-podinfo")),
            ("Secret", "tls-hb2dth72f6", Some("tls")),
            ("ConfigMap", "prod-podinfo-abcdefghij", None),
            ("ConfigMap", "prod-podinfo-fbtd98695", None),
            ("ConfigMap", "-fbtd98695c", None),
            ("Deployment", "a-fbtd98695c", None),
        ] {
            assert_eq!(base_name(&object(kind, name)), base, "{name}");
        }
    }

    #[test]
    fn each_deletion_stands_behind_one_creation() {
        let operations = [
            operation(Op::Create, "ConfigMap", "a-fbtd98695c"),
            operation(Op::Create, "Secret", "a-fbtd98695c"),
            operation(Op::Create, "ConfigMap", "b-fbtd98695c"),
            operation(Op::Delete, "ConfigMap", "a-hb2dth72f6"),
            operation(Op::Delete, "ConfigMap", "a-6ckbt59h62"),
            operation(Op::Delete, "ConfigMap", "b"),
        ];
        assert_eq!(pairs(&operations), [(0, 3)]);
    }
}
