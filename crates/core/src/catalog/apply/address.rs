//! Giving out addresses: of subnets, of pools, and those of a load balancer's zones.
//!
//! A subnet gives its lowest free address first, skipping the first four and the last, as in a
//! VPC. Where other machines live in the same range (a subnet that an interface carries), and in
//! pools, the choice is random: an address that the network turns out to hold already is then not
//! offered again and again, and one that was just given back rests.
//!
//! Invariant: within a VPC an address has one holder at most, and an address that sockets bind has
//! one owner at most: a zone of a load balancer, or an elastic address.
// spec: alb §14.3 Zones, subnets, security
// spec: nlb-gwlb-clb §1.4 Addresses, subnets, zones [D][M]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

use super::{Apply, EC2_ID_LEN};
use crate::catalog::command::SubnetMapping;
use crate::catalog::settings::Waiver;
use crate::catalog::unserved::Feature;
use crate::catalog::{NetworkRefusal, Refusal, index};
use crate::resource::{
    AllocationId, InterfaceId, IpAddressType, LoadBalancerKind, LoadBalancerZone, PublicAddress,
    Region, Scheme, Subnet, SubnetId, Tags, VpcId,
};

/// Addresses that must be free in a subnet before a load balancer may use it.
const SUBNET_FREE_MIN: u32 = 8;
/// The smallest subnet of an application load balancer (bits of its prefix).
const SUBNET_PREFIX_MAX: u8 = 27;
/// Random choices before a pool is searched from its start.
const RANDOM_TRIES: usize = 16;
/// Bits of a prefix for source addresses.
const SOURCE_NAT_BITS: u8 = 80;
/// What asks for any free prefix.
const AUTO_ASSIGNED: &str = "auto_assigned";

/// What the zones of a load balancer are decided from. Its subnets were found and judged: of one
/// VPC, one per zone.
pub(super) struct ZonesWanted<'a> {
    /// Credential scope.
    pub region: &'a Region,
    /// Its type.
    pub kind: LoadBalancerKind,
    /// Its scheme.
    pub scheme: Scheme,
    /// The type that it has after the command.
    pub ip_address_type: IpAddressType,
    /// `IpamPools.Ipv4IpamPoolId`.
    pub ipam_pool: Option<&'a str>,
    /// `EnablePrefixForIpv6SourceNat` is `on`.
    pub source_nat: bool,
    /// Its subnets, with their `SubnetMappings` entry if the caller used those.
    pub places: Vec<(&'a Subnet, Option<&'a SubnetMapping>)>,
    /// Its zones before the command: what stays keeps its addresses.
    pub current: &'a [LoadBalancerZone],
}

// === impl ZonesWanted ===

impl ZonesWanted<'_> {
    /// Judges the request alone.
    pub(super) fn is_possible(&self) -> Result<(), Refusal> {
        let kind = || self.kind.as_str().to_owned();
        let network = self.kind == LoadBalancerKind::Network;
        if self.ip_address_type == IpAddressType::DualstackWithoutPublicIpv4
            && self.scheme == Scheme::Internal
        {
            return Err(Refusal::InternalWithoutPublicIpv4 {});
        }
        if self.source_nat && !network {
            return Err(NetworkRefusal::SourceNatType { kind: kind() }.into());
        }
        if self.source_nat && !self.has_ipv6() {
            return Err(NetworkRefusal::SourceNatFamily {}.into());
        }
        for mapping in self.places.iter().filter_map(|(_, mapping)| *mapping) {
            self.mapping_is_possible(mapping)?;
        }
        let has_ipv6 = |(subnet, _): &(&Subnet, _)| subnet.ipv6_cidr.is_some();
        if self.has_ipv6() && !self.places.iter().all(has_ipv6) {
            return Err(Refusal::NoIpv6Cidr {});
        }
        Ok(())
    }

    fn mapping_is_possible(&self, mapping: &SubnetMapping) -> Result<(), Refusal> {
        let kind = || self.kind.as_str().to_owned();
        let network = self.kind == LoadBalancerKind::Network;
        let refusal = if mapping.allocation.is_some() && !network {
            NetworkRefusal::ElasticIpType { kind: kind() }
        } else if mapping.allocation.is_some() && self.scheme == Scheme::Internal {
            NetworkRefusal::ElasticIpScheme {}
        } else if mapping.private_ipv4.is_some() && !network {
            NetworkRefusal::PrivateAddressType { kind: kind() }
        } else if mapping.private_ipv4.is_some() && self.scheme == Scheme::InternetFacing {
            NetworkRefusal::PrivateAddressScheme {}
        } else if mapping.ipv6.is_some() && !network {
            NetworkRefusal::Ipv6AddressType { kind: kind() }
        } else if mapping.ipv6.is_some() && !self.has_ipv6() {
            NetworkRefusal::Ipv6AddressFamily {}
        } else if mapping.source_nat_prefix.is_some() && !network {
            NetworkRefusal::SourceNatType { kind: kind() }
        } else if mapping.source_nat_prefix.is_some() && !self.source_nat {
            NetworkRefusal::SourceNatOff {}
        } else {
            return Ok(());
        };
        Err(refusal.into())
    }

    fn has_ipv6(&self) -> bool {
        self.ip_address_type != IpAddressType::Ipv4
    }

    fn has_public_ipv4(&self) -> bool {
        self.scheme == Scheme::InternetFacing
            && self.kind != LoadBalancerKind::Gateway
            && self.ip_address_type != IpAddressType::DualstackWithoutPublicIpv4
    }
}

