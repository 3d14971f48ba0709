//! One look at a mapping: tip, inventory, rendered trees and the plan between them.

use crate::cluster::{Ahead, Cluster, ClusterError, Neighbour, PlanOptions, PlanRequest};
use crate::domain::{
    Holder, Inventory, Manifest, Mapping, ObjectRef, Op, Plan, Refusal, Revision, Suspension, hook,
};
use crate::engine::error::Stop;
use crate::engine::jobs::render::{Unrendered, render, unpinned};
use crate::engine::jobs::{Context, attribute, depends, skipped, vouch};
use crate::engine::world::{Desired, Rendered};
use crate::engine::{Failure, SyncOptions};
use crate::git::LogQuery;
use futures::StreamExt;
use jiff::Timestamp;
use std::sync::Arc;

/// Mappings that are rendered side by side to know what they desire.
const CLAIMED_AT_ONCE: usize = 8;

/// Everything that was seen.
pub(super) struct Look {
    pub cluster: Cluster,
    pub revision: Revision,
    pub inventory: Inventory,
    pub plan: Plan,
    pub basis: Basis,
}

/// What a plan is made from; an apply is made from the same.
pub(super) struct Basis {
    desired: Rendered,
    previous: Option<Rendered>,
    neighbours: Vec<(String, Desired)>,
    holder: Holder,
    /// Whether the record is still that of the place that the mapping leaves.
    moved: bool,
    options: PlanOptions,
    /// What the revision reads from elsewhere and does not pin.
    pub unpinned: Arc<[String]>,
}

impl Basis {
    async fn plan(
        &self,
        cluster: &Cluster,
        mapping: &Mapping,
        revision: &Revision,
        ahead: Option<&Ahead>,
    ) -> Result<Plan, Blind> {
        let neighbours = self.neighbours();
        let request = self.request(mapping, revision, &neighbours);
        let holder = request.holder.filter(|_| !self.moved);
        let request = PlanRequest { holder, ahead, ..request };
        Box::pin(cluster.plan(&request)).await.map_err(|error| blind(error, revision))
    }

    /// The manifests of the revision.
    pub fn desired(&self) -> &[Manifest] {
        &self.desired
    }

    /// The manifests of the revision that was synced last, where that is known and can be rendered.
    pub fn previous(&self) -> Option<&[Manifest]> {
        self.previous.as_ref().map(|manifests| manifests.as_slice())
    }

    pub fn neighbours(&self) -> Vec<Neighbour<'_>> {
        self.neighbours.iter().map(|(mapping, desired)| Neighbour { mapping, desired }).collect()
    }

    pub fn request<'a>(
        &'a self,
        mapping: &'a Mapping,
        revision: &'a Revision,
        neighbours: &'a [Neighbour<'a>],
    ) -> PlanRequest<'a> {
        PlanRequest {
            mapping,
            revision,
            desired: &self.desired,
            previous: self.previous(),
            neighbours,
            holder: Some(&self.holder),
            options: self.options,
            ahead: None,
        }
    }
}

/// Where a look ended early, so that the status can say which side failed.
pub(super) enum Blind {
    /// The repository has no such revision, or the tree does not render: the mapping is in error.
    Desired(Failure, Option<Revision>),
    /// The cluster cannot be seen: the mapping is unknown.
    Live(Failure, Revision),
    /// Somebody asked.
    Cancelled,
}

impl From<Blind> for Stop {
    fn from(blind: Blind) -> Self {
        match blind {
            Blind::Desired(failure, _) | Blind::Live(failure, _) => Self::Failed(failure),
            Blind::Cancelled => Self::Cancelled,
        }
    }
}

/// Claims what a mapping wants at its tip, without a look at the cluster's objects: so that they can be watched before
/// the first look, which then asks for none of them.
pub(super) async fn claim(ctx: &Context, mapping: &Mapping) -> Result<(), Stop> {
    let revision = desired_revision(ctx, mapping, None).await?;
    let rendered = render(ctx, mapping, &revision).await?.unwrap_or_default();
    let cluster = ctx.world.cluster(&mapping.target.context).await?;
    let placed = cluster.references(&rendered, &mapping.target.namespace).await;
    let placed = placed.map_err(Failure::from)?;
    ctx.world.claim_also(mapping, desired_of(&rendered, &placed), placed);
    Ok(())
}

