//! A second look at an account before a person's word is believed that nothing is there: people overlook things, and what is
//! on the account must not be sent again (P1).

use juzhen_domain::delivery::DeliveryKind;
use juzhen_domain::id::DeliveryId;
use juzhen_domain::outcome::Evidence;
use juzhen_store::{DeliveryRecord, Looked, StoreError};

use crate::{Engine, reconcile};

impl Engine {
    /// Looks for a delivery on its account now, and changes nothing. `None` when there is no such delivery, or the settings
    /// no longer have its account. Takes some seconds at most when the platform does not answer.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn look_for(&self, delivery: &DeliveryId) -> Result<Option<Evidence>, StoreError> {
        let Some(record) = self.store().delivery(delivery).await? else { return Ok(None) };
        let settings = self.settings();
        let Some(account) = settings.accounts.get(&record.delivery.account) else { return Ok(None) };
        let Some(looked) = looked(self, record).await? else { return Ok(None) };
        reconcile::evidence(self, &looked, account).await.map(Some)
    }
}

/// What a look needs, as `to_look_at` would give it for a delivery that the daemon still looks for.
async fn looked(engine: &Engine, record: DeliveryRecord) -> Result<Option<Looked>, StoreError> {
    let Some(item) = engine.store().item(&record.delivery.item).await? else { return Ok(None) };
    let origin = match &record.delivery.kind {
        DeliveryKind::Publish => None,
        DeliveryKind::Forward { origin, .. } => engine.store().delivery(origin).await?.map(|o| o.delivery),
    };
    Ok(Some(Looked {
        doubt: record.doubt,
        attempt: record.attempts.last().cloned(),
        began_at: record.effects.iter().map(|effect| effect.began_at).chain(record.forgotten_since).min(),
        item: item.item,
        origin,
        delivery: record.delivery,
    }))
}
