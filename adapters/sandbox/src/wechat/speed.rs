//! How fast a mass send goes out: five steps, by ten thousands a minute.

use serde_json::json;

use super::body::Ask;
use super::dialect::error;
use super::{account_of, ok};
use crate::answer::Reply;
use crate::exchange::{Intent, Refusal};
use crate::world::World;

/// Ten thousands a minute, by `speed`.
const PER_MINUTE: [u32; 5] = [80, 60, 45, 30, 10];

/// `{"speed","realspeed"}`
pub(crate) fn get(ask: Ask) -> Result<Intent, Refusal> {
    Ok(Intent::plain(move |world: &mut World, _call| {
        let speed = account_of(world, &ask.appid)?.speed;
        let real = PER_MINUTE.get(speed).copied().unwrap_or_default();
        Ok(Reply::json(200, &json!({ "speed": speed, "realspeed": real })))
    }))
}

/// `{"speed":0..4}`: 45084 without it, 45083 for another number.
pub(crate) fn set(ask: Ask) -> Result<Intent, Refusal> {
    let speed = ask.number("speed").ok_or_else(|| error(45084))?;
    let speed = usize::try_from(speed).ok().filter(|speed| *speed < PER_MINUTE.len());
    let speed = speed.ok_or_else(|| error(45083))?;
    Ok(Intent::plain(move |world: &mut World, _call| {
        account_of(world, &ask.appid)?.speed = speed;
        Ok(ok())
    }))
}
