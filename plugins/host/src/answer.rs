//! What an adapter answered is looked at before anyone else sees it. (F78)

use juzhen_abi::pack;

use crate::lane::LaneAnswer;
use crate::wire::Answer;

/// Longer log messages are cut.
pub(crate) const LONGEST_LOG: usize = 64 << 10;

/// An answer is a packed message whose head is UTF-8; anything else is not an answer.
pub(crate) fn believe(answer: Answer) -> LaneAnswer {
    let (bytes, make): (_, fn(Vec<u8>) -> LaneAnswer) = match answer {
        Answer::Ok(bytes) => (bytes, LaneAnswer::Ok),
        Answer::Error(bytes) => (bytes, LaneAnswer::Error),
        Answer::Panicked(bytes) => (bytes, LaneAnswer::Panicked),
        Answer::Malformed(why) => return LaneAnswer::Malformed(why.chars().take(300).collect()),
        Answer::Cancelled => return LaneAnswer::Malformed("cancelled by nobody".into()),
    };
    match pack::split(&bytes).map(|(head, _)| std::str::from_utf8(head).is_ok()) {
        Ok(true) => make(bytes),
        Ok(false) => LaneAnswer::Malformed("the head of the answer is not UTF-8".into()),
        Err(why) => LaneAnswer::Malformed(why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f78_what_is_not_a_packed_message_is_not_an_answer() {
        let packed = pack::pack(&"好", b"\xff").unwrap();
        assert_eq!(believe(Answer::Ok(packed.clone())), LaneAnswer::Ok(packed));
        for wrong in [&b""[..], b"\x01", b"\xff\xff\xff\xff{}", b"\x02\0\0\0\xff\xfe"] {
            assert!(matches!(believe(Answer::Error(wrong.to_vec())), LaneAnswer::Malformed(_)), "{wrong:?}");
        }
    }
}
