//! `secret.sign`: signatures that platforms ask for, made without the adapter seeing the key.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use juzhen_abi::message::{HostErrorKind, Sign, Signature};
use juzhen_abi::pack;
use sha2::{Digest, Sha256};

use super::secrets::{Vault, replace};
use super::{Answer, Capabilities, bad_request, parse};
use crate::hex::to_hex;
use crate::journal::error;
use crate::scope::Scope;

pub(crate) async fn sign(capabilities: &Capabilities, scope: &Scope, request: &[u8]) -> Answer {
    let (sign, _): (Sign, _) = parse(scope, request)?;
    let vault = Vault::open(scope, capabilities).await?;
    let joined = Cow::Owned(sign.parts.concat());
    let text = replace(joined, |name| Ok(vault.value(scope, name)?.expose().to_owned()))?;
    let digest = match (sign.algorithm.as_str(), &sign.key) {
        ("sha256", _) => Sha256::digest(text.as_bytes()).to_vec(),
        ("hmac_sha256", Some(key)) => {
            let key = vault.value(scope, key)?;
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
                .map_err(|e| error(HostErrorKind::Failed, e.to_string()))?;
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
        ("hmac_sha256", None) => return Err(bad_request("hmac_sha256 needs a key")),
        (other, _) => return Err(bad_request(format!("`{other}` is neither sha256 nor hmac_sha256"))),
    };
    let head = Signature { hex: to_hex(&digest) };
    pack::pack(&head, b"").map_err(|e| error(HostErrorKind::Failed, e.to_string()))
}
