//! Root paint: header, panes, activity, hints, popups.

use crate::tui::action::Pane;
use crate::tui::layout::LEAST;
use crate::tui::look::Look;
use crate::tui::panes::{Scene, commits, diff, mappings, repositories, sync};
use crate::tui::style::{Role, strip_colours};
use crate::tui::widgets::area::{centred, row};
use crate::tui::widgets::text::clip;
use crate::tui::{activity_line, header, hints};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Paints a whole frame. The layout was computed by `Ui::fit` before.
pub fn view(buffer: &mut Buffer, scene: &Scene) {
    let Scene { ui, look, .. } = *scene;
    let layout = &ui.layout;
    buffer.set_style(layout.screen, look.theme[Role::Text]);
    if layout.too_small {
        too_small(buffer, layout.screen, look);
    } else {
        header::view(buffer, layout.header, scene);
        for pane in Pane::ALL {
            let area = layout.pane(pane);
            if !area.is_empty() {
                match pane {
                    Pane::Repositories => repositories::view(buffer, area, scene),
                    Pane::Mappings => mappings::view(buffer, area, scene),
                    Pane::Commits => commits::view(buffer, area, scene),
                    Pane::Diff => diff::view(buffer, area, scene),
                    Pane::Sync => sync::view(buffer, area, scene),
                }
            }
        }
        activity_line::view(buffer, layout.activity, scene);
        hints::view(buffer, layout.hints, scene);
        for popup in &ui.popups {
            popup.view(buffer, layout.screen, scene);
        }
    }
    if look.no_colour {
        strip_colours(buffer);
    }
}

fn too_small(buffer: &mut Buffer, screen: Rect, look: &Look) {
    let sentences = [
        format!("gitdeck needs {}x{}", LEAST.0, LEAST.1),
        format!("this is {}x{}", screen.width, screen.height),
        "make it larger, or q".to_owned(),
    ];
    let place = centred(screen, 30, sentences.len() as u16);
    for (index, sentence) in sentences.iter().enumerate() {
        let line = row(place, index);
        let text = clip(sentence, line.width as usize, look.glyphs.ellipsis);
        buffer.set_stringn(line.x, line.y, text, line.width as usize, look.theme[Role::Text]);
    }
}
