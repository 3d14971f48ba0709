//! Pane 4: what a sync of the selected mapping would change, and who made it differ.

pub mod lines;

use crate::domain::{Change, Op, Operation, Plan, Reason, Revision, SyncState};
use crate::engine::Store;
use crate::engine::event::ClusterState;
use crate::engine::store::MappingView;
use crate::tui::action::{Motion, Pane};
use crate::tui::flows::travel::{self, Destination};
use crate::tui::look::Look;
use crate::tui::panes::{Scene, Titles, paint_empty, paint_frame};
use crate::tui::style::Role;
use crate::tui::widgets::scroll::follow;
use crate::tui::widgets::table::{Emphasis, cells_area, emphasise};
use crate::tui::widgets::text::{cells, clip, clip_line, clip_start, safe};
use crate::tui::words::count;
use lines::{GUTTER, Line, Side};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line as Text, Span};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Plans with more operations than this are folded at first.
const FOLD_FROM: usize = 12;

/// What the pane remembers.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The plan whose lines these are.
    plan: Option<Arc<Plan>>,
    width: usize,
    folded: BTreeSet<usize>,
    /// Whether what was left out is listed.
    whole: bool,
    lines: Vec<Line>,
    /// Line under the cursor.
    cursor: usize,
    offset: usize,
    page: usize,
}

impl State {
    /// Builds the lines anew where plan or width changed. The cursor stays where it was if only the plan's digest did.
    pub fn fit(&mut self, plan: Option<&Arc<Plan>>, width: usize, page: usize) {
        let other_mapping = self.plan.as_ref().map(|p| &p.mapping) != plan.map(|p| &p.mapping);
        // A plan that was made again and says the same is no other plan; its lines stay.
        let same = match (&self.plan, plan) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new) || old == new,
            (None, None) => true,
            _ => false,
        };
        if other_mapping {
            self.cursor = 0;
            self.offset = 0;
        }
        if !same {
            let count = plan.map_or(0, |plan| plan.operations.len());
            let before = self.plan.as_ref().map_or(0, |plan| plan.operations.len());
            if other_mapping || before != count {
                self.folded =
                    if count > FOLD_FROM { (0..count).collect() } else { BTreeSet::new() };
            }
        }
        if !self.plan.as_ref().zip(plan).is_some_and(|(old, new)| Arc::ptr_eq(old, new)) {
            self.plan = plan.cloned();
        }
        if !same || self.width != width {
            self.width = width;
            self.rebuild();
        }
        self.page = page;
        self.cursor = self.cursor.min(self.lines.len().saturating_sub(1));
        self.offset = follow(self.offset, self.cursor, self.lines.len(), page);
    }

    /// Moves the cursor.
    pub fn step(&mut self, motion: Motion) {
        self.cursor = motion.apply(self.cursor, self.lines.len(), self.page);
    }

    /// Puts the cursor on a line of the pane.
    pub fn click(&mut self, line: usize) {
        self.cursor = (self.offset + line).min(self.lines.len().saturating_sub(1));
    }

    /// The operation under the cursor by its position in the plan, and the change of it that the line is about.
    pub fn at_cursor(&self) -> Option<(usize, Option<usize>)> {
        let line = self.lines.get(self.cursor)?;
        let change = match line {
            Line::Path(_, change, _) | Line::Gutter(_, change, _) => Some(*change),
            Line::Value { at, .. } => Some(at.1),
            _ => None,
        };
        Some((line.operation()?, change))
    }

    /// Folds or unfolds the object under the cursor.
    pub fn fold(&mut self) {
        let Some(operation) = self.lines.get(self.cursor).and_then(Line::operation) else { return };
        if !self.folded.remove(&operation) {
            self.folded.insert(operation);
        }
        self.rebuild();
        let head = self.lines.iter().position(|line| *line == Line::Operation(operation));
        self.cursor = head.unwrap_or(0);
    }

    /// Folds every object, or unfolds all of them when all are folded.
    pub fn fold_all(&mut self) {
        let count = self.plan.as_ref().map_or(0, |plan| plan.operations.len());
        self.folded =
            if self.folded.len() == count { BTreeSet::new() } else { (0..count).collect() };
        self.rebuild();
        self.cursor = 0;
    }

    /// Lists what was left out, or counts it again; whether it is listed now.
    pub fn list_left_out(&mut self) -> bool {
        self.whole = !self.whole;
        self.rebuild();
        if self.whole {
            let heads = self.lines.iter().position(|line| matches!(line, Line::Heading(_)));
            self.cursor = heads.unwrap_or(self.cursor);
            // From the top of the pane on, and not below its end.
            self.offset = self.cursor;
        }
        self.cursor = self.cursor.min(self.lines.len().saturating_sub(1));
        self.whole
    }

    fn rebuild(&mut self) {
        self.lines = match &self.plan {
            Some(plan) => lines::build(plan, &self.folded, self.width, self.whole),
            None => Vec::new(),
        };
    }
}

