//! What gitdeck does with a mapping unasked: when it syncs and heals, when it waits, and when it gives up on a fight.

use crate::domain::{Mapping, ObjectRef, Plan, Reason, Refusal, Revision, Suspension};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Corrections of one value within a minute beyond which healing it is a fight (Config Sync's KNV2005 has the same limit).
const FIGHT: f64 = 5.0;
/// Heat below which nothing need be remembered.
const COLD: f64 = 0.05;
/// Values whose heat is remembered; the coldest are forgotten first.
const REMEMBERED: usize = 16;

/// The pauses between attempts: each is the one before times the factor, up to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Pause after the first attempt.
    pub first: Duration,
    /// How much longer the next pause is.
    pub factor: u32,
    /// The longest pause. What stayed healed for this long counts as settled.
    pub most: Duration,
}

impl Default for Backoff {
    /// 2 s, three times as long each time, at most 300 s: the figures of Argo CD's self-heal.
    fn default() -> Self {
        Self { first: Duration::from_secs(2), factor: 3, most: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// The pause after so many attempts; none before the first.
    pub fn pause(&self, attempts: u32) -> Duration {
        let Some(more) = attempts.checked_sub(1) else { return Duration::ZERO };
        let factor = self.factor.saturating_pow(more.min(16));
        self.first.saturating_mul(factor).min(self.most)
    }
}

/// Who acts on a mapping now, so that no second gitdeck does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Which process, in words.
    pub holder: String,
    /// When others may act although it never ended.
    pub until: Timestamp,
}

/// How often a value had to be corrected lately.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heat {
    /// Corrections, each counting less with every minute in which the value was left alone.
    pub heat: f64,
    /// When it was corrected last.
    pub healed_at: Timestamp,
}

/// Two managers that rewrite each other. Healing rests until somebody resumes it or Git asks for something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fight {
    /// The object.
    pub object: ObjectRef,
    /// The contested path; empty where the object as a whole comes and goes.
    pub path: String,
    /// The other field manager (foreign text), where it can be known.
    pub manager: Option<String>,
    /// Revision that gitdeck corrects to.
    pub revision: Revision,
    /// Since when healing rests.
    pub since: Timestamp,
}

/// Foreign text.
impl fmt::Display for Fight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let other = self.manager.as_deref().unwrap_or("somebody");
        let what = if self.path.is_empty() { "the object" } else { self.path.as_str() };
        write!(f, "gitdeck and {other} rewrite {what} of {} by turns", self.object)
    }
}

/// What gitdeck did with a mapping unasked; kept in the cluster beside the inventory.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Automation {
    /// Who acts now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Failed syncs in a row.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// Revision of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Revision>,
    /// Corrections in a row that did not last.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub heals: u32,
    /// When the last attempt ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// Corrected values, by object and path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heats: BTreeMap<String, Heat>,
    /// The fight that healing was stopped for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fight: Option<Fight>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One value that somebody changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drifted {
    /// The object.
    pub object: ObjectRef,
    /// The path; empty where the object is gone.
    pub path: String,
    /// Who changed it (foreign text).
    pub manager: Option<String>,
    /// When, as far as it is known.
    pub since: Option<Timestamp>,
}

impl Drifted {
    /// Everything in a plan that somebody changed in the cluster.
    pub fn of(plan: &Plan) -> Vec<Self> {
        let drifted = plan.operations.iter().filter(|one| one.reason == Reason::Drift);
        drifted
            .flat_map(|operation| {
                let one = |path: &str, manager: Option<String>, since| Self {
                    object: operation.object.clone(),
                    path: path.to_owned(),
                    manager,
                    since,
                };
                let theirs = |manager: &Option<String>| {
                    manager.clone().filter(|manager| manager != crate::domain::prove::MANAGER)
                };
                if operation.changes.is_empty() {
                    return vec![one("", None, None)];
                }
                let changes = operation.changes.iter();
                changes.map(|c| one(&c.path, theirs(&c.live_manager), c.live_time)).collect()
            })
            .collect()
    }

    fn key(&self) -> String {
        format!("{} {}", self.object, self.path)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything was carried out.
    Done,
    /// Something failed.
    Failed,
    /// It was stopped, or the world moved: it does not count.
    Left,
}

impl Automation {
    /// Whether there is nothing to remember.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }

    /// Takes the turn unless another holds it, or held it since the attempt at `last_at`: then the world is another. Who
    /// is known to be `gone` holds nothing.
    pub fn take_turn(
        &mut self,
        claim: &Claim,
        (last_at, gone): (Option<Timestamp>, &[String]),
        now: Timestamp,
    ) {
        let other = self.other(&claim.holder, now);
        if other.is_none_or(|other| gone.contains(&other.holder)) && self.last_at == last_at {
            self.claim = Some(claim.clone());
        }
    }

    /// Keeps the turn for longer, where the same one still has it.
    pub fn renew_turn(&mut self, claim: &Claim) {
        if let Some(mine) = self.claim.as_mut().filter(|known| known.holder == claim.holder) {
            mine.until = claim.until;
        }
    }

