//! `secret.sign`: signatures that platforms ask for, made without the adapter seeing the key.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use juzhen_abi::message::{HostError, HostErrorKind, Sign, Signature};
use juzhen_abi::pack;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::secrets::{Vault, replace};
use super::{Answer, Capabilities, bad_request, parse};
use crate::hex::to_hex;
use crate::journal::error;
use crate::scope::Scope;

pub(crate) async fn sign(capabilities: &Capabilities, scope: &Scope, request: &[u8]) -> Answer {
    let (sign, _): (Sign, _) = parse(scope, request)?;
    let vault = Vault::open(scope, capabilities).await?;
    let filled = |text| replace(text, |name| Ok(vault.value(scope, name)?.expose().to_owned()));
    if sign.algorithm == "sha1_sorted" {
        let parts = sign.parts.iter().map(|part| filled(Cow::Borrowed(part))).collect::<Result<_, _>>()?;
        return answer(&sha1_sorted(parts));
    }
    let text = filled(Cow::Owned(sign.parts.concat()))?;
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
        (other, _) => {
            let why = format!("`{other}` is none of sha256, hmac_sha256 and sha1_sorted");
            return Err(bad_request(why));
        }
    };
    answer(&digest)
}

/// A secret stands at whatever place its value has among the others, so only who knows the value can sort.
fn sha1_sorted(mut parts: Vec<Cow<'_, str>>) -> Vec<u8> {
    parts.sort_unstable();
    Sha1::digest(parts.concat().as_bytes()).to_vec()
}

fn answer(digest: &[u8]) -> Result<Vec<u8>, HostError> {
    let head = Signature { hex: to_hex(digest) };
    pack::pack(&head, b"").map_err(|e| error(HostErrorKind::Failed, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the platform's own page on signed callbacks.
    #[test]
    fn sorted_parts_are_signed_as_wechat_signs_them() {
        let parts = ["AAAAA", "1714036504", "1514711492"];
        for turned in 0..3 {
            let mut parts = parts;
            parts.rotate_left(turned);
            let parts = parts.iter().map(|part| Cow::Borrowed(*part)).collect();
            assert_eq!(to_hex(&sha1_sorted(parts)), "f464b24fc39322e44b38aa78f5edd27bd1441696");
        }
    }
}
