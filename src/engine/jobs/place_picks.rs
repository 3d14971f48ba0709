//! Puts live values into the files of a mapping, as far as each of them can be.

use crate::domain::folder::is_within;
use crate::domain::{FileEdit, Holder, Mapping, Revision};
use crate::engine::Failure;
use crate::engine::error::Stop;
use crate::engine::jobs::Context;
use crate::engine::jobs::adopt::written;
use crate::engine::jobs::live_changes::Pick;
use crate::engine::jobs::place::{Ground, Misplaced, Wish};
use crate::engine::jobs::propose::check;
use crate::engine::jobs::render::sources;
use crate::engine::jobs::unseal::SealedFiles;

/// Edits, with what they come from.
#[derive(Default)]
pub(super) struct Placed {
    pub edits: Vec<FileEdit>,
    /// The revision that they were made on.
    pub base: Option<Revision>,
    /// Who set the values that were placed, each once; in order of their names.
    pub managers: Vec<String>,
    /// What could not be placed, a sentence each.
    pub left: Vec<String>,
}

/// What values are placed on.
struct Site<'a> {
    ctx: &'a Context,
    mapping: &'a Mapping,
    /// The revision that was looked at.
    at: &'a Revision,
    /// Other mappings, with what they are made from: they would take over what is live here.
    others: Vec<(String, Vec<String>)>,
}

/// One try.
struct Tried {
    placed: Placed,
    /// Values, by their number, that would go into a file of another mapping.
    shared: Vec<(usize, String)>,
    checked: Result<(), Failure>,
}

/// Places what can be placed on the revision that was looked at. One value that something else decides does not keep the
/// others out.
///
/// # Errors
///
/// Where the repository is at another revision by now: the values were held to this one.
pub(super) async fn place(
    ctx: &Context,
    mapping: &Mapping,
    picks: &[Pick],
    at: &Revision,
) -> Result<Placed, Stop> {
    let site = Site { ctx, mapping, at, others: others(ctx, mapping, at).await };
    let all: Vec<&Pick> = picks.iter().collect();
    let tried = site.attempt(&all).await?;
    match tried.checked {
        Ok(()) => Ok(tried.placed),
        Err(failure) if all.len() == 1 => {
            Ok(Placed { left: vec![failure.message], ..Placed::default() })
        }
        Err(_) => site.one_by_one(&all).await,
    }
}

impl Site<'_> {
    async fn one_by_one(&self, picks: &[&Pick]) -> Result<Placed, Stop> {
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        let mut placed = Placed::default();
        for pick in picks {
            taken.push(*pick);
            let tried = self.attempt(&taken).await?;
            match tried.checked {
                Ok(()) => placed = tried.placed,
                Err(failure) => {
                    taken.pop();
                    left.push(failure.message);
                }
            }
        }
        placed.left.extend(left);
        Ok(placed)
    }

    /// Tries, and once more without the values that files of others would take.
    async fn attempt(&self, picks: &[&Pick]) -> Result<Tried, Stop> {
        let tried = self.once(picks).await?;
        if tried.shared.is_empty() {
            return Ok(tried);
        }
        let is_shared = |index: usize| tried.shared.iter().any(|(at, _)| *at == index);
        let own = picks.iter().enumerate().filter(|(index, _)| !is_shared(*index));
        let own: Vec<&Pick> = own.map(|(_, pick)| *pick).collect();
        let mut again = self.once(&own).await?;
        again.placed.left.extend(tried.shared.into_iter().map(|(_, reason)| reason));
        Ok(again)
    }

    async fn once(&self, picks: &[&Pick]) -> Result<Tried, Stop> {
        let (ctx, mapping) = (self.ctx, self.mapping);
        let mut ground = Ground::of(ctx, mapping).await?;
        if ground.base.as_ref() != Some(self.at) {
            return Err(Failure::new(format!(
                "{}: Git moved while it was looked at; it is recorded at the next try",
                mapping.name
            ))
            .into());
        }
        let mut files = SealedFiles::new(ctx, mapping);
        let (mut wishes, mut placed, mut shared) = (Vec::new(), Placed::default(), Vec::new());
        for (index, pick) in picks.iter().enumerate() {
            match put(&mut ground, &mut files, pick).await {
                Ok((edited, placed_so)) => {
                    let mut edited = edited.iter();
                    shared.extend(edited.find_map(|f| self.taken(f)).map(|why| (index, why)));
                    placed.managers.extend(pick.manager.clone());
                    wishes.extend(placed_so);
                }
                Err(reason) => placed.left.push(reason),
            }
        }
        placed.edits = ground.edits();
        placed.base.clone_from(&ground.base);
        placed.managers.sort_unstable();
        placed.managers.dedup();
        let mut checked = Ok(());
        if shared.is_empty() {
            for sealed in files.sealed().await {
                match sealed {
                    Ok(edit) => placed.edits.push(edit),
                    Err(reason) => checked = Err(Failure::new(reason)),
                }
            }
        }
        if checked.is_ok() && shared.is_empty() && !placed.edits.is_empty() {
            checked = check(ctx, mapping, &ground.manifests, &placed.edits, &wishes).await;
        }
        Ok(Tried { placed, shared, checked })
    }

    /// Why a file may not be changed.
    fn taken(&self, file: &str) -> Option<String> {
        let is_made_from = |path: &String| is_within(file, path);
        let (other, _) =
            self.others.iter().find(|(_, sources)| sources.iter().any(is_made_from))?;
        Some(format!(
            "mapping `{other}` is made from {file} as well: what is live in one would go to the other"
        ))
    }
}