/// What a mapping desires, by the names that its manifests have in the cluster.
fn desired_of(rendered: &Rendered, placed: &[ObjectRef]) -> Desired {
    let (members, _) = hook::split(rendered);
    let origins = members.iter().map(|manifest| manifest.origin.clone());
    Arc::new(placed.iter().map(ObjectRef::key).zip(origins).collect())
}

/// [`sight`], with a missing signature and what the mapping waits for among the refusals of its plan. That of a mapping
/// which is disconnected can be looked at, and is never carried out.
pub(super) async fn look(
    ctx: &Context,
    mapping: &Mapping,
    revision: Option<&str>,
    options: &SyncOptions,
    depends: depends::Sight,
) -> Result<Look, Blind> {
    let mut seen = Box::pin(sight(ctx, mapping, revision, options, depends)).await?;
    if !mapping.connected {
        seen.plan.refusals.push(Refusal::Disconnected { mapping: mapping.name.clone() });
        return Ok(seen);
    }
    if mapping.is_recorded() {
        seen.plan.hooks.clear();
        seen.plan.refusals.push(Refusal::LiveWins);
        return Ok(seen);
    }
    let unsigned = vouch::unsigned(ctx, mapping, &seen.revision, &seen.basis.unpinned).await;
    let unsigned = unsigned.map_err(|stop| desired(stop, Some(&seen.revision)))?;
    seen.plan.refusals.extend(unsigned);
    depends::hold(ctx, mapping, &mut seen.plan, options, depends).await;
    Ok(seen)
}

/// Renders and plans one mapping at a revision (the fetched tip where nothing is given).
pub(super) async fn sight(
    ctx: &Context,
    mapping: &Mapping,
    revision: Option<&str>,
    options: &SyncOptions,
    depends: depends::Sight,
) -> Result<Look, Blind> {
    let revision =
        desired_revision(ctx, mapping, revision).await.map_err(|stop| desired(stop, None))?;
    // The cluster is asked while the tree is rendered.
    let reading = async {
        let cluster = ctx.world.cluster(&mapping.target.context).await?;
        let ahead = cluster.ahead(&mapping.name).await?;
        Ok::<_, Failure>((cluster, ahead))
    };
    let (rendered, read) = futures::future::join(render(ctx, mapping, &revision), reading).await;
    let rendered = rendered.map_err(|unrendered| match unrendered {
        Unrendered::Tree(stop) => desired(stop, Some(&revision)),
        Unrendered::Cluster(failure) => Blind::Live(failure, revision.clone()),
    })?;
    let live = |failure| Blind::Live(failure, revision.clone());
    let (cluster, ahead) = read.map_err(live)?;
    let inventory = &ahead.inventory;
    let rendered = match rendered {
        Some(rendered) => rendered,
        None if inventory.members.is_empty() && !existed(ctx, mapping, &revision).await => {
            let failure = Failure::new(format!("there is no \"{}\" at {revision}", mapping.path))
                .hint(format!(
                    "`gitdeck config explain {}` shows where the path comes from",
                    mapping.name
                ));
            return Err(Blind::Desired(failure, Some(revision)));
        }
        // Nothing is desired any more. Where something is left, the guard asks for a number, whatever the limit is.
        None => Rendered::default(),
    };
    let unpinned = unpinned(ctx, mapping, &revision).await;
    let unpinned = unpinned.map_err(|stop| desired(stop, Some(&revision)))?;
    let previous = previous(ctx, mapping, inventory, (&revision, &rendered)).await;
    let placed = cluster.references(&rendered, &mapping.target.namespace).await;
    let placed = placed.map_err(|error| blind(error, &revision))?;
    let unread = skipped::check(ctx, mapping, &revision, (inventory, &placed)).await;
    let unread = unread.map_err(|stop| desired(stop, Some(&revision)))?;
    // Other mappings are planned by what this one wants at its tip, not by what it once wanted.
    if depends != depends::Sight::Aside {
        claim_seen(ctx, mapping, &rendered, placed, inventory);
    }
    let known = inventory.holder.as_ref();
    let moved = known.is_some() && options.moved_from.as_deref() == known;
    let options = allowed(mapping, options);
    let holder = ctx.world.holder(mapping);
    let holder = holder.map_err(|failure| Blind::Desired(failure, Some(revision.clone())))?;
    claim_chasers(ctx, mapping).await;
    let neighbours = ctx.world.neighbours(mapping);
    let desired = Arc::clone(&rendered);
    let mut basis = Basis { desired, previous, neighbours, holder, moved, options, unpinned };
    let mut plan = basis.plan(&cluster, mapping, &revision, Some(&ahead)).await?;
    if about_others(&plan) {
        let kept = Box::pin(settle_others(ctx, mapping, &mut basis)).await;
        plan = basis.plan(&cluster, mapping, &revision, None).await?;
        plan.prune_blocked = kept.or(plan.prune_blocked);
    }
    attribute::commits(ctx, mapping, &rendered, &mut plan).await;
    hold(&mut plan, inventory);
    plan.unread = unread;
    Ok(Look { cluster, revision, inventory: ahead.inventory, plan, basis })
}