// === impl Apply: the zones of a load balancer ===

impl Apply<'_> {
    /// One zone per subnet, sorted by zone, each with the addresses that the load balancer needs.
    pub(super) fn zones_take(
        &mut self,
        wanted: &ZonesWanted<'_>,
    ) -> Result<Vec<LoadBalancerZone>, Refusal> {
        wanted.is_possible()?;
        let mut zones = Vec::with_capacity(wanted.places.len());
        for (subnet, mapping) in &wanted.places {
            let kept = wanted.current.iter().find(|zone| zone.subnet == subnet.id);
            zones.push(self.zone_take(wanted, subnet, *mapping, kept)?);
        }
        zones.sort_by(|a, b| a.zone.cmp(&b.zone));
        Ok(zones)
    }

    fn zone_take(
        &mut self,
        wanted: &ZonesWanted<'_>,
        subnet: &Subnet,
        mapping: Option<&SubnetMapping>,
        kept: Option<&LoadBalancerZone>,
    ) -> Result<LoadBalancerZone, Refusal> {
        let mut zone = match kept {
            Some(kept) => unchanged(kept, mapping)?.clone(),
            None => self.zone_new(wanted, subnet, mapping)?,
        };
        if kept.is_none() || wanted.has_public_ipv4() != zone.public.is_some() {
            zone.public = self.public_take(wanted, subnet, mapping)?;
        }
        zone.ipv6 = match zone.ipv6 {
            _ if !wanted.has_ipv6() => None,
            Some(address) => Some(address),
            None => Some(self.ipv6_take(subnet, mapping)?),
        };
        zone.source_nat_prefix = match zone.source_nat_prefix.take() {
            _ if !wanted.source_nat => None,
            Some(prefix) => Some(prefix),
            None => Some(self.source_nat_take(subnet, mapping)?),
        };
        let chosen = mapping.is_some_and(|mapping| {
            [&mapping.allocation, &mapping.private_ipv4, &mapping.ipv6]
                .into_iter()
                .any(Option::is_some)
        });
        zone.chosen |= chosen;
        if kept.is_none() && !self.catalog.settings.addresses.carries(&subnet.cidr) {
            zone.stand_in = self.stand_in_take(zone.public.as_ref())?;
        }
        Ok(zone)
    }

    /// A zone with its interface and its IPv4 address in the subnet.
    fn zone_new(
        &mut self,
        wanted: &ZonesWanted<'_>,
        subnet: &Subnet,
        mapping: Option<&SubnetMapping>,
    ) -> Result<LoadBalancerZone, Refusal> {
        let full = || Refusal::SubnetFull { subnet: subnet.id.to_string() };
        let too_small = wanted.kind == LoadBalancerKind::Application
            && subnet.cidr.prefix_len() > SUBNET_PREFIX_MAX;
        let crowded = too_small || self.catalog.free_addresses(&subnet.id) < SUBNET_FREE_MIN;
        if crowded && !self.catalog.settings.waives(Waiver::CrowdedSubnet) {
            return Err(full());
        }
        let address = match mapping.and_then(|mapping| mapping.private_ipv4.as_ref()) {
            Some(text) => self.private_named(subnet, text)?,
            None => self.private_take(subnet).ok_or_else(full)?,
        };
        Ok(LoadBalancerZone {
            zone: subnet.zone.clone(),
            subnet: subnet.id.clone(),
            address,
            ipv6: None,
            public: None,
            stand_in: None,
            chosen: false,
            source_nat_prefix: None,
            interface: InterfaceId::new(format!("eni-{}", self.rng.hex(EC2_ID_LEN))),
            interface_tags: Tags::new(),
        })
    }

    /// The IPv4 address of a zone: random where an interface carries the subnet, since other
    /// machines may have addresses there that the catalog does not know.
    fn private_take(&mut self, subnet: &Subnet) -> Option<IpAddr> {
        let is_shared = !subnet.cidr.network().is_loopback()
            && self.catalog.settings.addresses.carries(&subnet.cidr);
        if !is_shared {
            return self.address_take(&subnet.id);
        }
        let pool = self.catalog.index.pools.get(&subnet.id)?;
        for _ in 0..RANDOM_TRIES {
            let offset = self.rng.below((pool.last + 1).checked_sub(pool.first)?);
            let address = IpAddr::V4(Ipv4Addr::from(pool.first + offset));
            if self.is_free(&subnet.vpc, address) && self.taken.insert(address) {
                return Some(address);
            }
        }
        self.address_take(&subnet.id)
    }

    fn private_named(&mut self, subnet: &Subnet, text: &str) -> Result<IpAddr, Refusal> {
        let address = text.parse::<Ipv4Addr>().map(IpAddr::V4);
        let address =
            address.map_err(|_| NetworkRefusal::AddressSyntax { address: text.to_owned() })?;
        self.named(subnet, address, &subnet.cidr)?;
        if !self.address_take_exact(&subnet.id, address) {
            return Err(taken(subnet, text));
        }
        Ok(address)
    }

    fn named(&self, subnet: &Subnet, address: IpAddr, block: &IpNet) -> Result<(), Refusal> {
        if block.contains(&address) {
            return Ok(());
        }
        let (address, subnet) = (address.to_string(), subnet.id.to_string());
        Err(NetworkRefusal::AddressOutsideSubnet { address, subnet }.into())
    }

    fn ipv6_take(
        &mut self,
        subnet: &Subnet,
        mapping: Option<&SubnetMapping>,
    ) -> Result<Ipv6Addr, Refusal> {
        let Some(IpNet::V6(block)) = subnet.ipv6_cidr else { return Err(Refusal::NoIpv6Cidr {}) };
        let Some(text) = mapping.and_then(|mapping| mapping.ipv6.as_ref()) else {
            return Ok(self.ipv6_any(subnet, &block));
        };
        let address: Ipv6Addr =
            text.parse().map_err(|_| NetworkRefusal::AddressSyntax { address: text.clone() })?;
        self.named(subnet, address.into(), &block.into())?;
        // The first four and the last are the network's, and a prefix for source addresses is
        // whole.
        let low = u128::from(address) - u128::from(block.network());
        let reserved = low < 4 || address == block.broadcast();
        let prefix = Ipv6Net::new_assert(address, SOURCE_NAT_BITS).network();
        let in_prefix = prefix != block.network() && !self.is_free(&subnet.vpc, prefix.into());
        let free = self.is_free(&subnet.vpc, address.into());
        if reserved || in_prefix || !free || !self.taken.insert(address.into()) {
            return Err(taken(subnet, text));
        }
        Ok(address)
    }

    /// Any address of the first /80 of a block: the others are for source addresses.
    pub(super) fn ipv6_any(&mut self, subnet: &Subnet, block: &Ipv6Net) -> Ipv6Addr {
        loop {
            let low = (self.rng.next_u64() & 0xffff_ffff_ffff).max(4);
            let address = Ipv6Addr::from(u128::from(block.network()) | u128::from(low));
            // Of 2^48 addresses at most a few thousand are held, so this ends.
            if self.is_free(&subnet.vpc, address.into()) && self.taken.insert(address.into()) {
                return address;
            }
        }
    }

    fn source_nat_take(
        &mut self,
        subnet: &Subnet,
        mapping: Option<&SubnetMapping>,
    ) -> Result<String, Refusal> {
        let Some(IpNet::V6(block)) = subnet.ipv6_cidr else { return Err(Refusal::NoIpv6Cidr {}) };
        let text = mapping.and_then(|mapping| mapping.source_nat_prefix.as_deref());
        let text = text.filter(|text| *text != AUTO_ASSIGNED);
        let invalid = || NetworkRefusal::SourceNatPrefixInvalid {
            prefix: text.unwrap_or(AUTO_ASSIGNED).to_owned(),
            subnet: subnet.id.to_string(),
        };
        let prefix = match text {
            Some(text) => text.parse::<Ipv6Net>().map_err(|_| invalid())?,
            None => self.source_nat_any(subnet, &block).ok_or_else(invalid)?,
        };
        let fits = prefix.prefix_len() == SOURCE_NAT_BITS
            && prefix == prefix.trunc()
            && block.contains(&prefix)
            && prefix.network() != block.network();
        let base = IpAddr::V6(prefix.network());
        if !fits || !self.is_free(&subnet.vpc, base) || !self.taken.insert(base) {
            return Err(invalid().into());
        }
        Ok(prefix.to_string())
    }

    fn source_nat_any(&mut self, subnet: &Subnet, block: &Ipv6Net) -> Option<Ipv6Net> {
        for _ in 0..RANDOM_TRIES {
            let number = u128::from(1 + self.rng.below(0xffff));
            let base = Ipv6Addr::from(u128::from(block.network()) | number << 48);
            if self.is_free(&subnet.vpc, base.into()) && !self.taken.contains(&base.into()) {
                return Ipv6Net::new(base, SOURCE_NAT_BITS).ok();
            }
        }
        None
    }

    /// The public IPv4 address of a zone, if it gets one.
    fn public_take(
        &mut self,
        wanted: &ZonesWanted<'_>,
        subnet: &Subnet,
        mapping: Option<&SubnetMapping>,
    ) -> Result<Option<PublicAddress>, Refusal> {
        if !wanted.has_public_ipv4() {
            return Ok(None);
        }
        if let Some(id) = mapping.and_then(|mapping| mapping.allocation.as_ref()) {
            return self.elastic_use(wanted.region, id).map(Some);
        }
        let plan = &self.catalog.settings.addresses;
        let is_real = !subnet.cidr.network().is_loopback() && plan.carries(&subnet.cidr);
        let pools = match wanted.ipam_pool {
            Some(id) => match plan.ipam.get(id) {
                Some(pools) => pools,
                None => {
                    self.unserved(Feature::IpamPool, id)?;
                    return Ok(None);
                }
            },
            None if is_real && !plan.public.is_empty() => &plan.public,
            None => return Ok(None),
        };
        let address = self.pool_take(pools).ok_or(NetworkRefusal::PublicPoolEmpty {})?;
        Ok(Some(PublicAddress { address, allocation: None }))
    }

    /// An elastic address that nobody uses.
    fn elastic_use(&mut self, region: &Region, id: &str) -> Result<PublicAddress, Refusal> {
        let record = (!id.is_empty()).then(|| AllocationId::new(id));
        let record = record.and_then(|key| self.catalog.elastic_addresses.get(&key));
        let record = record.filter(|record| record.region == *region);
        let record = record.ok_or(NetworkRefusal::AllocationIdUnknown { id: id.to_owned() })?;
        let address = record.address;
        let in_use =
            record.interface.is_some() || self.catalog.index.allocations.contains_key(&record.id);
        // One elastic address cannot stand in two zones of one request either.
        if in_use || !self.taken.insert(IpAddr::V4(address)) {
            return Err(NetworkRefusal::AllocationIdsUnavailable {}.into());
        }
        Ok(PublicAddress { address, allocation: Some(record.id.clone()) })
    }

    /// The loopback address that carries a zone whose subnet nothing carries: its elastic address,
    /// if that is one, so that clients find it there.
    fn stand_in_take(&mut self, public: Option<&PublicAddress>) -> Result<Option<IpAddr>, Refusal> {
        let public = public.map(|public| public.address).filter(Ipv4Addr::is_loopback);
        if let Some(address) = public {
            return Ok(Some(IpAddr::V4(address)));
        }
        let Some(block) = self.catalog.settings.addresses.stand_in else { return Ok(None) };
        let address = self.pool_take(&[block]).ok_or(NetworkRefusal::StandInsEmpty {})?;
        Ok(Some(IpAddr::V4(address)))
    }
}

