//! The client with which the stand-in platforms call the addresses of apps and accounts.

use std::time::Duration;

use reqwest::redirect::Policy;

/// Waits for a whole answer no longer than `patience`; asks no proxy and follows no redirect.
pub(crate) fn client(patience: Duration) -> reqwest::Result<reqwest::Client> {
    // Whoever else is in this process may have installed it; that is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(patience).build()
}

/// The address with these parameters behind those that it has already.
pub(crate) fn address(url: &str, pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let join = if url.contains('?') { '&' } else { '?' };
    format!("{url}{join}{query}")
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn parameters_stand_behind_those_of_the_address() {
        assert_eq!(address("http://a.cn/x", &[("a", "1"), ("b", "&")]), "http://a.cn/x?a=1&b=%26");
        assert_eq!(address("http://a.cn/x?k=v", &[("a", "1")]), "http://a.cn/x?k=v&a=1");
    }
}
