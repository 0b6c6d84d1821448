//! What the settings say about addresses: where the API listens, which device carries which
//! block, and the pools that addresses are taken from.
//!
//! Invariant: no address stands in two pools, and the API speaks without TLS only where nobody
//! else can listen in, unless the operator says so.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;
use weir_core::catalog::AddressPlan;
use weir_net::address::Interface;

/// Addresses on which the API may listen.
const API_ADDRESSES_MAX: usize = 16;
/// Entries of `interfaces`, and of each pool.
const BLOCKS_MAX: usize = 256;
/// Linux has no longer device names (`IFNAMSIZ` without its zero).
const DEVICE_NAME_MAX: usize = 15;
/// Third octets of the two ranges of the loopback block that no default subnet uses.
const ELASTIC_OCTET: u8 = 240;
const STAND_IN_OCTET: u8 = 248;

/// Where the API listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiAddress {
    /// Address and port; port 0 picks a free one.
    pub addr: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
}

/// A certificate of the operator's, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiTls {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    #[serde(alias = "private-key")]
    pub private_key: PathBuf,
}

/// `api = "…"` or `api = ["…", "…"]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum FileApi {
    /// One address.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// One entry of `[[interfaces]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileInterface {
    cidr: IpNet,
    device: String,
}

/// The pools of the settings file.
#[derive(Clone, Debug, Default)]
pub struct FilePools {
    /// `public_pool`.
    pub public: Vec<IpNet>,
    /// `elastic_pool`.
    pub elastic: Vec<IpNet>,
    /// `[ipam_pools]`.
    pub ipam: BTreeMap<String, Vec<IpNet>>,
}

// === impl ApiAddress ===

impl ApiAddress {
    fn parse(text: &str, insecure: bool) -> anyhow::Result<Self> {
        let (scheme, addr) = split(text)?;
        let private = addr.ip().is_loopback();
        let tls = match scheme {
            Some("https") => true,
            None => !private && !insecure,
            Some("http") => {
                ensure!(
                    private || insecure,
                    "the API would be readable by others at {text}: use https://{addr}, or set \
                     api_insecure = true"
                );
                false
            }
            Some(other) => bail!("{other:?} is neither http nor https, in {text:?}"),
        };
        Ok(Self { addr, tls })
    }
}

impl fmt::Display for ApiAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        // A client on this machine cannot call "any address".
        let mut addr = self.addr;
        match addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => addr.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => addr.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        write!(f, "{scheme}://{addr}")
    }
}

// === impl FileApi ===

impl FileApi {
    /// The entries.
    pub fn entries(self) -> Vec<String> {
        match self {
            Self::One(entry) => vec![entry],
            Self::Several(entries) => entries,
        }
    }
}

/// Scheme, if there is one, and address.
fn split(text: &str) -> anyhow::Result<(Option<&str>, SocketAddr)> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let addr = rest.trim_end_matches('/').parse().with_context(|| {
        format!("{text:?} is no address and port for the API, such as 127.0.0.1:8780")
    })?;
    Ok((scheme, addr))
}

/// One entry of `--api`, judged by its form only. An empty one counts as not given.
pub fn api_entry(text: &str) -> Result<String, String> {
    let text = text.trim();
    match split(text) {
        Err(error) if !text.is_empty() => Err(format!("{error:#}")),
        _ => Ok(text.to_owned()),
    }
}

/// Where the API listens, from the entries of the settings.
pub fn api(entries: &[String], insecure: bool) -> anyhow::Result<Vec<ApiAddress>> {
    ensure!(!entries.is_empty(), "the API needs an address");
    ensure!(entries.len() <= API_ADDRESSES_MAX, "at most {API_ADDRESSES_MAX} addresses of the API");
    let mut addresses: Vec<ApiAddress> = Vec::new();
    for entry in entries {
        let address = ApiAddress::parse(entry.trim(), insecure)?;
        let twice = addresses.iter().any(|a| a.addr == address.addr && a.addr.port() != 0);
        ensure!(!twice, "the API address {} is there twice", address.addr);
        addresses.push(address);
    }
    Ok(addresses)
}

/// The devices, and what the catalog may give out.
pub fn plan(
    interfaces: Vec<FileInterface>,
    pools: FilePools,
) -> anyhow::Result<(Vec<Interface>, AddressPlan)> {
    let mut entries: Vec<Interface> = Vec::new();
    ensure!(interfaces.len() <= BLOCKS_MAX, "at most {BLOCKS_MAX} interfaces");
    for FileInterface { cidr, device } in interfaces {
        block(&cidr, "interfaces")?;
        let sound = (1..=DEVICE_NAME_MAX).contains(&device.len())
            && device.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
        ensure!(sound, "{device:?} is not the name of a network device");
        ensure!(!cidr.network().is_loopback(), "{cidr} is loopback and needs no interface");
        let twice = entries.iter().any(|entry| entry.cidr == cidr);
        ensure!(!twice, "interfaces: the block {cidr} is there twice");
        entries.push(Interface { cidr, device });
    }
    let mut all: Vec<(&str, IpNet)> = Vec::new();
    let named = [("public_pool", &pools.public), ("elastic_pool", &pools.elastic)];
    let ipam = pools.ipam.iter().map(|(id, blocks)| (id.as_str(), blocks));
    for (name, blocks) in named.into_iter().chain(ipam) {
        ensure!(blocks.len() <= BLOCKS_MAX, "{name}: at most {BLOCKS_MAX} blocks");
        for cidr in blocks {
            block(cidr, name)?;
            ensure!(matches!(cidr, IpNet::V4(_)), "{name}: {cidr} is not an IPv4 block");
            if let Some((other, met)) = all.iter().find(|(_, met)| overlap(met, cidr)) {
                bail!("{name}: {cidr} meets {met} of {other}");
            }
            all.push((name, *cidr));
        }
    }
    let plan = AddressPlan {
        carried: entries.iter().map(|entry| entry.cidr).collect(),
        stand_in: None,
        elastic: pools.elastic,
        public: pools.public,
        ipam: pools.ipam,
    };
    Ok((entries, plan))
}