/// Paints the pane.
pub fn view(buffer: &mut Buffer, area: Rect, scene: &Scene) {
    let Scene { ui, store, look } = *scene;
    let state = &ui.diff;
    let to = travel::destination(ui, store);
    let mapping = ui.selected_mapping(store);
    let titles = Titles {
        subject: mapping.map(|view| subject(view, to.as_ref(), look)).unwrap_or_default(),
        corner: Text::from(look.span(Role::Muted, corner(state.plan.as_deref()))),
        scroll: (state.offset, state.lines.len(), state.page),
    };
    let inner = paint_frame(buffer, area, scene, Pane::Diff, titles);
    let Some(mapping) = mapping else {
        let text = "Select a mapping to see what a sync would change.".to_owned();
        paint_empty(buffer, inner, look, &[(Role::Muted, text)]);
        return;
    };
    if state.lines.is_empty() {
        let said = match &to {
            Some(to) => under_way(to, scene),
            None => why_empty(mapping, store, look),
        };
        paint_empty(buffer, inner, look, &said);
        return;
    }
    let Some(plan) = &state.plan else { return };
    let visible = state.lines.iter().enumerate().skip(state.offset).take(inner.height as usize);
    for (index, (position, line)) in visible.enumerate() {
        let place = cells_area(inner, index);
        let painter = Painter { plan, scene, folded: &state.folded };
        painter.paint(buffer, place, line);
        if position == state.cursor && ui.focus == Pane::Diff && ui.popups.is_empty() {
            emphasise(buffer, inner, index, Emphasis::Idle, look);
            buffer.set_stringn(inner.x, place.y, look.glyphs.bar, 1, look.theme[Role::BorderFocus]);
        }
    }
}

fn subject(view: &MappingView, to: Option<&Destination>, look: &Look) -> String {
    let name = &view.mapping.name;
    let (dot, arrow) = (look.glyphs.dot, look.glyphs.arrow);
    match (to, &view.plan) {
        (Some(to), _) => format!("{name} {dot} live {arrow} {}, if applied", to.revision.short()),
        (None, Some((plan, _))) => format!("{name} {dot} live {arrow} {}", plan.revision.short()),
        (None, None) => name.clone(),
    }
}

fn corner(plan: Option<&Plan>) -> String {
    let Some(plan) = plan else { return String::new() };
    if plan.is_empty() {
        return String::new();
    }
    let fields: usize = plan.operations.iter().map(|operation| operation.changes.len()).sum();
    format!("{}, {}", count(plan.operations.len(), "object"), count(fields, "field"))
}

/// What to say instead of the lines of another commit's plan.
fn under_way(to: &Destination, scene: &Scene) -> Vec<(Role, String)> {
    let Scene { ui, store, look } = *scene;
    let short = to.revision.short();
    if let Some(why) = ui.travel.failure(to) {
        let said = format!("{short} cannot be planned: {}", safe(why));
        return vec![(Role::Bad, said)];
    }
    match travel::arrived(store, to) {
        Some((plan, at)) => vec![(
            Role::Good,
            format!(
                "{} Nothing would change: {} as in {short} ({}).",
                look.glyphs.done,
                count(plan.summary.unchanged, "object"),
                look.ago(*at)
            ),
        )],
        None => vec![(Role::Muted, format!("planning {short}{}", look.glyphs.dots))],
    }
}