// === impl Apply: subnets and pools ===

impl Apply<'_> {
    /// Takes the lowest free address of a subnet; `None` when it is full.
    pub(super) fn address_take(&mut self, subnet: &SubnetId) -> Option<IpAddr> {
        let catalog = self.catalog;
        let pool = catalog.index.pools.get(subnet)?;
        let mut from = pool.lowest_free;
        loop {
            let private = &catalog.index.private;
            let candidate = index::lowest_free(private, &pool.vpc, from, pool.last);
            if candidate > pool.last {
                return None;
            }
            let address = IpAddr::V4(Ipv4Addr::from(candidate));
            if self.is_free(&pool.vpc, address) && self.taken.insert(address) {
                return Some(address);
            }
            from = candidate + 1;
        }
    }

    /// Takes one named address of a subnet; `false` when it may not be given out or is in use.
    pub(super) fn address_take_exact(&mut self, subnet: &SubnetId, address: IpAddr) -> bool {
        let (Some(pool), IpAddr::V4(v4)) = (self.catalog.index.pools.get(subnet), address) else {
            return false;
        };
        (pool.first..=pool.last).contains(&u32::from(v4))
            && self.is_free(&pool.vpc, address)
            && self.taken.insert(address)
    }

    /// Takes an address of these blocks that nobody owns; `None` when there is none.
    pub(super) fn pool_take(&mut self, pools: &[IpNet]) -> Option<Ipv4Addr> {
        let ranges: Vec<(u32, u32)> = pools.iter().filter_map(range).collect();
        for _ in 0..RANDOM_TRIES {
            let count = u32::try_from(ranges.len()).ok().filter(|count| *count > 0)?;
            let (first, last) = ranges[self.rng.below(count) as usize];
            let address = Ipv4Addr::from(first + self.rng.below(last - first + 1));
            if self.own(address) {
                return Some(address);
            }
        }
        // Nearly full, or very small: every address is looked at once.
        let mut all = ranges.into_iter().flat_map(|(first, last)| first..=last);
        all.find(|bits| self.own(Ipv4Addr::from(*bits))).map(Ipv4Addr::from)
    }

    fn own(&mut self, address: Ipv4Addr) -> bool {
        let address = IpAddr::V4(address);
        !self.catalog.index.addresses.contains_key(&address) && self.taken.insert(address)
    }

    /// Whether nobody in the VPC holds it, and nobody binds it.
    pub(super) fn is_free(&self, vpc: &VpcId, address: IpAddr) -> bool {
        let index = &self.catalog.index;
        !index.private.contains_key(&(vpc.clone(), address))
            && !index.addresses.contains_key(&address)
    }
}