/// What the revision that was synced last rendered to, where that can be known.
async fn previous(
    ctx: &Context,
    mapping: &Mapping,
    inventory: &Inventory,
    (revision, rendered): (&Revision, &Rendered),
) -> Option<Rendered> {
    let synced = inventory.synced_revision.as_ref()?;
    // What it reads from elsewhere may have moved since, even at the same commit: what it said then nobody knows. A
    // recorded mapping compares commits of its own files only.
    if !mapping.is_recorded() && !unpinned(ctx, mapping, synced).await.ok()?.is_empty() {
        return None;
    }
    if synced == revision {
        return Some(Arc::clone(rendered));
    }
    render(ctx, mapping, synced).await.ok().flatten()
}

/// What a plan may contain.
fn allowed(mapping: &Mapping, options: &SyncOptions) -> PlanOptions {
    PlanOptions {
        prune: options.prune.unwrap_or(mapping.sync.prune) && !mapping.is_recorded(),
        allow_delete: options.allow_delete,
        recreate: options.recreate,
        take_over: options.take_over,
        everything: options.everything,
    }
}

/// Claims what is desired and what is owned.
fn claim_seen(
    ctx: &Context,
    mapping: &Mapping,
    rendered: &Rendered,
    mut objects: Vec<ObjectRef>,
    inventory: &Inventory,
) {
    let wanted = desired_of(rendered, &objects);
    objects.extend(inventory.members.iter().map(|(key, member)| key.at(&member.version)));
    ctx.world.claim(mapping, wanted, objects);
}

/// Whether a plan depends on what other mappings desire.
fn about_others(plan: &Plan) -> bool {
    plan.operations.iter().any(|one| one.op == Op::Delete)
        || plan.refusals.iter().any(|one| matches!(one, Refusal::Foreign { .. }))
}

/// Finds out what has to be known before anything is deleted; the answer is why nothing may be. What leaves may have
/// moved to a mapping that nobody looked at yet, what is in the way may come from one, and what is known of a repository
/// that cannot be fetched may be old: that nobody releases with a number.
async fn settle_others(ctx: &Context, mapping: &Mapping, basis: &mut Basis) -> Option<String> {
    let repository = &mapping.repository;
    let unfetched = ctx.world.unfetched(repository).map(|failure| {
        format!(
            "what left Git is kept: the last fetch of `{repository}` failed: {}",
            failure.message
        )
    });
    ctx.world.tell_clusters_apart().await;
    let kept = unfetched.or(claim_others(ctx, mapping).await);
    basis.neighbours = ctx.world.neighbours(mapping);
    basis.options.prune &= kept.is_none();
    kept
}

