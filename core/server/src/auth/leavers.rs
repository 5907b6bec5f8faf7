//! Whoever the settings no longer name, or no longer have at work, loses sessions and keys for good: they are not there again
//! when somebody of the same id comes back (C16).

use std::sync::{Arc, Mutex, PoisonError};

use juzhen_domain::id::PersonId;
use juzhen_store::{AccessChange, Asking, Audit, End};
use serde_json::json;
use tracing::{info, warn};

use crate::app::App;
use crate::problem::chain;

/// The settings for which it was done last.
#[derive(Debug, Default)]
pub(crate) struct Swept(Mutex<String>);

impl Swept {
    /// Whether these are others; they are the last from now on.
    fn is_new(&self, revision: &str) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *last != revision;
        if is_new {
            revision.clone_into(&mut last);
        }
        is_new
    }
}

/// Ends what leavers have, beside the request that noticed it; once for each set of settings.
pub(crate) fn look(app: &App) {
    if !app.access.swept.is_new(app.engine.settings().revision.as_str()) {
        return;
    }
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = sweep(&app).await {
            // They are refused all the same: their id is not in the settings.
            warn!(error = chain(&error), "Sessions and keys of people who left could not be ended");
        }
    });
}

async fn sweep(app: &App) -> Result<(), juzhen_store::StoreError> {
    for person in app.store().people().holders().await? {
        if app.active_person(&person).is_none() {
            let at = app.now();
            let asking = Asking { person: person.clone(), address: None };
            let gone = person.clone();
            let change = move |_: &_| {
                let audit = vec![left(&gone, at)];
                Ok(AccessChange { end: End::All, end_keys: End::All, audit, ..AccessChange::default() })
            };
            app.store().people().change_access(asking, Arc::new(change)).await?;
            info!(%person, "Ended every session and key: the settings do not have this person at work");
        }
    }
    Ok(())
}

fn left(person: &PersonId, at: jiff::Timestamp) -> Audit {
    Audit {
        actor: "daemon".into(),
        action: "person.left".into(),
        subject: format!("person:{person}"),
        detail: json!({ "sessions": "ended", "keys": "ended" }),
        at,
        request: None,
    }
}
