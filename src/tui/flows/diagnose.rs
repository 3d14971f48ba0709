//! From the description of a mapping that does not come up to what the cluster says about it.

use crate::domain::Health;
use crate::engine::store::MappingView;
use crate::engine::{Command, Store};
use crate::tui::describe;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::popups::Popup;
use crate::tui::ui::Ui;

/// Whether there may be more to know of a mapping than its state.
pub fn is_ill(view: &MappingView) -> bool {
    matches!(view.status.health, Health::Progressing | Health::Degraded)
}

/// A description was opened: the cluster is asked, once, about what does not come up.
pub fn begin(ui: &Ui, store: &Store) -> Vec<Effect> {
    let Some(Popup::Reader(reader)) = ui.popups.last() else { return Vec::new() };
    let view = reader.mapping.as_ref().and_then(|name| store.mappings.get(name));
    let Some(view) = view.filter(|view| is_ill(view)) else { return Vec::new() };
    let mapping = view.mapping.name.clone();
    vec![Effect::Run(Command::Diagnose { mapping: mapping.clone() }, Purpose::Diagnose { mapping })]
}

/// The cluster was asked: a description that is still open tells what is known now, and a failure to ask.
pub fn ended(ui: &mut Ui, store: &Store, mapping: &str, failure: Option<&str>) {
    let Some(view) = store.mappings.get(mapping) else { return };
    for popup in &mut ui.popups {
        if let Popup::Reader(reader) = popup
            && reader.mapping.as_deref() == Some(mapping)
        {
            let asked = failure.map_or(describe::Asked::Over, describe::Asked::Vainly);
            reader.renew(&describe::mapping(view, asked));
        }
    }
}