/// Claims what those mappings of the context desire that would chase this one, if they wanted the same object: one brings
/// to the cluster what another one records.
async fn claim_chasers(ctx: &Context, mapping: &Mapping) {
    let others = ctx.world.unclaimed(mapping).into_iter();
    let chasers = others.filter(|other| mapping.is_recorded() || other.is_recorded());
    for other in chasers {
        // What cannot be read wants nothing yet.
        let _ = Box::pin(claim(ctx, other)).await;
    }
}

/// Claims what the other mappings of the cluster desire. A mapping of the same repository that cannot be rendered may
/// want what leaves this one: the answer is why nothing may be deleted then.
async fn claim_others(ctx: &Context, mapping: &Mapping) -> Option<String> {
    let claims = ctx.world.unclaimed(mapping).into_iter().map(async |other| {
        let claimed = Box::pin(claim(ctx, other)).await;
        let same = other.repository == mapping.repository;
        let Err(Stop::Failed(failure)) = claimed else { return None };
        same.then(|| {
            format!(
                "what left Git is kept: `{}` may want it and cannot be read: {failure}",
                other.name
            )
        })
    });
    let claims: Vec<_> = claims.collect();
    let told = futures::stream::iter(claims).buffered(CLAIMED_AT_ONCE).collect::<Vec<_>>().await;
    told.into_iter().flatten().next()
}

// A suspension keeps every sync from its work, whatever else stands in the way.
fn hold(plan: &mut Plan, inventory: &Inventory) {
    let holds = |suspension: &&Suspension| suspension.holds(Timestamp::now());
    if let Some(suspension) = inventory.suspension.as_ref().filter(holds) {
        plan.refusals.insert(0, Refusal::Suspended(suspension.clone()));
    }
}

// What Git asks for and the cluster does not know is a fault of the mapping; a silent cluster is not.
fn blind(error: ClusterError, revision: &Revision) -> Blind {
    match error {
        ClusterError::UnknownKind { .. }
        | ClusterError::Duplicate { .. }
        | ClusterError::Shared { .. }
        | ClusterError::Order { .. }
        | ClusterError::Hook { .. }
        | ClusterError::Invalid { .. }
        | ClusterError::Inventory { .. } => Blind::Desired(error.into(), Some(revision.clone())),
        error => Blind::Live(error.into(), revision.clone()),
    }
}

fn desired(stop: Stop, revision: Option<&Revision>) -> Blind {
    match stop {
        Stop::Failed(failure) => Blind::Desired(failure, revision.cloned()),
        Stop::Refused(_) | Stop::Cancelled => Blind::Cancelled,
    }
}

/// The revision that a mapping is to have: what was asked for, or the tip as fetched last.
pub(super) async fn desired_revision(
    ctx: &Context,
    mapping: &Mapping,
    revision: Option<&str>,
) -> Result<Revision, Stop> {
    let (repository, branch) = {
        let settings = ctx.world.repository(&mapping.repository)?;
        (settings.remote.name.clone(), settings.remote.branch.clone())
    };
    if let Some(text) = revision {
        let text = text.to_owned();
        return ctx.world.git(&repository, move |git| git.resolve(&text)).await;
    }
    let tip = ctx.world.git(&repository, |git| Ok(git.tip())).await?;
    tip.ok_or_else(|| {
        Failure::new(format!(
            "repository `{repository}` was not fetched yet, or branch `{branch}` has no commit"
        ))
        .hint(format!("`gitdeck repo check {repository}` says which"))
        .into()
    })
}

/// Whether the path of a mapping was there at some commit before a revision: it was emptied, and is no slip of the pen.
async fn existed(ctx: &Context, mapping: &Mapping, revision: &Revision) -> bool {
    let query = LogQuery {
        from: Some(revision.clone()),
        path: Some(mapping.path.clone()),
        limit: 1,
        ..LogQuery::default()
    };
    let page = ctx.world.git(&mapping.repository, move |git| git.log(&query)).await;
    page.is_ok_and(|page| !page.commits.is_empty())
}
