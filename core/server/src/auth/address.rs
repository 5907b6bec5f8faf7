//! From where somebody asks: the other end of the connection, or what a proxy says that the settings trust (A25).

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;

use crate::app::App;
use crate::problem::Problem;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection, as the server's loop saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Where it comes from; `None` when nobody knows.
#[derive(Debug, Clone)]
pub(crate) struct Address(pub(crate) Option<String>);

impl Address {
    pub(crate) fn of(parts: &Parts, app: &App) -> Self {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let forwarded: Vec<&str> = parts
            .headers
            .get_all(X_FORWARDED_FOR)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(','))
            .collect();
        let trusted = &app.engine.settings().server.trusted_proxies;
        Self(peer.map(|peer| seen(peer, &forwarded, trusted).to_string()))
    }
}

impl FromRequestParts<App> for Address {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self::of(parts, app))
    }
}

/// Each trusted proxy is believed about whom it speaks for, from the nearest outwards; the first that is not trusted is it.
fn seen(peer: IpAddr, forwarded: &[&str], trusted: &[IpAddr]) -> IpAddr {
    let mut last = peer.to_canonical();
    for said in forwarded.iter().rev() {
        if !trusted.contains(&last) {
            break;
        }
        let Ok(said) = said.trim().parse::<IpAddr>() else { break };
        last = said.to_canonical();
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a25_only_a_trusted_proxy_says_from_where_somebody_asks() {
        let seen = |peer: &str, forwarded: &[&str], trusted: &[&str]| {
            let trusted: Vec<IpAddr> = trusted.iter().map(|ip| ip.parse().unwrap()).collect();
            seen(peer.parse().unwrap(), forwarded, &trusted).to_string()
        };
        let proxy = ["10.0.0.1"];
        assert_eq!(seen("10.0.0.9", &["1.2.3.4"], &proxy), "10.0.0.9");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4"], &proxy), "1.2.3.4");
        // What the client made up stands further left.
        assert_eq!(seen("10.0.0.1", &["8.8.8.8", " 1.2.3.4"], &proxy), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4", "nonsense"], &proxy), "10.0.0.1");
        assert_eq!(seen("::ffff:10.0.0.1", &["1.2.3.4"], &proxy), "1.2.3.4");
    }
}
