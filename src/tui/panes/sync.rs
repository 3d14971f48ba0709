//! Pane 5: plan, progress, health and resources of the selected mapping.

use crate::domain::{Health, Plan, PlannedHook, PlannedObject, Refusal};
use crate::engine::event::StepResult;
use crate::engine::store::{MappingView, StepView};
use crate::tui::action::{Motion, Pane};
use crate::tui::look::Look;
use crate::tui::panes::{Scene, Titles, paint_empty, paint_frame};
use crate::tui::refusal;
use crate::tui::style::Role;
use crate::tui::widgets::area::{padded, row};
use crate::tui::widgets::sheet::Sheet;
use crate::tui::widgets::text::{cells, clip_line, safe, wrap_hanging};
use crate::tui::words::{count, health_role, sync_role};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use std::borrow::Cow;

/// What the pane remembers.
#[derive(Debug, Clone, Default)]
pub struct State {
    offset: usize,
    count: usize,
    page: usize,
}

impl State {
    /// Keeps the scroll position inside what there is to show.
    pub fn fit(&mut self, count: usize, page: usize) {
        self.count = count;
        self.page = page;
        self.offset = self.offset.min(count.saturating_sub(page));
    }

    /// Scrolls.
    pub fn step(&mut self, motion: Motion) {
        let last = self.count.saturating_sub(self.page) + 1;
        self.offset = motion.apply(self.offset, last, self.page);
    }
}

/// Paints the pane.
pub fn view(buffer: &mut Buffer, area: Rect, scene: &Scene) {
    let Scene { ui, store, look } = *scene;
    let mapping = ui.selected_mapping(store);
    let titles = Titles {
        subject: mapping.map(|view| view.mapping.name.clone()).unwrap_or_default(),
        corner: mapping.map(|view| corner(view, look)).unwrap_or_default(),
        scroll: (ui.sync.offset, ui.sync.count, ui.sync.page),
    };
    let inner = paint_frame(buffer, area, scene, Pane::Sync, titles);
    let Some(mapping) = mapping else {
        let text = "Select a mapping to see its plan and its health.".to_owned();
        paint_empty(buffer, inner, look, &[(Role::Muted, text)]);
        return;
    };
    let place = padded(inner);
    let sheet = sheet(mapping, look, place.width as usize);
    let lines = sheet.window(ui.sync.offset, place.height as usize);
    for (index, line) in lines.into_iter().enumerate() {
        let place = row(place, index);
        let line = clip_line(line, place.width as usize, look.glyphs.ellipsis);
        buffer.set_line(place.x, place.y, &line, place.width);
    }
}

/// Everything there is to say, as lines of a width.
pub fn sheet<'v>(view: &'v MappingView, look: &'v Look, width: usize) -> Sheet<'v> {
    let mut lines = Sheet::default();
    let status = &view.status;
    let said = |role: Role, text: &str| -> Vec<Line<'static>> {
        let pieces = wrap_hanging(text, width).into_iter();
        pieces.map(|piece| Line::from(look.span(role, piece))).collect()
    };
    if let Some(message) = &status.message {
        let role = sync_role(status.sync);
        lines.extend(message.lines().flat_map(|line| said(role, &safe(line))));
    }
    if let Some(held) = &status.held {
        let text = format!("{} {}: {}", look.glyphs.suspended, status.held_words(), safe(held));
        lines.extend(said(Role::Suspended, &text));
    }
    if let Some(first) = status.suspects.first() {
        let more = match status.suspects.len() {
            1 => String::new(),
            many => format!(" (D shows {} more)", many - 1),
        };
        let text = format!("{} suspect: {}{more}", look.glyphs.drift, safe(&first.to_string()));
        lines.extend(said(Role::Drift, &text));
    }
    let Some((plan, _)) = &view.plan else {
        let loading = view.status.observed_at.is_none();
        let word = if loading {
            format!("loading{}", look.glyphs.dots)
        } else {
            "not planned yet".to_owned()
        };
        if lines.is_empty() {
            lines.push(Line::from(look.span(Role::Muted, word)));
        }
        return lines;
    };
    lines.push(plan_line(plan, look));
    let hooks: Vec<usize> = plan.hooks.iter().map(|hook| hook_cell(hook, look).width()).collect();
    lines.grid(&hooks, width, |index| hook_cell(&plan.hooks[index], look));
    lines.extend(obstacles(view, plan, look).iter().flat_map(|(role, text)| said(*role, text)));
    if view.steps.iter().any(|step| step.result != StepResult::Done) {
        let steps: Vec<usize> =
            view.steps.iter().map(|step| wide(step_pieces(step, look))).collect();
        lines.grid(&steps, width, |index| cell(step_pieces(&view.steps[index], look), look));
    }
    let mut objects: Vec<&PlannedObject> = plan.objects.iter().collect();
    objects.sort_by_key(|planned| std::cmp::Reverse(planned.health));
    let widths: Vec<usize> = objects.iter().map(|one| wide(object_pieces(one, look))).collect();
    lines.grid(&widths, width, move |index| cell(object_pieces(objects[index], look), look));
    lines
}

