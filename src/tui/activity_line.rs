//! The activity line: what runs now, and what ended last with its error.

use crate::domain::Refusal;
use crate::engine::store::JobView;
use crate::engine::{CONFIGURE, Command, Outcome, Store};
use crate::tui::look::Look;
use crate::tui::panes::Scene;
use crate::tui::style::Role;
use crate::tui::widgets::progress::bar;
use crate::tui::widgets::text::{clip_line, safe};
use crate::tui::words::bytes;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Paints the line.
pub fn view(buffer: &mut Buffer, area: Rect, scene: &Scene) {
    let Scene { ui, store, look } = *scene;
    let running: Vec<&JobView> = store.running().filter(|job| !is_background(job)).collect();
    let mut spans = vec![Span::raw(" ")];
    if let Some(job) = running.iter().rev().find(|job| job.writes).or(running.last()) {
        spans.extend(job_spans(job, look));
        if running.len() > 1 {
            spans.push(look.span(Role::Muted, format!("  and {} more", running.len() - 1)));
        }
    } else if let Some(notice) = &ui.notice {
        spans.push(look.span(notice.role, safe(&notice.text).into_owned()));
    } else {
        spans.push(look.span(Role::Muted, "idle"));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let free = (area.width as usize).saturating_sub(used + 4);
    // A notice is the newest there is: what ended last, often the same in other words, does not cut it short.
    let noticed = running.is_empty() && ui.notice.is_some();
    let last = last_ended(store, look).filter(|line| !noticed || line.width() <= free);
    let most = free.max(area.width as usize / 2);
    let last_width = last.as_ref().map_or(0, |line| line.width().min(most));
    let room = (area.width as usize).saturating_sub(last_width + 2);
    let line = clip_line(Line::from(spans), room, look.glyphs.ellipsis);
    buffer.set_line(area.x, area.y, &line, area.width);
    if let Some(last) = last {
        let last = clip_line(last, last_width, look.glyphs.ellipsis);
        let x = area.right().saturating_sub(last.width() as u16 + 1);
        buffer.set_line(x, area.y, &last, area.width);
    }
}

/// Work that is no news: the watch that always runs and logs that follow the selection, unless they fail; previews, whose
/// failure is shown in their place.
pub fn is_background(job: &JobView) -> bool {
    let failed = matches!(&job.ended, Some((Outcome::Failed(_), _)));
    let of_screen = job.line == Command::Watch.line() || job.title.starts_with("log ");
    !job.writes && (!failed && of_screen || job.title.starts_with("preview "))
}

/// One running job: spinner, title, bar, n of m.
pub fn job_spans(job: &JobView, look: &Look) -> Vec<Span<'static>> {
    let mut spans = vec![
        look.span(Role::Busy, format!("{} ", look.spinner())),
        look.span(Role::Text, safe(&job.title).into_owned()),
    ];
    let progress = &job.progress;
    if let Some(total) = progress.total.filter(|total| *total > 0) {
        let (full, empty) = bar(progress.done, total, 12, &look.glyphs);
        spans.push(Span::raw("  "));
        spans.push(look.span(Role::Busy, full));
        spans.push(look.span(Role::Muted, empty));
        let counted = if progress.unit == "bytes" {
            format!(" {} of {}", bytes(progress.done), bytes(total))
        } else {
            format!(" {} of {total} {}", progress.done, progress.unit)
        };
        spans.push(look.span(Role::Text, counted));
    } else if progress.done > 0 {
        spans.push(look.span(Role::Text, format!("  {} {}", progress.done, progress.unit)));
    }
    if !progress.what.is_empty() {
        spans.push(look.span(Role::Muted, format!("  {}", safe(&progress.what))));
    }
    spans
}

/// What ended last; an error stays until something that writes succeeded after it.
fn last_ended(store: &Store, look: &Look) -> Option<Line<'static>> {
    // A notice says how reading the configuration ended, and what is mended is no news.
    let is_said = |job: &&JobView| job.line == CONFIGURE.1 && job.title == CONFIGURE.0;
    let ended = store.jobs.iter().filter(|job| !is_background(job) && !is_said(job));
    let ended = ended.filter_map(|job| job.ended.as_ref().map(|(outcome, at)| (job, outcome, *at)));
    let (job, outcome, at) = ended
        .filter(|(job, outcome, _)| job.writes || !matches!(outcome, Outcome::Done(_)))
        .max_by_key(|(_, _, at)| *at)?;
    let (sign, role, words) = outcome_words(outcome, look);
    Some(Line::from(vec![
        look.span(role, format!("{sign} ")),
        look.span(Role::Text, safe(&job.title).into_owned()),
        look.span(role, format!(" {}", safe(without_subject(&words, &job.title)))),
        look.span(Role::Muted, format!("  {}", look.ago(at))),
    ]))
}

/// What a job says without the name that its title ends with: `sync cart is at 3f2a91c`, not `sync cart cart is at`.
pub fn without_subject<'a>(words: &'a str, title: &str) -> &'a str {
    let subject = title.rsplit(' ').next().unwrap_or_default();
    match words.strip_prefix(subject) {
        Some(rest) if rest.starts_with([' ', ':']) => rest.trim_start_matches([' ', ':']),
        _ => words,
    }
}

/// How a job ended: sign, meaning, words.
pub fn outcome_words(outcome: &Outcome, look: &Look) -> (&'static str, Role, String) {
    match outcome {
        Outcome::Done(what) => (look.glyphs.done, Role::Good, what.clone()),
        Outcome::Failed(failure) => {
            (look.glyphs.bad, Role::Bad, format!("failed: {}", failure.message))
        }
        Outcome::Refused(refusals) => {
            (look.glyphs.suspended, Role::Bad, format!("refused: {}", reasons(refusals)))
        }
        Outcome::Cancelled => (look.glyphs.suspended, Role::Muted, "stopped".to_owned()),
    }
}

/// The first reason, and how many more there are.
fn reasons(refusals: &[Refusal]) -> String {
    match refusals {
        [] => String::new(),
        [one] => crate::tui::refusal::words(one),
        [first, rest @ ..] => {
            format!("{} and {} more", crate::tui::refusal::words(first), rest.len())
        }
    }
}
