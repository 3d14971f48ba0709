//! A rendered tree as it is kept between two looks: packed, and open only while somebody uses it.

use crate::domain::{Manifest, pack};
use std::sync::{Arc, Weak};

/// A rendered tree, shared by every job that plans it.
pub(crate) type Rendered = Arc<Vec<Manifest>>;

/// The manifests of a mapping at a revision. Parsed they take ten times the room of their text, and a console knows
/// thousands that it looks at again only when something changes.
pub(crate) struct Tree {
    kept: Kept,
    open: Weak<Vec<Manifest>>,
}

enum Kept {
    Packed(Box<[u8]>),
    /// What packing would not bring back as it is.
    Plain(Rendered),
}

impl Tree {
    /// A tree as it is, for a process that ends before packing would pay.
    pub fn open(manifests: &Rendered) -> Self {
        Self { kept: Kept::Plain(Arc::clone(manifests)), open: Arc::downgrade(manifests) }
    }

    /// A tree packed.
    pub fn of(manifests: &Rendered) -> Self {
        let packed = serde_json::to_vec(manifests.as_ref())
            .ok()
            .and_then(|text| pack::pack(&text, &[]))
            .filter(|packed| unpack(packed).is_some_and(|again| again == **manifests));
        let kept = packed
            .map_or_else(|| Kept::Plain(Arc::clone(manifests)), |bytes| Kept::Packed(bytes.into()));
        Self { kept, open: Arc::downgrade(manifests) }
    }

    /// The manifests; opened where nobody uses them now.
    pub fn manifests(&mut self) -> Option<Rendered> {
        if let Some(open) = self.open.upgrade() {
            return Some(open);
        }
        match &self.kept {
            Kept::Plain(manifests) => Some(Arc::clone(manifests)),
            Kept::Packed(packed) => {
                let manifests = Arc::new(unpack(packed)?);
                self.open = Arc::downgrade(&manifests);
                Some(manifests)
            }
        }
    }
}

fn unpack(packed: &[u8]) -> Option<Vec<Manifest>> {
    serde_json::from_slice(&pack::unpack(packed, &[])?).ok()
}

#[cfg(test)]
mod tests {
    use super::{Kept, Tree};
    use crate::domain::{Manifest, ObjectRef, Origin};
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn manifests_come_back_as_they_were_and_are_shared_while_in_use() {
        let manifest = |index: usize| {
            let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": format!("map-{index}")}, "data": {"share": 0.1, "big": u64::MAX}});
            let origin = Origin { file: "a.yaml".into(), document: index, line: 1 };
            Manifest { reference: ObjectRef::of(&object).unwrap(), object, origin }
        };
        let manifests = Arc::new((0..20).map(manifest).collect::<Vec<_>>());
        let mut tree = Tree::of(&manifests);
        assert!(matches!(tree.kept, Kept::Packed(_)));
        assert!(Arc::ptr_eq(&tree.manifests().unwrap(), &manifests));
        let before = Vec::clone(&manifests);
        drop(manifests);
        let again = tree.manifests().unwrap();
        assert_eq!(*again, before);
        assert!(Arc::ptr_eq(&again, &tree.manifests().unwrap()));
    }
}