    /// Whoever else acts now.
    pub fn other(&self, holder: &str, now: Timestamp) -> Option<&Claim> {
        self.claim.as_ref().filter(|claim| claim.holder != holder && now < claim.until)
    }

    /// Notes how an attempt at a revision ended, with what it corrected, and gives the turn back.
    pub fn note(
        &mut self,
        ended: Ended,
        revision: &Revision,
        corrected: &[Drifted],
        now: Timestamp,
    ) {
        self.claim = None;
        match ended {
            Ended::Left => return,
            Ended::Failed => {
                let again = self.failed.as_ref() == Some(revision);
                self.failures = if again { self.failures.saturating_add(1) } else { 1 };
                self.failed = Some(revision.clone());
            }
            Ended::Done => {
                (self.failures, self.failed) = (0, None);
                self.heals = if corrected.is_empty() { 0 } else { self.heals.saturating_add(1) };
            }
        }
        self.last_at = Some(now);
        for one in corrected {
            let heat = self.heat_of(one, now);
            self.heats.insert(one.key(), Heat { heat, healed_at: now });
        }
        self.cool(now);
    }

    /// The heat of a value if it were corrected now. Time in which gitdeck itself held back does not cool.
    fn heat_of(&self, one: &Drifted, now: Timestamp) -> f64 {
        let Some(known) = self.heats.get(&one.key()) else { return 1.0 };
        let quiet = one.since.unwrap_or(now).duration_since(known.healed_at);
        known.heat * (-quiet.as_secs_f64().max(0.0) / 60.0).exp() + 1.0
    }

    fn cool(&mut self, now: Timestamp) {
        let warmth = |heat: &Heat| {
            heat.heat * (-now.duration_since(heat.healed_at).as_secs_f64().max(0.0) / 60.0).exp()
        };
        self.heats.retain(|_, heat| warmth(heat) > COLD);
        while self.heats.len() > REMEMBERED {
            let coldest = self.heats.iter().min_by(|a, b| warmth(a.1).total_cmp(&warmth(b.1)));
            let Some(key) = coldest.map(|(key, _)| key.clone()) else { return };
            self.heats.remove(&key);
        }
    }

    /// The value of these that was corrected too often, if one was.
    fn fought(&self, drifted: &[Drifted], revision: &Revision, now: Timestamp) -> Option<Fight> {
        let one = drifted.iter().find(|one| self.heat_of(one, now) > FIGHT)?;
        Some(Fight {
            object: one.object.clone(),
            path: one.path.clone(),
            manager: one.manager.clone(),
            revision: revision.clone(),
            since: now,
        })
    }

