//! Plans in a file: written by `plan --out`, read, compared with the world and carried out by `sync --plan`.

use super::release::options;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::session::Work;
use crate::config::replace_private;
use crate::domain::{Plan, Refusal, Released, SavedPlan, SavedPlans};
use crate::engine::SyncOptions;
use jiff::Timestamp;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The longest file that is read, in bytes: a plan of 100,000 operations has about 40 MB.
const LONGEST: u64 = 64 << 20;

/// Writes plans into a file that only its owner may read, in one step.
pub(super) fn write(
    work: &mut Work<'_>,
    path: &Path,
    plans: &[Arc<Plan>],
    released: Released,
) -> Result<(), Fault> {
    let settings = Arc::clone(&work.settings);
    let bound = plans.iter().filter_map(|plan| {
        let mapping = settings.mappings.get(&plan.mapping)?;
        Some(SavedPlan::of(plan, mapping, released))
    });
    let saved = SavedPlans::new(bound.collect(), Timestamp::now());
    let text = serde_json::to_string_pretty(&saved).map_err(|error| Fault {
        message: format!("the plan cannot be written: {error}"),
        hint: None,
        exit: Exit::Failed,
    })?;
    replace_private(path, &(text + "\n"))
        .map_err(|error| Fault { exit: Exit::Failed, ..Fault::from(error) })?;
    let operations: usize = plans.iter().map(|plan| plan.operations.len()).sum();
    work.out.note(&format!(
        "{operations} operations were written to {0}; `gitdeck sync --plan {0}` carries out exactly these",
        path.display()
    ));
    Ok(())
}

/// Reads a file of plans. What was edited or cut off is refused.
pub(super) fn read(path: &Path) -> Result<SavedPlans, Fault> {
    let shown = path.display();
    let unread = |error: std::io::Error| Fault::usage(format!("{shown} cannot be read: {error}"));
    let file = std::fs::File::open(path).map_err(unread)?;
    let mut text = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut text).map_err(unread)?;
    if text.len() as u64 > LONGEST {
        return Err(Fault::usage(format!("{shown} is longer than any plan")));
    }
    SavedPlans::parse(&text).map_err(|why| Fault {
        message: format!("{shown}: {why}"),
        hint: Some("`gitdeck plan MAPPING --out FILE` makes a new one".to_owned()),
        exit: Exit::Refused,
    })
}

/// The mappings of a file, or those of them that were named.
pub(super) fn names(saved: &SavedPlans, named: &[String]) -> Result<Vec<String>, Fault> {
    if let Some(missing) = named.iter().find(|name| saved.of(name).is_none()) {
        return Err(Fault::usage(format!("the file has no plan of `{missing}`")));
    }
    let wanted = |plan: &&SavedPlan| named.is_empty() || named.contains(&plan.mapping);
    Ok(saved.plans.iter().filter(wanted).map(|plan| plan.mapping.clone()).collect())
}

/// Plans again at the saved revisions and compares. What moved is said and left out; a plan that has nothing left to do
/// is as good as carried out.
pub(super) async fn plans(
    work: &mut Work<'_>,
    saved: &SavedPlans,
    names: &[String],
) -> (Vec<Arc<Plan>>, Vec<Arc<Plan>>, Exit) {
    let (mut same, mut moved, mut exit) = (Vec::new(), Vec::new(), work.fetch(names).await);
    for name in names {
        let Some(one) = saved.of(name) else { continue };
        let Some(mapping) = work.settings.mappings.get(name).cloned() else { continue };
        let revision = Some(one.revision.as_str());
        // Those of one file are synced together.
        let options = SyncOptions { after: names.to_vec(), ..options(one.released) };
        let (plans, ended) =
            work.plans_of_fetched(std::slice::from_ref(name), revision, &options).await;
        exit = exit.and(ended);
        for plan in plans {
            let differs = one.moved(&mapping, &plan);
            // A refusal of a guard says more than what moved.
            let here = one.elsewhere(&mapping, &plan).is_empty();
            if differs.is_empty() || here && (plan.is_empty() || plan.is_refused()) {
                let touched = one.touched(&plan);
                if touched > 0 {
                    work.out.note(&format!(
                        "{name}: {touched} objects were written since the plan was made, without another result"
                    ));
                }
                same.push(plan);
            } else {
                let refusals = differs.into_iter().map(|what| Refusal::Moved { what });
                exit = exit.and(work.refused(name, &refusals.collect::<Vec<_>>()));
                moved.push(plan);
            }
        }
    }
    (same, moved, exit)
}
