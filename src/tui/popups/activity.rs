//! Running and ended work, newest first, with errors in full.

use crate::engine::store::JobView;
use crate::engine::{Outcome, Store};
use crate::tui::action::{Action, Pane};
use crate::tui::activity_line::{is_background, job_spans, outcome_words};
use crate::tui::effect::Effect;
use crate::tui::keymap::Keymap;
use crate::tui::look::Look;
use crate::tui::panes::Scene;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::area::{padded, row, split_top};
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::scroll::follow;
use crate::tui::widgets::table::{Emphasis, cells_area, emphasise};
use crate::tui::widgets::text::{clip_line, safe, wrap};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Lines for the details of the selected job.
const DETAILS: u16 = 7;

/// State of the list.
#[derive(Debug, Default)]
pub struct Activity {
    selected: usize,
    offset: usize,
    page: usize,
}

impl Activity {
    /// Moves, cancels, copies, or closes.
    pub fn key(&mut self, key: KeyEvent, store: &Store) -> Reaction {
        match key.code {
            KeyCode::Char('q' | 'w') | KeyCode::Esc => return Reaction::Close,
            KeyCode::Char('x') => {
                let running = self.job(store).filter(|job| job.ended.is_none());
                return Reaction::Run(
                    running.map(|job| Effect::Cancel(job.id)).into_iter().collect(),
                );
            }
            KeyCode::Char('y') => {
                let line = self.command_line(store).map(Effect::Copy);
                return Reaction::Run(line.into_iter().collect());
            }
            _ => {}
        }
        if let Some(Action::Move(motion)) = Keymap::default().action(Pane::Diff, key) {
            self.selected = motion.apply(self.selected, jobs(store).count(), self.page);
        }
        Reaction::Stay
    }

    /// The command line of the selected job.
    pub fn command_line(&self, store: &Store) -> Option<String> {
        self.job(store).map(|job| job.line.clone())
    }

    fn job<'a>(&self, store: &'a Store) -> Option<&'a JobView> {
        jobs(store).nth(self.selected)
    }

    /// Computes what is visible.
    pub fn fit(&mut self, screen: Rect, store: &Store) {
        let count = jobs(store).count();
        let inner = Frame::inner(area(screen));
        self.page = inner.height.saturating_sub(DETAILS) as usize;
        self.selected = self.selected.min(count.saturating_sub(1));
        self.offset = follow(self.offset, self.selected, count, self.page);
    }

    /// Paints the list.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, scene: &Scene) {
        let Scene { store, look, .. } = *scene;
        let count = jobs(store).count();
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, "Activity")),
            foot: keys(look, &[("x", "stop"), ("y", "copy command"), ("Esc", "close")]),
            scroll: (self.offset, count, self.page),
            ..Frame::default()
        };
        let inner = paint_frame(buffer, area(screen), look, frame);
        let (list, details) = split_top(inner, inner.height.saturating_sub(DETAILS));
        for (index, job) in jobs(store).skip(self.offset).take(list.height as usize).enumerate() {
            let place = cells_area(list, index);
            let line = clip_line(summary(job, look), place.width as usize, look.glyphs.ellipsis);
            buffer.set_line(place.x, place.y, &line, place.width);
            let emphasis = Emphasis::of(self.offset + index == self.selected, true);
            emphasise(buffer, list, index, emphasis, look);
        }
        if count == 0 {
            let place = cells_area(list, 0);
            let style = look.theme[Role::Muted];
            buffer.set_stringn(
                place.x,
                place.y,
                "Nothing was done yet.",
                place.width as usize,
                style,
            );
        }
        if let Some(job) = self.job(store) {
            paint_details(buffer, padded(details), job, look);
        }
    }
}

fn area(screen: Rect) -> Rect {
    place(screen, screen.width.saturating_sub(4).min(110), screen.height.saturating_sub(4).min(30))
}

fn jobs(store: &Store) -> impl Iterator<Item = &JobView> {
    store.jobs.iter().rev().filter(|job| !is_background(job))
}

fn summary(job: &JobView, look: &Look) -> Line<'static> {
    match &job.ended {
        None => Line::from(job_spans(job, look)),
        Some((outcome, at)) => {
            let (sign, role, words) = outcome_words(outcome, look);
            Line::from(vec![
                look.span(role, format!("{sign} ")),
                look.span(Role::Strong, safe(&job.title).into_owned()),
                look.span(Role::Muted, format!("  {}  ", look.ago(*at))),
                look.span(role, safe(&words).into_owned()),
            ])
        }
    }
}

fn paint_details(buffer: &mut Buffer, area: Rect, job: &JobView, look: &Look) {
    let mut lines = vec![(Role::Muted, safe(&job.line).into_owned())];
    match &job.ended {
        Some((Outcome::Failed(failure), _)) => {
            lines.push((Role::Bad, safe(&failure.message).into_owned()));
            lines.extend(failure.hint.as_ref().map(|hint| (Role::Text, safe(hint).into_owned())));
        }
        Some((Outcome::Refused(refusals), _)) => {
            lines.extend(
                refusals.iter().map(|refusal| {
                    (Role::Bad, crate::tui::panes::sync::refusal_words(refusal, look))
                }),
            );
        }
        Some((Outcome::Done(what), _)) => lines.push((Role::Text, safe(what).into_owned())),
        Some((Outcome::Cancelled, _)) => {
            lines.push((Role::Muted, "stopped; what was done before stays done".to_owned()));
        }
        None => lines.push((Role::Busy, safe(&job.progress.what).into_owned())),
    }
    let wrapped = lines.into_iter().flat_map(|(role, text)| {
        wrap(&text, area.width as usize).into_iter().map(move |t| (role, t))
    });
    for (index, (role, text)) in wrapped.take(area.height.saturating_sub(1) as usize).enumerate() {
        let place = row(area, index + 1);
        buffer.set_stringn(place.x, place.y, text, place.width as usize, look.theme[role]);
    }
}
