//! Which addresses may call: single ones and blocks, as an account's allow-list has them.

use std::net::IpAddr;

/// The addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    address: IpAddr,
    bits: u32,
}

impl Block {
    /// `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
        (bits <= most).then_some(Self { address, bits })
    }

    pub(crate) fn holds(self, other: IpAddr) -> bool {
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let away = 32 - self.bits.min(32);
                u32::from(own).checked_shr(away) == u32::from(other).checked_shr(away)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let away = 128 - self.bits.min(128);
                u128::from(own).checked_shr(away) == u128::from(other).checked_shr(away)
            }
            _ => false,
        }
    }
}

/// An empty list lets everybody in.
pub(crate) fn allows(list: &[String], peer: IpAddr) -> bool {
    list.is_empty() || list.iter().filter_map(|entry| Block::read(entry)).any(|block| block.holds(peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_what_begins_with_its_bits() {
        let check = |block: &str, address: &str| Block::read(block).unwrap().holds(address.parse().unwrap());
        assert!(check("192.0.2.0/24", "192.0.2.255") && !check("192.0.2.0/24", "192.0.3.0"));
        assert!(check("192.0.2.7", "192.0.2.7") && !check("192.0.2.7", "192.0.2.8"));
        assert!(check("0.0.0.0/0", "203.0.113.9") && !check("0.0.0.0/0", "2001:db8::1"));
        assert!(check("2001:db8::/32", "2001:db8:1::1") && check("192.0.2.7", "::ffff:192.0.2.7"));
        assert!(["192.0.2.0/33", "192.0.2", "", "x/8"].iter().all(|bad| Block::read(bad).is_none()));
    }
}