/// Places what is live: the files that it changes, and what they say from then on. What is in a Secret goes into sealed
/// files only.
async fn put(
    ground: &mut Ground,
    files: &mut SealedFiles<'_>,
    pick: &Pick,
) -> Result<(Vec<String>, Vec<Wish>), String> {
    let object = written(ground, &pick.object)
        .ok_or_else(|| format!("{} is not in Git at the head", pick.object))?;
    if pick.object.is_secret() {
        let (file, wishes) = files.put(ground, &object, pick).await?;
        return Ok((vec![file], wishes));
    }
    let wish = Wish { object, path: pick.path.clone(), value: pick.value.clone() };
    let before = ground.edits();
    take(ground, &wish)?;
    let edits = ground.edits().into_iter().filter(|edit| !before.contains(edit));
    Ok((edits.map(|edit| edit.path).collect(), vec![wish]))
}

/// Places one value. Where the base of an overlay has it, the mapping's own kustomization takes it: others may use the
/// base.
fn take(ground: &mut Ground, wish: &Wish) -> Result<(), String> {
    match ground.place(wish, None) {
        Ok(()) => Ok(()),
        Err(Misplaced::Refused(reason)) => Err(reason),
        Err(Misplaced::Asked(files)) => {
            match ground.place(wish, files.first().map(String::as_str)) {
                Ok(()) => Ok(()),
                Err(Misplaced::Refused(reason)) => Err(reason),
                Err(Misplaced::Asked(files)) => Err(format!(
                    "{}{}: several files could take it: {}",
                    wish.object,
                    wish.path,
                    files.join(", ")
                )),
            }
        }
    }
}

/// The other mappings of the same branch, by whatever name and address their repository has, with what they are made from.
async fn others(ctx: &Context, mapping: &Mapping, at: &Revision) -> Vec<(String, Vec<String>)> {
    let place = |of: &Mapping| {
        let remote = &ctx.world.repository(&of.repository).ok()?.remote;
        Some((Holder::new(&remote.url, "", "").repository, remote.branch.clone()))
    };
    let own = place(mapping);
    let mut found = Vec::new();
    for other in ctx.world.settings.mappings.values() {
        if other.name != mapping.name && place(other) == own {
            // Their mirror may not have what waits here.
            let here = Mapping { repository: mapping.repository.clone(), ..other.clone() };
            found.push((other.name.clone(), sources(ctx, &here, at).await));
        }
    }
    found
}
