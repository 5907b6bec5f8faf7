//! Does the account work, and what is missing for it to post in its room?

use juzhen_sdk::prelude::*;
use serde::Deserialize;

use crate::account::SignIn;
use crate::errcode::is_code;
use crate::wire::Platform;

/// What a room without a word on it gives: everybody may send messages, and is at level 0 (`m.room.power_levels`).
const NOTHING_SAID: i64 = 0;

impl Platform<'_> {
    pub(crate) async fn check(&self) -> Result<AccountInfo> {
        let me: WhoAmI = self.get(&self.client("v3/account/whoami"), &[]).await?;
        let uid = self.cx.meta.uid.as_str();
        if me.user_id != uid {
            let said = format!("令牌属于账号 {}，不是 {uid}：请改用本账号的令牌", me.user_id);
            return Err(Error::rejected(said, RejectedBy::Permission, "user_id"));
        }
        let mut lacks = Vec::new();
        lacks.extend(self.device_lack(me.device_id.as_deref()));
        lacks.extend(self.room_lack().await?);
        Ok(AccountInfo { uid: me.user_id, name: self.name().await?, lacks, ..AccountInfo::default() })
    }

    /// After the next sign-in a try that was left open by this device would count as a new one.
    fn device_lack(&self, device: Option<&str>) -> Option<Lack> {
        let ours = &self.account.device;
        let other = device.filter(|device| device != ours && self.account.sign_in == SignIn::Password)?;
        let said =
            format!("令牌属于设备 {other}，自动登录用的是设备 {ours}：请把设置 device_id 改为 {other}");
        Some(lack(LackKind::Setting, said))
    }

    /// What people have to change in the room before anything can be posted there, or read.
    async fn room_lack(&self) -> Result<Option<Lack>> {
        let levels: Levels = match self.get(&self.room("state/m.room.power_levels"), &[]).await {
            Ok(levels) => levels,
            Err(no) if is_code(&no, "M_FORBIDDEN") => {
                return Ok(Some(lack(LackKind::Permission, "账号不在此房间中：请先邀请并加入")));
            }
            Err(no) if is_code(&no, "M_NOT_FOUND") => Levels::default(),
            Err(other) => return Err(other),
        };
        if !levels.lets_send(&self.cx.meta.uid) && !self.made_the_room().await? {
            let said = "账号在此房间没有发言权限：请由房间管理员调高权限级别";
            return Ok(Some(lack(LackKind::Permission, said)));
        }
        match self.get::<Value>(&self.room("state/m.room.encryption"), &[]).await {
            Ok(_) => {
                let said = "房间是加密的，公告将以明文发出：请改用不加密的公开房间";
                Ok(Some(lack(LackKind::Setting, said)))
            }
            Err(no) if is_code(&no, "M_NOT_FOUND") => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// From room version 12 on, whose ids name no server, those who made a room may do anything in it and are not listed.
    async fn made_the_room(&self) -> Result<bool> {
        if crate::account::server_of(&self.account.room).is_some() {
            return Ok(false);
        }
        let made: Made = self.get(&self.room("state/m.room.create"), &[("format", "event")]).await?;
        let uid = &self.cx.meta.uid;
        Ok(made.sender == *uid || made.content.additional_creators.contains(uid))
    }

    async fn name(&self) -> Result<String> {
        let url = self.client(&format!("v3/profile/{}/displayname", segment(&self.cx.meta.uid)));
        match self.get::<Profile>(&url, &[]).await {
            Ok(profile) => Ok(profile.displayname.unwrap_or_default()),
            Err(no) if is_code(&no, "M_NOT_FOUND") => Ok(String::new()),
            Err(other) => Err(other),
        }
    }
}

fn lack(what: LackKind, text: impl Into<String>) -> Lack {
    Lack { what, text: text.into(), code: None }
}

#[derive(Deserialize)]
struct WhoAmI {
    user_id: String,
    device_id: Option<String>,
}

#[derive(Deserialize)]
struct Made {
    sender: String,
    #[serde(default)]
    content: Creation,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Creation {
    additional_creators: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Profile {
    displayname: Option<String>,
}

/// Who may do what in a room, as far as it is said there.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Levels {
    users: serde_json::Map<String, Value>,
    users_default: Option<i64>,
    events: serde_json::Map<String, Value>,
    events_default: Option<i64>,
}

impl Levels {
    fn lets_send(&self, user: &str) -> bool {
        let of = |map: &serde_json::Map<String, Value>, name| map.get(name).and_then(Value::as_i64);
        let has = of(&self.users, user).or(self.users_default).unwrap_or(NOTHING_SAID);
        has >= of(&self.events, "m.room.message").or(self.events_default).unwrap_or(NOTHING_SAID)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lets_send(levels: Value) -> bool {
        serde_json::from_value::<Levels>(levels).unwrap().lets_send("@d:x")
    }

    #[test]
    fn who_may_send_is_what_the_room_says() {
        assert!(lets_send(json!({})));
        assert!(lets_send(json!({"users": {"@d:x": 50}, "events_default": 50})));
        assert!(!lets_send(json!({"users": {"@d:x": 49}, "events_default": 50})));
        assert!(!lets_send(
            json!({"users_default": 10, "events": {"m.room.message": 20}, "events_default": 0})
        ));
    }
}
