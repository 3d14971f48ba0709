//! A rendered tree as it is kept between two looks: packed, and open only while somebody uses it.

use crate::domain::{Manifest, pack};
use crate::render::{Key, Kind};
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// Room in bytes for trees that are rendered again in milliseconds, packed.
const CHEAP: usize = 2 << 20;
/// Room in bytes for trees that programs render, packed.
const DEAR: usize = 16 << 20;
/// Trees that are kept beside each other at most: two revisions of a thousand mappings.
const MOST: usize = 2048;

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

    /// Bytes of a packed tree.
    fn size(&self) -> usize {
        match &self.kept {
            Kept::Packed(packed) => packed.len(),
            Kept::Plain(_) => 0,
        }
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

/// The trees that are kept, and room for them.
#[derive(Default)]
pub(crate) struct Trees {
    cheap: Shelf,
    dear: Shelf,
}

#[derive(Default)]
struct Shelf {
    trees: HashMap<Key, Tree>,
    /// Bytes of the packed ones.
    filled: usize,
}

impl Trees {
    /// The manifests of a tree that is kept.
    pub fn manifests(&mut self, key: &Key) -> Option<Rendered> {
        let tree = match self.cheap.trees.get_mut(key) {
            Some(tree) => tree,
            None => self.dear.trees.get_mut(key)?,
        };
        tree.manifests()
    }

    /// Keeps a tree. Others go where there is no room for all, whichever comes first: looks go round all mappings, so
    /// that the one that was used longest ago is the very one that is wanted next.
    pub fn keep(&mut self, key: Key, tree: Tree, kind: Kind) {
        match kind {
            Kind::Plain => self.cheap.keep(key, tree, CHEAP),
            Kind::Kustomize | Kind::Helm => self.dear.keep(key, tree, DEAR),
        }
    }
}

impl Shelf {
    fn keep(&mut self, key: Key, tree: Tree, room: usize) {
        self.remove(&key);
        while !self.trees.is_empty()
            && (self.filled + tree.size() > room || self.trees.len() >= MOST)
        {
            let Some(one) = self.trees.keys().next().copied() else { break };
            self.remove(&one);
        }
        self.filled += tree.size();
        self.trees.insert(key, tree);
    }

    fn remove(&mut self, key: &Key) {
        let gone = self.trees.remove(key);
        self.filled -= gone.map_or(0, |tree| tree.size());
    }
}

fn unpack(packed: &[u8]) -> Option<Vec<Manifest>> {
    serde_json::from_slice(&pack::unpack(packed, &[])?).ok()
}

#[cfg(test)]
mod tests {
    use super::{Kept, Shelf, Tree};
    use crate::domain::{Manifest, ObjectRef, Origin, Rendering, Revision};
    use crate::render::{Inputs, Key, Kind};
    use serde_json::json;
    use std::sync::{Arc, Weak};

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

    #[test]
    fn a_shelf_holds_what_it_has_room_for() {
        let key = |path: &str| {
            Key::of(&Inputs {
                repository: ("fleet", "file:///fleet"),
                revision: &Revision::new("a".repeat(40)),
                path,
                release: "shop",
                namespace: "shop",
                rendering: &Rendering::default(),
                kind: Kind::Plain,
                programs: &[],
                cluster: None,
            })
        };
        let packed =
            |bytes: usize| Tree { kept: Kept::Packed(vec![0; bytes].into()), open: Weak::new() };
        let mut shelf = Shelf::default();
        for path in ["a", "b", "c", "c"] {
            shelf.keep(key(path), packed(40), 100);
        }
        assert_eq!((shelf.trees.len(), shelf.filled), (2, 80));
        assert!(shelf.trees.contains_key(&key("c")));
        // What has no room even alone is kept alone: it would be rendered with every look.
        shelf.keep(key("d"), packed(400), 100);
        assert_eq!((shelf.trees.len(), shelf.filled), (1, 400));
    }
}
