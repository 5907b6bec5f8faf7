//! "Did you mean": the known word nearest to a wrong one.

/// The nearest, if it is near enough to be a slip of the hand.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let folded = wrong.to_lowercase();
    let allowed = 1 + wrong.chars().count() / 4;
    let near = known.into_iter().filter_map(|word| {
        let distance = strsim::osa_distance(&folded, &word.to_lowercase());
        (distance <= allowed && distance < word.chars().count()).then_some((distance, word))
    });
    near.min().map(|(_, word)| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        assert_eq!(nearest("weibbo", ["weibo", "wechat"]).as_deref(), Some("weibo"));
        assert_eq!(nearest("douyin", ["weibo", "wechat"]), None);
        assert_eq!(nearest("x", ["a"]), None);
    }
}