/// What to say instead of lines; never that nothing differs while that is not known.
fn why_empty(view: &MappingView, store: &Store, look: &Look) -> Vec<(Role, String)> {
    let mut said = Vec::new();
    if let Some(ClusterState::Stale { since, reason }) =
        store.clusters.get(&view.mapping.target.context)
    {
        let context = safe(&view.mapping.target.context).into_owned();
        said.push((
            Role::Bad,
            format!("cluster {context} was lost {}: {}", look.ago(*since), safe(reason)),
        ));
        let kept =
            "It is asked again by itself. What is shown was so before it was lost.".to_owned();
        said.push((Role::Muted, kept));
    }
    if let Some(message) = &view.status.message {
        let role = crate::tui::words::sync_role(view.status.sync);
        said.push((role, safe(message).into_owned()));
    }
    match &view.plan {
        Some((plan, at)) => said.push((
            Role::Good,
            format!(
                "{} Nothing differs: {} as in {} ({}).",
                look.glyphs.done,
                count(plan.summary.unchanged, "object"),
                plan.revision.short(),
                look.ago(*at)
            ),
        )),
        None if view.status.sync == SyncState::Disconnected => {}
        None if view.status.observed_at.is_none() => {
            said.push((Role::Muted, format!("loading{}", look.glyphs.dots)));
        }
        None if said.is_empty() => {
            said.push((Role::Muted, "Not planned yet. d plans it.".to_owned()));
        }
        None if view.status.sync == SyncState::Error => said.push((Role::Muted, kept(view))),
        None => {}
    }
    said
}

/// What is left as it is while a mapping cannot be planned, and what to do about it.
fn kept(view: &MappingView) -> String {
    let stays = match &view.status.synced_revision {
        Some(revision) => format!("The cluster stays at {}", revision.short()),
        None => "Nothing was applied yet".to_owned(),
    };
    format!("{stays}; nothing is written until this is mended. e edits, Ctrl-R looks again.")
}

/// Paints single lines of a plan.
struct Painter<'a> {
    plan: &'a Plan,
    scene: &'a Scene<'a>,
    folded: &'a BTreeSet<usize>,
}

impl Painter<'_> {
    fn paint(&self, buffer: &mut Buffer, area: Rect, line: &Line) {
        let look = self.scene.look;
        let text = match line {
            Line::Operation(index) => self.head(*index, area.width as usize),
            Line::Path(op, change, gutter) => {
                if *gutter {
                    self.gutter(buffer, area, (*op, *change), Side::Before);
                }
                let path = self.change((*op, *change)).map_or("", |change| change.path.as_str());
                let path = safe(if path.is_empty() { "(the whole object)" } else { path });
                let room = (area.width as usize).saturating_sub(2);
                let path = clip_start(&path, room, look.glyphs.ellipsis).into_owned();
                Text::from(vec![Span::raw("  "), look.span(Role::Text, path)])
            }
            Line::Value { at, side, parts, gutter, path } => {
                let path = self.path(*at, *path, area.width as usize);
                let value = self.value(*side, parts, path);
                if *gutter {
                    self.gutter(buffer, area, *at, *side);
                }
                value
            }
            Line::Gutter(op, change, side) => {
                self.gutter(buffer, area, (*op, *change), *side);
                return;
            }
            Line::Skipped(number) => Text::from(look.span(
                Role::Muted,
                format!("      {} {}", look.glyphs.ellipsis, count(*number, "unchanged line")),
            )),
            Line::Heading(object) => {
                Text::from(vec![Span::raw("  "), look.span(Role::Muted, safe(object).into_owned())])
            }
            Line::Remark(text) => Text::from(look.span(Role::Muted, format!("    {text}"))),
            Line::Badge(_, text) => Text::from(look.span(Role::Drift, format!("    {text}"))),
            Line::Blank => return,
        };
        let text = clip_line(text, area.width as usize, look.glyphs.ellipsis);
        buffer.set_line(area.x, area.y, &text, area.width);
    }

    fn change(&self, at: (usize, usize)) -> Option<&Change> {
        self.plan.operations.get(at.0)?.changes.get(at.1)
    }

    fn head(&self, index: usize, width: usize) -> Text<'static> {
        let look = self.scene.look;
        let Some(operation) = self.plan.operations.get(index) else { return Text::default() };
        let fold = if operation.changes.is_empty() {
            " "
        } else if self.folded.contains(&index) {
            look.glyphs.folded
        } else {
            look.glyphs.open
        };
        let (sign, role, verb) = match operation.replaces {
            Some(_) => ("~", Role::Behind, "new content under a new name"),
            None => op_words(operation.op),
        };
        let object = safe(&operation.object.to_string()).into_owned();
        let reason = reason_words(operation, look);
        let tail = format!("  {verb}: {reason}");
        let wide = cells(&tail);
        let room = width.saturating_sub(4 + wide.min(width / 2));
        Text::from(vec![
            look.span(Role::Muted, format!("{fold} ")),
            look.span(role, format!("{sign} ")),
            look.span(Role::Strong, clip(&object, room, look.glyphs.ellipsis).into_owned()),
            look.span(Role::Muted, tail),
        ])
    }

    /// The column of paths, where path and value share a line: the path on the first of them, else as much space.
    fn path(&self, at: (usize, usize), shown: bool, width: usize) -> Option<Span<'static>> {
        let operation = self.plan.operations.get(at.0)?;
        let column = lines::path_column(operation, self.inner_width(width))?;
        let path = match self.change(at) {
            Some(change) if shown => safe(&change.path).into_owned(),
            _ => String::new(),
        };
        let padding = " ".repeat(column.saturating_sub(cells(&path)));
        Some(self.scene.look.span(Role::Text, format!("  {path}{padding}")))
    }

    fn value(
        &self,
        side: Side,
        parts: &lines::Parts,
        path: Option<Span<'static>>,
    ) -> Text<'static> {
        let look = self.scene.look;
        let (sign, role, word) = match side {
            Side::Before => ("-", Role::Removed, Role::RemovedWord),
            Side::After => ("+", Role::Added, Role::AddedWord),
            Side::Both => (" ", Role::Muted, Role::Muted),
        };
        let mut spans = vec![path.unwrap_or_else(|| Span::raw("  "))];
        spans.push(look.span(role, format!("  {sign} ")));
        for (differs, text) in parts {
            spans.push(look.span(if *differs { word } else { role }, text.clone()));
        }
        Text::from(spans)
    }

    /// The lines were built for the width that `fit` was given; it is the one to decide by.
    fn inner_width(&self, width: usize) -> usize {
        let built = self.scene.ui.diff.width;
        if built == 0 { width } else { built }
    }

    fn gutter(&self, buffer: &mut Buffer, area: Rect, at: (usize, usize), side: Side) {
        let look = self.scene.look;
        let Some(change) = self.change(at) else { return };
        let text = match side {
            Side::Before => live_culprit(change, look),
            Side::After | Side::Both => git_culprit(change.commit.as_ref(), self.scene),
        };
        let text = clip(&text, GUTTER.min(area.width as usize), look.glyphs.ellipsis).into_owned();
        let wide = cells(&text) as u16;
        let x = area.right().saturating_sub(wide);
        buffer.set_stringn(x, area.y, &text, wide as usize, look.theme[Role::Muted]);
    }
}

