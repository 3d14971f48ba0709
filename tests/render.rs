//! Rendering with the real `kustomize`, `helm` and `sops`, and with programs that misbehave.

mod fences;
mod helm;
mod kustomize;
pub mod overlays;
mod sops;

use gitdeck::domain::Manifest;

/// `Kind name` of each, with its place.
fn names(manifests: &[Manifest]) -> Vec<String> {
    let mut names: Vec<String> = manifests
        .iter()
        .map(|one| format!("{} {} {}", one.reference.kind, one.reference.name, one.origin))
        .collect();
    names.sort();
    names
}