/// Adds what the loopback block 127.`octet`.0.0/16 of the instance gives: elastic addresses if
/// none are configured, and addresses that stand in for those that nothing carries.
pub fn embedded(plan: &mut AddressPlan, octet: u8) {
    let range = |third: u8| {
        let net = Ipv4Net::new([127, octet, third, 0].into(), 21);
        IpNet::V4(net.expect("invariant: 21 <= 32"))
    };
    plan.stand_in = Some(range(STAND_IN_OCTET));
    if plan.elastic.is_empty() {
        plan.elastic = vec![range(ELASTIC_OCTET)];
    }
}

fn block(cidr: &IpNet, name: &str) -> anyhow::Result<()> {
    let trunc = cidr.trunc();
    ensure!(*cidr == trunc, "{name}: {cidr} is not a block; did you mean {trunc}?");
    ensure!(cidr.prefix_len() > 0, "{name}: {cidr} is everything");
    Ok(())
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn tls_is_for_addresses_that_others_can_reach() {
        let both = api(&entries(&["127.0.0.1:8780", "10.0.0.5:8443", "[::]:8444"]), false).unwrap();
        let shown: Vec<String> = both.iter().map(ToString::to_string).collect();
        let expected = ["http://127.0.0.1:8780", "https://10.0.0.5:8443", "https://[::1]:8444"];
        assert_eq!(shown, expected);
        let insecure = api(&entries(&["10.0.0.5:8443"]), true).unwrap();
        assert!(!insecure[0].tls);
        assert!(api(&entries(&["https://127.0.0.1:1"]), false).unwrap()[0].tls);
        for (text, says) in [
            ("http://10.0.0.5:80", "api_insecure"),
            ("localhost:8780", "no address and port"),
            ("ftp://127.0.0.1:1", "neither http nor https"),
        ] {
            let error = format!("{:#}", api(&entries(&[text]), false).unwrap_err());
            assert!(error.contains(says), "{error}");
        }
        assert!(api(&entries(&["127.0.0.1:1", "127.0.0.1:1"]), false).is_err());
    }

    #[test]
    fn blocks_are_judged() {
        let interface = |cidr: &str, device: &str| FileInterface {
            cidr: cidr.parse().unwrap(),
            device: device.to_owned(),
        };
        let pools = |public: &str, elastic: &str| FilePools {
            public: vec![public.parse().unwrap()],
            elastic: vec![elastic.parse().unwrap()],
            ipam: BTreeMap::new(),
        };
        let sound = pools("203.0.113.0/26", "203.0.113.64/26");
        let (devices, plan) = plan(vec![interface("10.1.0.0/20", "eth0")], sound.clone()).unwrap();
        assert_eq!((devices[0].device.as_str(), plan.public.len()), ("eth0", 1));
        assert!(plan.carries(&"10.1.4.0/24".parse().unwrap()));
        assert!(!plan.carries(&"10.2.0.0/24".parse().unwrap()));
        let refused = |interfaces, pools, says: &str| {
            let error = super::plan(interfaces, pools).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        refused(vec![interface("10.1.0.1/20", "eth0")], sound.clone(), "did you mean 10.1.0.0/20");
        refused(vec![interface("10.1.0.0/20", "no such/name")], sound.clone(), "network device");
        refused(vec![interface("127.0.0.0/8", "lo")], sound.clone(), "loopback");
        let twice = vec![interface("10.1.0.0/20", "eth0"), interface("10.1.0.0/20", "eth1")];
        refused(twice, sound, "twice");
        refused(vec![], pools("203.0.113.0/24", "203.0.113.64/26"), "meets");
        refused(vec![], pools("2001:db8::/64", "203.0.113.64/26"), "not an IPv4 block");
    }

    #[test]
    fn the_embedded_ranges_lie_behind_the_default_subnets() {
        let mut plan = AddressPlan::default();
        embedded(&mut plan, 77);
        assert_eq!(plan.elastic, ["127.77.240.0/21".parse::<IpNet>().unwrap()]);
        assert_eq!(plan.stand_in, Some("127.77.248.0/21".parse().unwrap()));
        let subnets = weir_control::reconcile::REGIONS_PER_BLOCK * 3;
        assert!(subnets * 16 <= usize::from(ELASTIC_OCTET));
    }
}
