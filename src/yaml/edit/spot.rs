//! A value in its surroundings, and whether it may be touched at all.

use super::EditError;
use super::layout::{after_colon, dash};
use super::route::{At, Route, child};
use crate::yaml::compose::Composed;
use crate::yaml::node::{Body, Entry, Node, Style};
use std::collections::HashSet;

/// A value and what stands around it.
pub(super) struct Spot<'a> {
    pub text: &'a str,
    pub node: &'a Node,
    /// The map or list that it is in, and its position there.
    pub parent: Option<(&'a Node, usize)>,
    /// The map or list that the parent is in, and the parent's position there.
    pub above: Option<(&'a Node, usize)>,
    /// Whether something above it is written in flow style.
    pub flow: bool,
}

impl<'a> Spot<'a> {
    /// Looks the end of a route up. Refuses what is written elsewhere, and what other places use.
    pub fn find(
        text: &'a str,
        document: &'a Composed,
        route: &Route,
        inside: bool,
    ) -> Result<Self, EditError> {
        let mut spot = Spot { text, node: &document.node, parent: None, above: None, flow: false };
        spot.check(&document.aliased)?;
        for at in &route.0 {
            let parent = spot.node;
            spot.flow |= parent.mark.style == Style::Flow;
            let position = match (&parent.body, at) {
                (Body::Mapping(entries), At::Key(key)) => {
                    entries.iter().position(|entry| entry.key == *key)
                }
                (_, At::Index(index)) => Some(*index),
                _ => None,
            };
            let found = position.zip(child(parent, at));
            let Some((position, node)) = found else {
                return Err(EditError::new(parent.first, "the value is not written here any more"));
            };
            spot.above = spot.parent;
            spot.parent = Some((parent, position));
            spot.node = node;
            spot.check(&document.aliased)?;
        }
        if !inside && uses(spot.node, &document.aliased) {
            return Err(EditError::new(
                spot.node.first,
                "an anchor in it is used elsewhere in the document; edit it by hand",
            ));
        }
        Ok(spot)
    }

    fn check(&self, aliased: &HashSet<usize>) -> Result<(), EditError> {
        let line = self.entry().map_or(self.node.first, |entry| entry.line);
        if self.node.shared {
            let how = if self.entry().is_some_and(|entry| entry.merged) {
                "a merge key (<<)"
            } else {
                "an alias"
            };
            return Err(EditError::new(
                line,
                format!("the value comes through {how}; change it where it is written"),
            ));
        }
        if self.entry().is_some_and(|entry| entry.at.anchor != 0 || entry.at.tagged) {
            return Err(EditError::new(line, "its key has an anchor or a tag; edit it by hand"));
        }
        if aliased.contains(&self.node.mark.anchor) {
            return Err(EditError::new(
                line,
                "the value has an anchor that is used elsewhere, which would change, too; edit it by hand",
            ));
        }
        Ok(())
    }

    /// The entry of the map that it is the value of.
    pub fn entry(&self) -> Option<&'a Entry> {
        let (parent, index) = self.parent?;
        let Body::Mapping(entries) = &parent.body else { return None };
        entries.get(index)
    }

    /// The byte after the colon or dash that it follows.
    pub fn slot(&self) -> Option<usize> {
        slot(self.text, self.parent?, self.node)
    }

    /// The byte after the colon that the parent follows.
    pub fn parents_colon(&self) -> Option<usize> {
        let (node, above) = (self.parent?.0, self.above?);
        let bare = node.mark.anchor == 0 && !node.mark.tagged;
        let keyed = matches!(above.0.body, Body::Mapping(_));
        if bare && keyed { slot(self.text, above, node) } else { None }
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.node.mark.start == self.node.mark.end && self.node.mark.style == Style::Plain
    }
}

fn slot(text: &str, (parent, index): (&Node, usize), node: &Node) -> Option<usize> {
    match &parent.body {
        Body::Mapping(entries) => after_colon(text, entries.get(index)?),
        _ if parent.mark.style == Style::Block => dash(text, node).map(|dash| dash + 1),
        _ => None,
    }
}

/// Whether an anchor at or below a node is referred to.
fn uses(node: &Node, aliased: &HashSet<usize>) -> bool {
    if node.shared {
        return false;
    }
    aliased.contains(&node.mark.anchor)
        || match &node.body {
            Body::Scalar(_) => false,
            Body::Sequence(items) => items.iter().any(|item| uses(item, aliased)),
            Body::Mapping(entries) => entries
                .iter()
                .any(|entry| aliased.contains(&entry.at.anchor) || uses(&entry.node, aliased)),
        }
}
