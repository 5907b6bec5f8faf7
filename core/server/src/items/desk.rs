//! What waits for one person: items whose next step is theirs to decide, whatever the procedure.

use juzhen_domain::id::ItemId;
use juzhen_domain::item::Item;
use juzhen_domain::matrix::Person;
use juzhen_domain::state::ItemState;
use juzhen_store::ItemFilter;

use super::view::waits_for;
use super::visible_unit;
use crate::app::App;
use crate::problem::Problem;

/// Newest first, of the `most` newest that are under review; with the id to go on before, if there may be more.
pub(super) async fn waiting_for(
    app: &App,
    caller: &Person,
    before: Option<ItemId>,
    most: u32,
) -> Result<(Vec<Item>, Option<ItemId>), Problem> {
    let unit = visible_unit(caller, None)?;
    let mut pending = Vec::new();
    for state in ItemState::ALL.iter().copied().filter(|state| state.is_pending()) {
        let filter = ItemFilter { state: Some(state), unit: unit.clone(), before: before.clone(), most };
        pending.extend(app.store().items(filter).await?);
    }
    pending.sort_by(|a, b| b.id.cmp(&a.id));
    let looked_at = usize::try_from(most).unwrap_or(usize::MAX);
    let go_on = pending.get(looked_at.saturating_sub(1)).map(|item| item.id.clone());
    pending.truncate(looked_at);
    let mut theirs = Vec::new();
    for item in pending {
        // What was decided says which step is next; the state alone does not, where two steps are called the same.
        let record = app.store().item(&item.id).await?;
        if record.is_some_and(|record| waits_for(app, &record, caller, app.now())) {
            theirs.push(item);
        }
    }
    Ok((theirs, go_on))
}
