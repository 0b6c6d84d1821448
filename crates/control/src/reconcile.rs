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
use weir_core::catalog::{AuditRecord, Command};
use weir_core::resource::{Region, ZoneName};

use crate::authority::{Authority, CallError};
use crate::clock;

/// Zones of a region: `a`, `b`, `c`.
const ZONES: [&str; 3] = ["a", "b", "c"];
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
        if authority.read(|catalog| catalog.default_vpc(&region).is_some()) {
            continue;
        }
        // Places already taken by other regions stay theirs, whatever is configured now.
        let Some(place) = (0..REGIONS_PER_BLOCK).find(|place| {
            let first = subnet(octet, *place, 0);
            authority.read(|catalog| !catalog.all_subnets().any(|existing| existing.cidr == first))
        }) else {
            let text = format!("no room for region {region}: at most {REGIONS_PER_BLOCK} regions");
            return Err(CallError::unavailable(text));
        };
        let command = Command::RegionInit(region_init(&region, octet, place));
        authority.submit(command, upkeep("RegionInit", region.as_str())).await?;
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
        if let Err(error) = authority.submit(Command::TargetsReap, upkeep("TargetsReap", "")).await
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
fn upkeep(action: &str, region: &str) -> AuditRecord {
    let now = clock::now();
    AuditRecord {
        request_id: format!("weir-{}", now.wall_us),
        time_ms: now.epoch_ms(),
        source: "weir".to_owned(),
        action: action.to_owned(),
        region: region.to_owned(),
        principal: "weir".to_owned(),
        peer: String::new(),
        error_code: None,
        error_message: None,
        parameters: "{}".to_owned(),
    }
}

fn region_init(region: &Region, octet: u8, place: usize) -> RegionInit {
    let zone = |(index, letter): (usize, &&str)| ZoneInit {
        name: ZoneName::new(format!("{region}{letter}")),
        id: format!("{}-az{}", short_name(region.as_str()), index + 1),
        cidr: subnet(octet, place, index),
    };
    RegionInit {
        region: region.clone(),
        vpc_cidr: IpNet::V4(Ipv4Net::new([127, 0, 0, 0].into(), 8).expect("invariant: 8 <= 32")),
        zones: ZONES.iter().enumerate().map(zone).collect(),
    }
}

/// The /20 of zone `index` of the region in this place of the block.
fn subnet(octet: u8, place: usize, index: usize) -> IpNet {
    let third = ((place * ZONES.len() + index) * 16) as u8;
    let net = Ipv4Net::new([127, octet, third, 0].into(), 20);
    IpNet::V4(net.expect("invariant: 20 <= 32"))
}

/// `us-east-1` becomes `use1`, as in zone ids.
fn short_name(region: &str) -> String {
    let mut parts = region.split('-');
    let area = parts.next().unwrap_or_default();
    let rest: String = parts
        .map(|part| match part {
            "northeast" => "ne".to_owned(),
            "northwest" => "nw".to_owned(),
            "southeast" => "se".to_owned(),
            "southwest" => "sw".to_owned(),
            other => other.chars().take(1).collect(),
        })
        .collect();
    format!("{area}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_regions_share_a_block_without_overlap() {
        let all: Vec<IpNet> = (0..REGIONS_PER_BLOCK)
            .flat_map(|place| (0..ZONES.len()).map(move |index| subnet(64, place, index)))
            .collect();
        for (i, a) in all.iter().enumerate() {
            assert!("127.64.0.0/16".parse::<IpNet>().unwrap().contains(a));
            assert!(all[i + 1..].iter().all(|b| !a.contains(b) && !b.contains(a)));
        }
    }

    #[test]
    fn zone_ids_look_like_aws() {
        assert_eq!(short_name("us-east-1"), "use1");
        assert_eq!(short_name("ap-northeast-2"), "apne2");
        assert_eq!(short_name("eu-central-1"), "euc1");
    }
}