    /// Corrections in a row, unless what was corrected last was then left alone for long.
    fn heals_in_a_row(&self, drifted: &[Drifted], now: Timestamp, pace: &Backoff) -> u32 {
        let Some(last) = self.last_at else { return 0 };
        let undone = drifted.iter().filter_map(|one| one.since).min().unwrap_or(now);
        if undone.duration_since(last) > signed(pace.most) { 0 } else { self.heals }
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// What a decision is made from.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// The mapping.
    pub mapping: &'a Mapping,
    /// Whether writes are switched off.
    pub read_only: bool,
    /// The plan of the tip.
    pub plan: &'a Plan,
    /// Commits of the path that were not applied.
    pub behind: usize,
    /// Revision that was applied last.
    pub synced: Option<&'a Revision>,
    /// What the tip reads from elsewhere and does not pin (foreign text).
    pub unpinned: &'a [String],
    /// The suspension that holds.
    pub suspension: Option<&'a Suspension>,
    /// Why the tip cannot be trusted to be the newest, if so.
    pub old: Option<String>,
    /// What was done so far.
    pub automation: &'a Automation,
    /// Whether Git asks for something else since healing was stopped.
    pub moved_on: bool,
    /// This process, as in [`Claim::holder`].
    pub holder: &'a str,
    /// Pauses between attempts.
    pub pace: &'a Backoff,
    /// Now.
    pub now: Timestamp,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is to be done, or nobody asked for it to be done unasked.
    Nothing,
    /// It is for a human; why, in words (foreign text).
    Held(String),
    /// Not before this moment; why, in words (foreign text).
    Later(Timestamp, String),
    /// Sync the tip.
    Sync,
    /// Commit what is live.
    Record,
    /// Correct these, at the synced revision where the tip has commits that nobody asked for.
    Heal(Vec<Drifted>),
    /// Stop healing.
    Stop(Fight),
}

/// What to do with a mapping unasked. Guards are never passed: what a plan is refused for waits for a human.
pub fn decide(situation: &Situation<'_>) -> Decision {
    let Some(drifted) = wanted(situation) else { return Decision::Nothing };
    if situation.suspension.is_some() {
        return Decision::Nothing;
    }
    let heals = drifted.is_some();
    if let Some(reason) = held(situation, heals) {
        return Decision::Held(reason);
    }
    let (automation, now) = (situation.automation, situation.now);
    if let Some(other) = automation.other(situation.holder, now) {
        return Decision::Later(other.until, format!("{} is at it", other.holder));
    }
    let failed_here = automation.failed.as_ref() == Some(&situation.plan.revision);
    let failures = if failed_here { automation.failures } else { 0 };
    let heals = drifted
        .as_deref()
        .map_or(0, |drifted| automation.heals_in_a_row(drifted, now, situation.pace));
    if let Some(drifted) = &drifted
        && let Some(fight) = automation.fought(drifted, &situation.plan.revision, now)
    {
        return Decision::Stop(fight);
    }
    let attempts = failures.max(heals);
    let due = automation.last_at.map(|last| last + signed(situation.pace.pause(attempts)));
    if let Some(due) = due.filter(|due| attempts > 0 && now < *due) {
        let what = if failures > 0 { "it failed" } else { "it was corrected" };
        let times = if attempts == 1 { "once".to_owned() } else { format!("{attempts} times") };
        return Decision::Later(due, format!("{what} {times}"));
    }
    drifted.map_or(Decision::Sync, Decision::Heal)
}

/// What there is to do: nothing, a sync (`None`), or drift to correct.
#[expect(clippy::option_option, reason = "nothing, a sync, or a heal")]
fn wanted(situation: &Situation<'_>) -> Option<Option<Vec<Drifted>>> {
    let policy = &situation.mapping.sync;
    if is_unpinned(situation) {
        return (policy.auto || policy.self_heal).then_some(None);
    }
    let is_commit = |reason: Reason| !matches!(reason, Reason::Drift | Reason::Admission);
    let commits = situation.plan.operations.iter().any(|one| is_commit(one.reason))
        || !situation.plan.hooks.is_empty()
        || (situation.behind > 0 && situation.synced.is_some());
    if policy.auto && commits {
        return Some(None);
    }
    let drifted = Drifted::of(situation.plan);
    (policy.self_heal && situation.synced.is_some() && !drifted.is_empty()).then_some(Some(drifted))
}

/// Whether what differs may come from what no commit pins, while no commit asks for a sync. Then nobody knows what was
/// synced, so that neither a new commit nor drift can be told: what moved elsewhere must not be applied or deleted unasked.
fn is_unpinned(situation: &Situation<'_>) -> bool {
    let asked = situation.mapping.sync.auto && situation.behind > 0;
    let differs = !situation.plan.is_empty();
    !situation.unpinned.is_empty() && situation.synced.is_some() && differs && !asked
}

/// Why it is for a human.
fn held(situation: &Situation<'_>, heals: bool) -> Option<String> {
    if situation.read_only {
        return Some("gitdeck is read-only here".to_owned());
    }
    if situation.mapping.production {
        return Some("production is synced by hand".to_owned());
    }
    if let Some(fight) =
        situation.automation.fight.as_ref().filter(|_| heals && !situation.moved_on)
    {
        let name = &situation.mapping.name;
        return Some(format!("{fight}, so it is not corrected any more; `gitdeck resume {name}`"));
    }
    // What waits goes on by itself, so that whatever a human has to do is said first.
    let ours = |one: &&Refusal| !matches!(one, Refusal::Suspended(_) | Refusal::Waits(_));
    let refusal = situation.plan.refusals.iter().find(ours);
    let unpinned = || {
        let words = || {
            format!(
                "it reads {}, which the commit does not pin, and no commit asks for what differs",
                situation.unpinned.join(", ")
            )
        };
        is_unpinned(situation).then(words)
    };
    let waits = || situation.plan.waits().next().map(ToString::to_string);
    refusal.map(obstacle).or_else(unpinned).or_else(|| situation.old.clone()).or_else(waits)
}

fn obstacle(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Deletions { count, because } => {
            format!("{count} deletions ask for their number ({because})")
        }
        Refusal::Foreign { object, owner } => format!("{object} belongs to {owner}"),
        Refusal::Immutable { object, fields } => {
            format!("{object} would have to be made anew: {}", fields.join(", "))
        }
        Refusal::Exists { object } => format!("{object} exists and is nobody's"),
        Refusal::Held { holder } => format!("its record is that of {holder}"),
        Refusal::Moved { what } => what.clone(),
        Refusal::Suspended(suspension) => suspension.to_string(),
        Refusal::Rights(missing) => missing.to_string(),
        Refusal::Waits(wait) => wait.to_string(),
        Refusal::LiveWins => "the cluster is its source of truth".to_owned(),
        Refusal::Disconnected { .. } => "it is disconnected".to_owned(),
        Refusal::Unsigned { revision, why } => format!("commit {}: {why}", revision.short()),
        Refusal::ReadOnly => "gitdeck is read-only here".to_owned(),
        Refusal::Invalid { object, .. } => format!("{object} is not valid"),
    }
}
