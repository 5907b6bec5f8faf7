//! Where a request may go (C29): hosts the manifest names, and of those only addresses on the public internet.
//!
//! Three ways lead to an address, and each is checked: a name that resolves to it ([`PublicResolver`] gives the
//! connector nothing else), a literal in the address, and an answer that redirects (not followed at all).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde_json::{Map, Value};

/// Hosts that one account's requests may reach.
#[derive(Debug, Clone)]
pub(crate) struct Egress {
    rules: Vec<Rule>,
    allow_private: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// As the URL standard writes it: lower case, punycode, canonical addresses.
    host: String,
    /// Every name below `host`, and not `host` itself.
    below: bool,
    port: Option<u16>,
}

impl Egress {
    /// `patterns` as in the manifest: `api.example.com`, `api.example.com:8443`, `*.example.com`, `setting:NAME`.
    /// A pattern that names no host allows nothing.
    pub(crate) fn new(patterns: &[String], settings: &Map<String, Value>, allow_private: bool) -> Self {
        let rules = patterns.iter().filter_map(|pattern| rule(pattern, settings)).collect();
        Self { rules, allow_private }
    }

    /// Why the address may not be reached, if so.
    pub(crate) fn check(&self, url: &Url) -> Result<(), String> {
        self.check_form(url)?;
        let host = url.host_str().unwrap_or_default();
        if !self.names(url) {
            return Err(format!("host {} is not in the adapter's manifest", shown(url)));
        }
        match literal(host) {
            Some(address) if !allowed(address, self.allow_private) => {
                Err(format!("{address} is not a public address"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn allows_private(&self) -> bool {
        self.allow_private
    }

    /// Whether a rule names the address's host and port.
    pub(crate) fn names(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
        self.rules.iter().any(|rule| rule.matches(host, port, self.allow_private))
    }

    fn check_form(&self, url: &Url) -> Result<(), String> {
        match url.scheme() {
            "https" => {}
            "http" if self.allow_private => {}
            other => return Err(format!("`{other}` is not allowed; use https")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("no user name or password in an address".to_owned());
        }
        Ok(())
    }
}

impl Rule {
    fn matches(&self, host: &str, port: u16, any_port: bool) -> bool {
        let host_fits = if self.below {
            host.strip_suffix(&self.host).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == self.host
        };
        host_fits && self.port.map_or(port == 443 || any_port, |wanted| wanted == port)
    }
}

fn rule(pattern: &str, settings: &Map<String, Value>) -> Option<Rule> {
    if let Some(name) = pattern.strip_prefix("setting:") {
        let value = settings.get(name)?.as_str()?;
        let address = if value.contains("://") { value.to_owned() } else { format!("https://{value}") };
        let url = Url::parse(&address).ok()?;
        return Some(Rule {
            host: url.host_str()?.to_owned(),
            below: false,
            port: url.port_or_known_default(),
        });
    }
    let (below, rest) = match pattern.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let url = Url::parse(&format!("https://{rest}")).ok()?;
    // A star over a whole top-level domain would allow nearly everything.
    let host = url.host_str().filter(|host| !below || host.contains('.'))?.to_owned();
    Some(Rule { host, below, port: url.port() })
}

/// Host and port as people read them.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names to addresses that may be reached, and to nothing else.
pub(crate) struct PublicResolver {
    pub(crate) allow_private: bool,
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let usable: Vec<SocketAddr> =
                found.iter().copied().filter(|address| allowed(address.ip(), allow_private)).collect();
            if usable.is_empty() {
                return Err(format!("{} resolves to no public address ({found:?})", name.as_str()).into());
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}

fn allowed(address: IpAddr, allow_private: bool) -> bool {
    let address = address.to_canonical();
    is_global_unicast(address) || (allow_private && is_private(address))
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

/// What is listed as global unicast, and nothing that only looks like it (I14, I16): IPv6 forms that carry an IPv4
/// address (mapped, 6to4, NAT64, Teredo) lie outside 2000::/3 or are taken out of it.
fn is_global_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_global_v4(v4),
        IpAddr::V6(v6) => is_global_v6(v6),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    let not_global = match address.octets() {
        [0 | 10 | 127, ..]
        | [100, 64..=127, ..]
        | [169, 254, ..]
        | [172, 16..=31, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [192, 168, ..]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => true,
        [first, ..] => first >= 224,
    };
    !not_global
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global_unicast = first & 0xe000 == 0x2000;
    let special = match first {
        0x2001 => second < 0x0200 || second == 0x0db8, // Teredo, ORCHID, benchmarking; documentation
        0x2002 => true,                                // 6to4
        0x3fff => second < 0x1000,                     // documentation
        _ => false,
    };
    global_unicast && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(patterns: &[&str], private: bool) -> Egress {
        let settings = serde_json::from_str(
            r#"{"api": "http://127.0.0.1:8081/base", "plain": "api.example.com:8443", "number": 7}"#,
        )
        .unwrap();
        let patterns: Vec<String> = patterns.iter().map(|&p| p.to_owned()).collect();
        Egress::new(&patterns, &settings, private)
    }

    fn reaches(egress: &Egress, url: &str) -> bool {
        egress.check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn only_named_hosts_over_https_on_443() {
        let named = egress(&["api.example.com", "*.upload.example.com", "alt.example.com:8443"], false);
        for (url, allowed) in [
            ("https://api.example.com/2/statuses", true),
            ("https://API.example.com:443/", true),
            ("https://api.example.com:8443/", false),
            ("https://alt.example.com:8443/", true),
            ("https://alt.example.com/", false),
            ("http://api.example.com/", false),
            ("https://a.upload.example.com/", true),
            ("https://a.b.upload.example.com/", true),
            ("https://upload.example.com/", false),
            ("https://evilupload.example.com/", false),
            ("https://api.example.com.evil.net/", false),
            ("https://api.example.com@evil.net/", false),
            ("https://u:p@api.example.com/", false),
        ] {
            assert_eq!(reaches(&named, url), allowed, "{url}");
        }
    }

    #[test]
    fn a_setting_names_host_and_port() {
        let named = egress(&["setting:api", "setting:plain", "setting:number", "setting:absent"], true);
        assert!(reaches(&named, "http://127.0.0.1:8081/x"));
        assert!(!reaches(&named, "http://127.0.0.1:8082/x"));
        assert!(reaches(&named, "https://api.example.com:8443/"));
        assert!(!reaches(&egress(&["setting:api"], false), "http://127.0.0.1:8081/x"));
    }

    #[test]
    fn a_star_over_a_top_level_domain_allows_nothing() {
        assert!(!reaches(&egress(&["*.com"], false), "https://evil.com/"));
    }

    #[test]
    fn i9_i14_i16_every_spelling_of_a_private_address_is_refused() {
        for host in [
            "127.0.0.1",
            "0x7f.1",
            "2130706433",
            "0177.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "192.168.1.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:0:7f00:1::]",
            "[fec0::1]",
            "[fe80::1]",
            "[fc00::1]",
            "[::]",
            "[2001:db8::1]",
            "[ff02::1]",
        ] {
            let named = egress(&[host], false);
            let url = format!("https://{host}/");
            let why = named.check(&Url::parse(&url).unwrap()).unwrap_err();
            assert!(why.contains("not a public address"), "{host}: {why}");
        }
        for host in ["93.184.216.34", "[2606:2800:220:1:248:1893:25c8:1946]"] {
            assert!(reaches(&egress(&[host], false), &format!("https://{host}/")), "{host}");
        }
    }

    #[tokio::test]
    async fn i9_a_name_that_resolves_to_loopback_gives_no_address() {
        let resolve = |allow_private| PublicResolver { allow_private }.resolve("localhost".parse().unwrap());
        let why = resolve(false).await.err().unwrap().to_string();
        assert!(why.contains("no public address"), "{why}");
        assert!(resolve(true).await.unwrap().count() > 0);
    }
}