/// The addresses of a pool that are given out: not the network's own and not its broadcast.
fn range(pool: &IpNet) -> Option<(u32, u32)> {
    let IpNet::V4(net) = pool else { return None };
    let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
    match net.prefix_len() {
        // The whole Internet would overflow the count below; nobody owns it.
        0 => None,
        1..=30 => Some((first + 1, last - 1)),
        _ => Some((first, last)),
    }
}

/// A zone that stays keeps its addresses; naming others is refused.
fn unchanged<'a>(
    kept: &'a LoadBalancerZone,
    mapping: Option<&SubnetMapping>,
) -> Result<&'a LoadBalancerZone, Refusal> {
    let Some(mapping) = mapping else { return Ok(kept) };
    let allocation = kept.public.as_ref().and_then(|public| public.allocation.as_ref());
    let allocation = allocation.map(AllocationId::as_str);
    let same = mapping.allocation.as_deref().is_none_or(|id| allocation == Some(id))
        && mapping.private_ipv4.as_ref().is_none_or(|text| *text == kept.address.to_string())
        && kept.ipv6.is_none_or(|kept| names(mapping.ipv6.as_deref(), kept));
    if same {
        return Ok(kept);
    }
    Err(NetworkRefusal::ZoneAddressesFixed { subnet: kept.subnet.to_string() }.into())
}

fn names(text: Option<&str>, address: Ipv6Addr) -> bool {
    text.is_none_or(|text| text.parse() == Ok(address))
}

fn taken(subnet: &Subnet, address: &str) -> Refusal {
    let (address, subnet) = (address.to_owned(), subnet.id.to_string());
    NetworkRefusal::AddressTaken { address, subnet }.into()
}
