//! The forwards that follow from something published, as a plain function that the store calls inside its transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use juzhen_domain::id::{AccountId, DeliveryId};
use juzhen_domain::route::{self, PublishedOn, Subject};
use juzhen_domain::schedule::{self, Onward};
use juzhen_store::Follow;

use crate::{Engine, clock, running};

impl Engine {
    /// The forwards that follow from something published, by the routes that run at that moment.
    pub fn follow(&self) -> Follow {
        self.follow_at("record.before_commit")
    }

    /// The same, reaching this point inside the transaction.
    pub(crate) fn follow_at(&self, point: &'static str) -> Follow {
        let settings = self.settings();
        let world = Arc::clone(&self.0.world);
        let failpoints = Arc::clone(&self.0.failpoints);
        Arc::new(move |delivery, item, already: &BTreeSet<AccountId>| {
            failpoints.reach(point);
            let published = PublishedOn {
                subject: Subject { unit: &item.unit, column: item.column.as_ref() },
                account: &delivery.account,
                platform: &delivery.platform,
                hops: delivery.kind.hops(),
                already,
            };
            let now = world.now();
            let onward = Onward {
                accounts: &settings.accounts,
                revision: settings.revision.as_str(),
                latest_at: running::latest(&settings, now),
                now,
            };
            let targets = route::follow(&settings.routes, &published);
            schedule::forwards(item, delivery, targets, &onward, || DeliveryId::new(clock::new_id(&world)))
        })
    }
}
