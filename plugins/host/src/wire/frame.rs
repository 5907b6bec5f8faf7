//! Cutting a stream of bytes into frames, and reading a frame's body: any bytes are a frame or an error.

/// A frame with everything in it.
pub(crate) const LONGEST_FRAME: usize = 16 << 20;
/// Kind and id.
const HEADER: usize = 9;

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("a frame of {0} bytes")]
    Length(usize),
    #[error("a frame of unknown kind {0}")]
    Kind(u8),
    #[error("a frame of kind {0} with a body that does not fit it")]
    Body(u8),
    #[error("a frame that is shorter than what it should hold")]
    Short,
}

/// A frame as it was cut out of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawFrame<'a> {
    pub(crate) kind: u8,
    pub(crate) id: u64,
    pub(crate) body: &'a [u8],
}

/// Cuts a stream of bytes into frames.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    bytes: Vec<u8>,
    at: usize,
}

impl Splitter {
    /// Appends what was read.
    pub(crate) fn feed(&mut self, read: &[u8]) {
        if self.at > 0 {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        if self.bytes.is_empty() && self.bytes.capacity() > (1 << 20) {
            // One big message is no reason to keep its memory.
            self.bytes = Vec::new();
        }
        self.bytes.extend_from_slice(read);
    }

    /// The next whole frame, if there is one. After an error the stream is of no more use.
    pub(crate) fn next_frame(&mut self) -> Result<Option<RawFrame<'_>>, WireError> {
        let Some(rest) = self.bytes.get(self.at..) else { return Ok(None) };
        let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if !(HEADER..=LONGEST_FRAME).contains(&length) {
            return Err(WireError::Length(length));
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let mut body = Body(frame);
        let (kind, id) = (body.u8()?, body.u64()?);
        self.at += 4 + length;
        Ok(Some(RawFrame { kind, id, body: body.0 }))
    }
}

/// Appends one frame; false when it does not fit.
pub(super) fn frame(out: &mut Vec<u8>, kind: u8, id: u64, parts: &[&[u8]]) -> bool {
    let length = HEADER + parts.iter().map(|part| part.len()).sum::<usize>();
    let (true, Ok(prefix)) = (length <= LONGEST_FRAME, u32::try_from(length)) else { return false };
    out.reserve(4 + length);
    out.extend_from_slice(&prefix.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(&id.to_le_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    true
}

/// Reads a body from its front; every read is an error when the bytes are not there.
pub(super) struct Body<'a>(pub(super) &'a [u8]);

impl Body<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn u8(&mut self) -> Result<u8, WireError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    fn counted(&mut self, each: usize) -> Result<&[u8], WireError> {
        let count = usize::try_from(self.u32()?).ok().and_then(|n| n.checked_mul(each));
        let (first, rest) = count.and_then(|n| self.0.split_at_checked(n)).ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(first)
    }

    pub(super) fn text(&mut self) -> Result<String, WireError> {
        String::from_utf8(self.counted(1)?.to_vec()).map_err(|_| WireError::Short)
    }

    pub(super) fn readings(&mut self) -> Result<Vec<i64>, WireError> {
        let bytes = self.counted(8)?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect())
    }

    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f78_impossible_lengths_are_errors_at_once_and_cost_no_memory() {
        for length in [0, 8, LONGEST_FRAME + 1, u32::MAX as usize] {
            let mut splitter = Splitter::default();
            splitter.feed(&u32::try_from(length).unwrap().to_le_bytes());
            assert_eq!(splitter.next_frame(), Err(WireError::Length(length)));
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_not_written() {
        let mut out = Vec::new();
        assert!(!frame(&mut out, 1, 1, &[&vec![0; LONGEST_FRAME]]));
        assert!(out.is_empty());
    }
}
