//! What an account's settings say: its server, its room, and how it signs in.

use juzhen_sdk::prelude::*;

/// How a token that is no longer good is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignIn {
    /// Not at all: a person gives another one.
    ByHand,
    /// `m.login.password`, always as the same device.
    Password,
    /// By the refresh token that came with it.
    Refresh,
}

pub(crate) struct Account {
    /// Without a slash at its end.
    pub(crate) base_url: String,
    pub(crate) room: String,
    pub(crate) sign_in: SignIn,
    /// A transaction id is known again only to the device that used it, so every token has to be of this one.
    pub(crate) device: String,
}

impl Account {
    pub(crate) fn of(cx: &Cx) -> Result<Self> {
        let base_url = cx.setting("base_url")?.trim_end_matches('/').to_owned();
        let room = cx.setting("room")?;
        if !room.starts_with('!') {
            // An alias can be pointed at another room by others, and the next post would stand there.
            let said = format!("设置 room 应为房间编号（以 ! 开头），现为 {room}");
            return Err(Error::misconfigured(said, "room"));
        }
        let device: Option<String> = cx.setting_as("device_id")?;
        Ok(Self {
            base_url,
            room: room.to_owned(),
            sign_in: sign_in(cx)?,
            device: device.unwrap_or_else(|| "JUZHEN".to_owned()),
        })
    }
}

fn sign_in(cx: &Cx) -> Result<SignIn> {
    let word: Option<String> = cx.setting_as("sign_in")?;
    match word.as_deref() {
        None | Some("by_hand") => Ok(SignIn::ByHand),
        Some("password") => Ok(SignIn::Password),
        Some("refresh") => Ok(SignIn::Refresh),
        Some(other) => {
            let said = format!("设置 sign_in 应为 by_hand、password 或 refresh，现为 {other}");
            Err(Error::misconfigured(said, "sign_in"))
        }
    }
}

/// The server's part of a user's or an old room's id: `@district:example.org` is of `example.org`.
pub(crate) fn server_of(id: &str) -> Option<&str> {
    id.split_once(':').map(|(_, server)| server)
}
