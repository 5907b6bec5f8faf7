//! How a message is packed: `u32 head length, little endian | JSON head | raw tail`.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Packs `head` as JSON and appends `tail` unchanged.
///
/// # Errors
/// A head that is no JSON, or longer than 4 GiB.
pub fn pack<T: Serialize>(head: &T, tail: &[u8]) -> Result<Vec<u8>, PackError> {
    let mut out = vec![0; 4];
    serde_json::to_writer(&mut out, head).map_err(|e| PackError::Head(e.to_string()))?;
    let length = u32::try_from(out.len() - 4).map_err(|_| PackError::TooLong)?;
    for (place, byte) in out.iter_mut().zip(length.to_le_bytes()) {
        *place = byte;
    }
    out.extend_from_slice(tail);
    Ok(out)
}

/// Splits a packed message into its parsed head and its tail.
///
/// # Errors
/// Fewer bytes than the head's length says, or a head that is not a `T`.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), PackError> {
    let (head, tail) = split(bytes)?;
    let head = serde_json::from_slice(head).map_err(|e| PackError::Head(e.to_string()))?;
    Ok((head, tail))
}

/// Splits a packed message into the bytes of its head and its tail.
///
/// # Errors
/// Fewer bytes than the head's length says.
pub fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), PackError> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(PackError::Short)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| PackError::TooLong)?;
    rest.split_at_checked(length).ok_or(PackError::Short)
}

/// Why a message could not be packed or unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackError {
    /// Fewer bytes than the head length promises.
    Short,
    /// A head of more than 4 GiB.
    TooLong,
    /// The head is not the JSON that was expected.
    Head(String),
}

impl core::fmt::Display for PackError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Short => f.write_str("message is shorter than its head length says"),
            Self::TooLong => f.write_str("message head is longer than 4 GiB"),
            Self::Head(why) => write!(f, "message head is not the expected JSON: {why}"),
        }
    }
}

impl core::error::Error for PackError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_tail_come_back() {
        let packed = pack(&vec!["矩阵"], b"\0\xff").unwrap();
        let (head, tail): (Vec<String>, _) = unpack(&packed).unwrap();
        assert_eq!((head, tail), (vec!["矩阵".to_owned()], &b"\0\xff"[..]));
    }

    #[test]
    fn every_cut_is_an_error_and_never_a_panic() {
        let packed = pack(&serde_json::json!({"a": [1, 2, 3]}), b"").unwrap();
        for cut in 0..packed.len() {
            assert!(unpack::<serde_json::Value>(&packed[..cut]).is_err(), "cut at {cut}");
        }
        assert_eq!(split(&[0xff, 0xff, 0xff, 0xff, 1]), Err(PackError::Short));
    }
}
