//! A new password, by who knows the old one and has the second factor; also when the old one is too old to sign in (C15).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use juzhen_domain::access::Credentials;
use juzhen_domain::access::enter::Entered;
use juzhen_store::{AccessChange, End, Refused};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{invitations, verify};
use crate::app::App;
use crate::command::Open;
use crate::hidden::Hidden;
use crate::problem::{Code, Problem, ProblemView};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(change))
}

/// Changes one's own password. Every session is over then.
#[utoipa::path(post, operation_id = "change_password", path = "/api/v1/passwords", tag = "access", security(),
    request_body = NewPassword,
    responses((status = 200, body = PasswordChanged), (status = "4XX", body = ProblemView)))]
async fn change(State(app): State<App>, open: Open<NewPassword>) -> Result<Json<PasswordChanged>, Problem> {
    let body = &open.body;
    let code = Some(body.code.0.clone());
    let attempt = verify::attempt(&app, &open, &body.person, &body.password.0, code).await?;
    let person = attempt.asking.person.clone();
    // What is chosen is looked at for those alone who know what was there before.
    let new = match attempt.fits {
        Some(_) => {
            let known = app.store().people().access(&attempt.asking).await?.credentials;
            Some(invitations::chosen(&app, &person, &body.new_password, known.as_ref()).await?)
        }
        None => None,
    };
    let (profile, of_open) = (app.policy().profile, open.clone());
    let inside = move |entered: Entered, mut credentials: Credentials, change: &mut AccessChange| {
        let (Entered::In { step } | Entered::TooOld { step }, Some(new)) = (entered, new.clone()) else {
            return Err(Refused::new(Code::WrongCredentials.as_str(), "the code is missing"));
        };
        let person = credentials.person.clone();
        credentials = credentials.with_password(new, profile, of_open.at);
        (credentials.last_step, credentials.used_at) = (step, of_open.at);
        change.credentials = Some(credentials);
        change.end = End::All;
        change.audit.push(verify::entered(&of_open, &person, "password.changed", of_open.at));
        Ok(())
    };
    verify::decide(&app, &open, attempt, Arc::new(inside)).await?;
    Ok(Json(PasswordChanged { person: person.to_string() }))
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    person: String,
    #[schema(value_type = String)]
    password: Hidden,
    #[schema(value_type = String)]
    new_password: Hidden,
    /// The six digits of this moment.
    #[schema(value_type = String)]
    code: Hidden,
}

#[derive(Serialize, ToSchema)]
struct PasswordChanged {
    person: String,
}
