//! Events that are told in stages: which stages there are, and that none is told twice.

use juzhen_domain::id::ItemId;
use juzhen_domain::item::Content;
use juzhen_domain::stage::Stage;

use super::rows::Fields;
use super::{Transaction, params};
use crate::error::{Refused, StoreError};

/// Out of the way: what was said there counts for nobody.
const GONE: &str = "('rejected', 'withdrawn', 'merged')";

/// Puts the item's stage beside its row, where it can be looked for; refused when another item tells that stage.
pub(super) fn note(c: &Transaction<'_>, item: &ItemId, content: &Content) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE items SET event_id = ?2, stage_no = ?3 WHERE id = ?1";
    let filing = &content.filing;
    let (Some(event), Some(stage)) = (&filing.event_id, filing.stage_no) else {
        // A draft of before may have told one.
        let none: Option<i64> = None;
        const CLEAR: &str =
            "UPDATE items SET event_id = ?2, stage_no = ?3 WHERE id = ?1 AND stage_no IS NOT NULL";
        c.execute(CLEAR, params![item.as_str(), filing.event_id.as_deref(), none])?;
        return Ok(());
    };
    let taken = format!(
        "SELECT id FROM items WHERE event_id = ?1 AND stage_no = ?2 AND id <> ?3 AND state NOT IN {GONE}"
    );
    let id = |f: &mut Fields<'_>| f.get::<String>();
    if let Some(other) = c.first(&taken, params![event, stage, item.as_str()], id)? {
        let message = format!("stage {stage} of event {event} is told by item {other}");
        return Err(StoreError::Refused(Refused::new("stage_taken", message)));
    }
    c.execute(SQL, params![item.as_str(), event, stage])?;
    Ok(())
}

/// Stages of the same event before this one, with when the last delivery of each is due; none for an item without one.
pub(super) fn earlier(
    c: &Transaction<'_>,
    item: &ItemId,
    content: &Content,
) -> Result<Vec<Stage>, StoreError> {
    let (Some(event), Some(stage)) = (&content.filing.event_id, content.filing.stage_no) else {
        return Ok(Vec::new());
    };
    let sql = format!(
        "SELECT i.id, i.stage_no, i.state,
            (SELECT max(d.due_at) FROM deliveries d WHERE d.item = i.id AND d.state <> 'cancelled')
         FROM items i WHERE i.event_id = ?1 AND i.stage_no < ?2 AND i.id <> ?3 AND i.state NOT IN {GONE}
         ORDER BY i.stage_no"
    );
    c.collect(&sql, params![event, stage, item.as_str()], |f: &mut Fields<'_>| {
        let item: ItemId = f.id()?;
        Ok(Stage { item, number: f.get()?, state: f.item_state()?, due_at: f.optional_time()? })
    })
}
