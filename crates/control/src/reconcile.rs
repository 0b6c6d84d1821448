//! Reconcilers: loops that make the world fit the catalog.
//!
//! A wake-up carries no data; each loop looks at what is there. `regions` gives every configured
//! region its default network, `reap` ends deregistration delays, `rebind` retries addresses that
//! could not be bound.
//!
//! Invariant: a lost or early wake-up changes when a loop looks, never what it does.

use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use weir_core::catalog::command::{RegionInit, ZoneInit};
use weir_core::catalog::{AuditRecord, Catalog, Command};
use weir_core::resource::network::overlap;
use weir_core::resource::{Region, Vpc, zones_of};

use crate::api::audit;
use crate::api::front::request_id;
use crate::authority::{Authority, CallError};
use crate::clock;

/// Subnets of a region's place in a block: one per zone.
const SUBNETS_PER_PLACE: usize = 3;
/// Where a default network lies when no loopback block is known: as AWS's does.
const DEFAULT_VPC: ([u8; 2], u8) = ([172, 31], 16);
/// Regions whose subnets fit into one /16 block: three /20s each.
pub const REGIONS_PER_BLOCK: usize = 5;
/// An upkeep pass happens at least this often.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Between two attempts to bind an impaired address.
const REBIND_INTERVAL: Duration = Duration::from_secs(1);
/// Between two attempts at upkeep that failed for the world's reasons.
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);

/// Gives every configured region that has none its default VPC, with subnets from the block
/// `127.<octet>.0.0/16`.
///
/// # Errors
/// When a region's network cannot be stored.
pub async fn regions(authority: &Authority, octet: u8) -> Result<(), CallError> {
    let regions: Vec<Region> = authority.settings().catalog.regions.iter().cloned().collect();
    for region in regions {
        let (present, whole) = authority.read(|catalog| {
            let vpc = catalog.default_vpc(&region);
            (vpc.is_some(), vpc.is_some_and(|vpc| has_main_table(catalog, vpc)))
        });
        if whole {
            continue;
        }
        // Places already taken by other regions stay theirs, whatever is configured now.
        let place = match present {
            // A network of an earlier version is completed where it is.
            true => Some(0),
            false => authority.read(|catalog| free_place(catalog, octet)),
        };
        let Some(place) = place else {
            let text = format!("no room for region {region}: at most {REGIONS_PER_BLOCK} regions");
            return Err(CallError::unavailable(text));
        };
        let command = Command::RegionInit(region_init(&region, octet, place));
        authority.submit(command, upkeep(authority, "RegionInit", region.as_str())).await?;
    }
    Ok(())
}

/// Ends deregistration delays when they are over. Runs until the runtime stops.
pub async fn reap(authority: Authority) {
    let mut changes = authority.changes();
    loop {
        let wait = match authority.read(|catalog| catalog.next_deadline_ms()) {
            Some(deadline) => {
                let left = deadline.saturating_sub(clock::now().epoch_ms()).max(0) as u64;
                Duration::from_millis(left).min(UPKEEP_INTERVAL)
            }
            None => UPKEEP_INTERVAL,
        };
        if wait > Duration::ZERO {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
            continue;
        }
        if let Err(error) =
            authority.submit(Command::TargetsReap, upkeep(&authority, "TargetsReap", "")).await
        {
            tracing::error!(?error, "draining targets could not be removed; trying again");
            tokio::time::sleep(OUTAGE_PAUSE).await;
        }
    }
}

/// Retries impaired addresses every second. Runs until the runtime stops.
pub async fn rebind(authority: Authority) {
    let mut tick = tokio::time::interval(REBIND_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if authority.plane().retry() {
            tracing::info!("an address that was impaired is served now");
        }
    }
}

/// The audit trace of upkeep that nobody asked for.
fn upkeep(authority: &Authority, action: &str, region: &str) -> AuditRecord {
    let account = &authority.settings().catalog.account;
    audit::upkeep(request_id(), account, action, region, clock::now().epoch_ms())
}