fn live_culprit(change: &Change, look: &Look) -> String {
    let Some(manager) = &change.live_manager else { return "live".to_owned() };
    let manager = safe(manager);
    match change.live_time {
        Some(time) => format!("{manager}, {}", look.ago(time)),
        None => manager.into_owned(),
    }
}

/// `git, ana 8801c7e, 1 day ago`: as much of it as is known.
fn git_culprit(commit: Option<&Revision>, scene: &Scene) -> String {
    let Some(revision) = commit else { return "git".to_owned() };
    match scene.ui.find_commit(scene.store, revision) {
        Some(commit) => format!(
            "git, {} {}, {}",
            safe(&commit.author),
            revision.short(),
            scene.look.ago(commit.time)
        ),
        None => format!("git, {}", revision.short()),
    }
}

/// The sign, the meaning and the verb of an operation.
pub fn op_words(op: Op) -> (&'static str, Role, &'static str) {
    match op {
        Op::Create => ("+", Role::Added, "create"),
        Op::Update => ("~", Role::Behind, "update"),
        Op::Delete => ("-", Role::Bad, "delete"),
        Op::Recreate => ("!", Role::Bad, "delete and create"),
        Op::TakeOver => ("^", Role::Drift, "take over"),
    }
}

/// Why, with the commit or with who changed the cluster and when, where that is known.
fn reason_words(operation: &Operation, look: &Look) -> String {
    let words = match operation.reason {
        Reason::Commit => "Git changed",
        Reason::Drift => "drift, the cluster was changed",
        Reason::TakeOver => "it existed before",
        Reason::Migration => "moves from client-side apply",
        Reason::Admission => "does not converge, the server rewrites it",
        Reason::Prune => "no longer in Git",
    };
    match (operation.reason, operation.commits().as_slice(), operation.culprit()) {
        (Reason::Commit, [one], _) => format!("{words}, {}", one.short()),
        (Reason::Commit, [first, rest @ ..], _) => {
            format!("{words}, {} and {} more", first.short(), rest.len())
        }
        (Reason::Drift, _, Some((manager, then))) => {
            let when = then.map(|then| format!(" {}", look.ago(then))).unwrap_or_default();
            format!("drift by {}{when}", safe(manager))
        }
        _ => words.to_owned(),
    }
}
