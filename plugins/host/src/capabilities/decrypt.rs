//! `secret.decrypt`: what a platform encrypted for the account, opened without the adapter seeing the key.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use juzhen_abi::message::{Decrypt, HostErrorKind};
use juzhen_abi::pack;
use zeroize::Zeroizing;

use super::secrets::{MARKER, Vault};
use super::{Answer, Capabilities, bad_request, parse};
use crate::journal::error;
use crate::scope::Scope;

/// Bytes of the initialisation vector, and of a block.
const BLOCK: usize = 16;

pub(crate) async fn decrypt(capabilities: &Capabilities, scope: &Scope, request: &[u8]) -> Answer {
    let (decrypt, ciphertext): (Decrypt, _) = parse(scope, request)?;
    if decrypt.algorithm != "aes_256_cbc_own_iv" {
        return Err(bad_request(format!("`{}` is not aes_256_cbc_own_iv", decrypt.algorithm)));
    }
    let vault = Vault::open(scope, capabilities).await?;
    let secret = vault.value(scope, &decrypt.key)?;
    let Some(key) = key_of(secret.expose()) else {
        let why = format!("secret `{}` is not a key of 32 bytes in base64", decrypt.key);
        return Err(error(HostErrorKind::Denied, why));
    };
    let Some(mut plain) = open(&key, ciphertext) else {
        return Err(bad_request(format!("{} bytes are no whole number of blocks", ciphertext.len())));
    };
    disarm(&mut plain);
    pack::pack(&serde_json::json!({}), &plain).map_err(|e| error(HostErrorKind::Failed, e.to_string()))
}

/// Keys that platforms hand out are cut off before the padding, and most end in a character with bits left over, which a
/// strict reader takes for a mistake.
fn key_of(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let reader = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    let bytes = Zeroizing::new(reader.decode(text.trim()).ok()?);
    Some(Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?))
}

/// The padding stays on: platforms pad to blocks of 32 where the cipher's are 16, which no library takes off.
fn open(key: &[u8; 32], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let iv = key.first_chunk::<BLOCK>()?;
    if ciphertext.is_empty() {
        return None;
    }
    cbc::Decryptor::<Aes256>::new(key.into(), iv.into()).decrypt_padded_vec::<NoPadding>(ciphertext).ok()
}

/// What comes from outside must not become a placeholder (P11). Of the same length, because lengths are part of what platforms
/// encrypt.
fn disarm(plain: &mut [u8]) {
    let marker = MARKER.as_bytes();
    for start in 0..plain.len() {
        if let Some(place) = plain.get_mut(start..start + marker.len())
            && place == marker
            && let Some(colon) = place.last_mut()
        {
            *colon = b';';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of WxJava's own test (`WxCryptUtilTest`), and of the platform's page.
    #[test]
    fn what_wechat_encrypted_is_opened_whatever_its_key_ends_in() {
        let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let key = key_of("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG").unwrap();
        let sealed = decode(
            "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==",
        );
        let plain = open(&key, &sealed).unwrap();
        assert_eq!(&plain[..20], b"aaaabbbbccccdddd\0\0\0\x13");
        assert_eq!(std::str::from_utf8(&plain[20..57]).unwrap(), "我是中文abcd123wxb11529c136998cb6");
        assert_eq!(plain[57..], [7; 7]);
        let key = key_of(&"A".repeat(43)).unwrap();
        let sealed = decode(
            "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==",
        );
        assert!(open(&key, &sealed).unwrap().starts_with(b"707722b803182950\0\0\0\x19{\"demo_resp\":"));
    }

    #[test]
    fn a_key_of_another_length_and_half_a_block_open_nothing() {
        assert!(key_of("YWJj").is_none() && key_of("?").is_none() && key_of(&"A".repeat(44)).is_none());
        let key = key_of(&"A".repeat(43)).unwrap();
        assert!(open(&key, b"").is_none() && open(&key, &[0; 33]).is_none());
    }

    #[test]
    fn p11_what_is_opened_holds_no_placeholder_and_is_as_long_as_before() {
        let mut plain = b"{{secret:app_secret}} {{{secret:a}} {{secret".to_vec();
        disarm(&mut plain);
        assert_eq!(plain, b"{{secret;app_secret}} {{{secret;a}} {{secret");
    }
}