/// The default network that CreateDefaultVpc would make now, or whose subnets CreateDefaultSubnet
/// completes: in the loopback block of this instance when the settings tell it.
pub fn default_network(catalog: &Catalog, region: &Region) -> RegionInit {
    let octet = loopback_octet(catalog);
    let vpc = catalog.default_vpc(region);
    let outside = vpc.is_some_and(|vpc| !vpc.cidr.network().is_loopback());
    let own = |place: &usize| {
        let (Some(octet), Some(vpc)) = (octet, vpc) else { return false };
        let blocks: Vec<IpNet> = place_blocks(octet, *place).collect();
        catalog.subnets_of(&vpc.id).any(|subnet| blocks.contains(&subnet.cidr))
    };
    let place = (0..REGIONS_PER_BLOCK).find(own);
    let place = place.or_else(|| free_place(catalog, octet?));
    match (octet, place) {
        (Some(octet), Some(place)) if !outside => region_init(region, octet, place),
        _ => {
            let (start, length) = DEFAULT_VPC;
            network_in(region, Ipv4Net::new([start[0], start[1], 0, 0].into(), length), |index| {
                subnet_at(start, (index * 16) as u8)
            })
        }
    }
}

/// The second octet of this instance's loopback block, as far as the catalog tells it.
fn loopback_octet(catalog: &Catalog) -> Option<u8> {
    let subnets = catalog.all_subnets().map(|subnet| subnet.cidr);
    let mut blocks = catalog.settings().addresses.stand_in.into_iter().chain(subnets);
    blocks.find_map(|block| match block {
        IpNet::V4(net) if net.network().is_loopback() => Some(net.network().octets()[1]),
        IpNet::V4(_) | IpNet::V6(_) => None,
    })
}

fn region_init(region: &Region, octet: u8, place: usize) -> RegionInit {
    let loopback = Ipv4Net::new([127, 0, 0, 0].into(), 8);
    network_in(region, loopback, |index| subnet(octet, place, index))
}

fn network_in(
    region: &Region,
    vpc: Result<Ipv4Net, ipnet::PrefixLenError>,
    block: impl Fn(usize) -> IpNet,
) -> RegionInit {
    let zones = zones_of(region).into_iter().enumerate();
    let zone = |(index, zone): (usize, weir_core::resource::Zone)| ZoneInit {
        name: zone.name,
        id: zone.id,
        cidr: block(index),
    };
    RegionInit {
        region: region.clone(),
        vpc_cidr: IpNet::V4(vpc.expect("invariant: the lengths above are at most 32")),
        zones: zones.map(zone).collect(),
    }
}

fn has_main_table(catalog: &Catalog, vpc: &Vpc) -> bool {
    catalog.route_tables_of(&vpc.id).any(|table| table.main.is_some())
}

/// The first place of a block that no subnet touches.
fn free_place(catalog: &Catalog, octet: u8) -> Option<usize> {
    (0..REGIONS_PER_BLOCK).find(|place| {
        let mut blocks = place_blocks(octet, *place);
        blocks.all(|block| !catalog.all_subnets().any(|subnet| overlap(&subnet.cidr, &block)))
    })
}

fn place_blocks(octet: u8, place: usize) -> impl Iterator<Item = IpNet> {
    (0..SUBNETS_PER_PLACE).map(move |index| subnet(octet, place, index))
}

/// The /20 of zone `index` of the region in this place of the block.
fn subnet(octet: u8, place: usize, index: usize) -> IpNet {
    subnet_at([127, octet], ((place * SUBNETS_PER_PLACE + index) * 16) as u8)
}

fn subnet_at(start: [u8; 2], third: u8) -> IpNet {
    let net = Ipv4Net::new([start[0], start[1], third, 0].into(), 20);
    IpNet::V4(net.expect("invariant: 20 <= 32"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_regions_share_a_block_without_overlap() {
        let all: Vec<IpNet> =
            (0..REGIONS_PER_BLOCK).flat_map(|place| place_blocks(64, place)).collect();
        for (i, a) in all.iter().enumerate() {
            assert!("127.64.0.0/16".parse::<IpNet>().unwrap().contains(a));
            assert!(all[i + 1..].iter().all(|b| !a.contains(b) && !b.contains(a)));
        }
    }
}