/// Hooks that do not run, and what stands in the way of the plan.
fn obstacles(view: &MappingView, plan: &Plan, look: &Look) -> Vec<(Role, String)> {
    let status = &view.status;
    let idle = plan.idle_hooks.iter().map(|idle| {
        let text = format!("hook {} is not run as {}", idle.object, idle.why);
        (Role::Muted, safe(&text).into_owned())
    });
    // What stands above already is not told again: that it is suspended, and for whom it waits first.
    let others = plan.refusals.iter().filter(|refusal| match refusal {
        Refusal::Suspended(_) => false,
        Refusal::Waits(wait) => status.held.as_ref() != Some(&wait.to_string()),
        _ => true,
    });
    let refused = others.map(|refusal| (Role::Bad, refusal_words(refusal, look)));
    let sign = look.glyphs.suspended;
    let rights = plan.rights_unknown.iter().filter(|_| !plan.is_empty());
    let rights = rights.map(|why| format!("{sign} rights not checked: {}", safe(why)));
    let kept = plan.prune_blocked.iter().filter(|why| status.message.as_ref() != Some(*why));
    let kept = kept.map(|why| format!("{sign} nothing is pruned: {}", safe(why)));
    let unread = plan.unread.iter().filter(|why| status.message.as_ref() != Some(*why));
    let unread = unread.map(|why| format!("{sign} not read: {}", safe(why)));
    let held = rights.chain(kept).chain(unread).map(|text| (Role::Suspended, text));
    idle.chain(refused).chain(held).collect()
}

fn corner(view: &MappingView, look: &Look) -> Line<'static> {
    let mut spans = vec![look.span(
        health_role(view.status.health),
        format!("{} {}", look.glyphs.health(view.status.health), view.status.health.word()),
    )];
    if let Some(seen) = view.status.observed_at {
        spans.push(look.span(Role::Muted, format!("  seen {}", look.ago(seen))));
    }
    Line::from(spans)
}

/// `plan +0 ~1 -0`, and what it does to what runs.
fn plan_line(plan: &Plan, look: &Look) -> Line<'static> {
    let mut spans = plan_counts(plan, look);
    spans.push(Span::raw("  "));
    spans.push(match plan.risk.words() {
        None => look.span(Role::Muted, "restarts nothing"),
        Some(words) => look.span(Role::Drift, safe(&words).into_owned()),
    });
    spans.push(look.span(Role::Muted, format!("  {} unchanged", plan.summary.unchanged)));
    if plan.hooks_run() > 0 {
        spans
            .push(look.span(Role::Behind, format!("  {} to run", count(plan.hooks_run(), "hook"))));
    }
    let left: usize = plan.left_out.iter().map(|left| left.paths.len()).sum();
    if left > 0 {
        spans.push(look.span(Role::Muted, format!("  {} left out", count(left, "path"))));
    }
    Line::from(spans)
}

/// `plan +0 ~1 -0`.
pub fn plan_counts(plan: &Plan, look: &Look) -> Vec<Span<'static>> {
    let summary = plan.summary;
    let mut spans = vec![look.span(Role::Muted, "plan")];
    let counts = [
        ("+", summary.create, Role::Added),
        ("~", summary.update, Role::Behind),
        ("-", summary.delete, Role::Bad),
    ];
    for (sign, number, role) in counts {
        let role = if number == 0 { Role::Muted } else { role };
        spans.push(look.span(role, format!(" {sign}{number}")));
    }
    for (number, word) in [(summary.recreate, "recreated"), (summary.take_over, "taken over")] {
        if number > 0 {
            spans.push(look.span(Role::Bad, format!("  {number} {word}")));
        }
    }
    spans
}

/// `PreSync Job migrate`.
fn hook_cell(hook: &PlannedHook, look: &Look) -> Line<'static> {
    let (kind, name) = (safe(&hook.object.kind), safe(&hook.object.name));
    Line::from(vec![
        look.span(Role::Behind, format!("{} ", hook.phase)),
        look.span(Role::Muted, format!("{kind} ")),
        look.span(Role::Text, name.into_owned()),
    ])
}

/// A refusal with its sign.
pub fn refusal_words(refusal: &Refusal, look: &Look) -> String {
    format!("{} {}", look.glyphs.bad, refusal::words(refusal))
}

/// What a cell says, each piece in its role.
type Pieces<'p> = Vec<(Role, Cow<'p, str>)>;

fn wide(pieces: Pieces<'_>) -> usize {
    pieces.iter().map(|(_, text)| cells(text)).sum()
}

fn cell(pieces: Pieces<'_>, look: &Look) -> Line<'static> {
    pieces.into_iter().map(|(role, text)| look.span(role, text.into_owned())).collect()
}

fn step_pieces<'p>(step: &'p StepView, look: &Look) -> Pieces<'p> {
    let object = safe(&step.object.to_string()).into_owned();
    let (sign, role, tail) = match &step.result {
        StepResult::Started => (look.spinner(), Role::Busy, String::new()),
        StepResult::Done => (look.glyphs.done, Role::Good, String::new()),
        StepResult::Failed(why) => (look.glyphs.bad, Role::Bad, format!(": {}", safe(why))),
        StepResult::Skipped(why) => {
            (look.glyphs.suspended, Role::Suspended, format!(": {}", safe(why)))
        }
    };
    vec![
        (role, sign.into()),
        (role, " ".into()),
        (role, safe(&step.verb)),
        (role, " ".into()),
        (Role::Text, object.into()),
        (role, tail.into()),
    ]
}

fn object_pieces<'p>(planned: &'p PlannedObject, look: &Look) -> Pieces<'p> {
    let role = health_role(planned.health);
    let object = &planned.object;
    let mut pieces: Pieces<'p> = vec![
        (Role::Muted, safe(&object.kind)),
        (Role::Muted, " ".into()),
        (Role::Text, safe(&object.name)),
        (Role::Text, " ".into()),
        (role, look.glyphs.health(planned.health).into()),
    ];
    if let Some((ready, wanted)) = planned.replicas {
        pieces.push((role, format!(" {ready}/{wanted}").into()));
    }
    if planned.health != Health::Healthy {
        let why = if planned.message.is_empty() { planned.health.word() } else { &planned.message };
        pieces.extend([(role, " ".into()), (role, safe(why))]);
    }
    pieces
}
