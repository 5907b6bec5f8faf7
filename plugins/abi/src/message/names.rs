//! The names that go with the messages.

/// Names of the operations.
pub mod operation {
    pub const CHECK: &str = "check";
    pub const PUBLISH: &str = "publish";
    pub const FIND_PUBLISHED: &str = "find_published";
    pub const TRACK: &str = "track";
    pub const REPOST: &str = "repost";
    pub const RETRACT: &str = "retract";
    pub const POLL_MESSAGES: &str = "poll_messages";
    pub const RECEIVE: &str = "receive";
    pub const REPLY: &str = "reply";
    pub const MODERATE: &str = "moderate";
    pub const AUTHORIZE: &str = "authorize";
    pub const MEASURE: &str = "measure";
}

/// Names of the host's capabilities, as `call` takes them.
pub mod capability {
    pub const HTTP_SEND: &str = "http.send";
    pub const CLOCK_SLEEP: &str = "clock.sleep";
    pub const KV_GET: &str = "kv.get";
    pub const KV_SET: &str = "kv.set";
    pub const KV_DELETE: &str = "kv.delete";
    pub const BLOB_READ: &str = "blob.read";
    pub const SECRET_SIGN: &str = "secret.sign";
    pub const SECRET_DECRYPT: &str = "secret.decrypt";
    /// What a manifest may require.
    pub const OFFERED: &[&str] = &[
        "http.v1",
        "clock.v1",
        "random.v1",
        "kv.v1",
        "log.v1",
        "blob.v1",
        "secret.v1",
        "secret.sign.v1",
        "secret.decrypt.v1",
    ];
}
