//! Which addresses of load balancers are on devices of this machine, and for whom.
//!
//! Follows the catalog as the socket table does: addresses are claimed before a commit, kept from
//! publication on, and given up once every data thread has closed its sockets.
//!
//! Invariant: every address that a published load balancer listens on, and that an interface
//! carries, is either claimed or listed as failed with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use weir_core::catalog::{Catalog, Change, ChangeSet, Resource, ResourceKey};
use weir_core::resource::{LoadBalancer, LoadBalancerArn};
use weir_net::address::{Carrier, CarryError, Claim};
use weir_net::publication::Epoch;

/// An address and the device that it belongs on.
type Place = (IpAddr, String);

/// The addresses of what is published.
pub struct Carriage {
    carrier: Arc<Carrier>,
    /// By load balancer, for those that have any.
    places: BTreeMap<LoadBalancerArn, Vec<Place>>,
    claims: BTreeMap<IpAddr, (LoadBalancerArn, Claim)>,
    failed: BTreeMap<IpAddr, (LoadBalancerArn, CarryError)>,
    /// Given up with the publication of this number; sockets may still be open before it runs.
    retired: Vec<(Option<Epoch>, Claim)>,
}

// === impl Carriage ===

impl Carriage {
    /// Carries nothing yet.
    pub fn new(carrier: Arc<Carrier>) -> Self {
        Self {
            carrier,
            places: BTreeMap::new(),
            claims: BTreeMap::new(),
            failed: BTreeMap::new(),
            retired: Vec::new(),
        }
    }

    /// Takes over the addresses of the touched load balancers, all of them if `touched` is `None`.
    /// What was not prepared (a restart) is claimed here, or fails and is tried again.
    pub fn follow(
        &mut self,
        catalog: &Catalog,
        touched: Option<&BTreeSet<ResourceKey>>,
        prepared: Vec<Claim>,
    ) {
        if !self.carrier.is_active() {
            return;
        }
        let changed: Vec<LoadBalancerArn> = match touched {
            Some(keys) => keys.iter().filter_map(load_balancer_of).cloned().collect(),
            None => {
                let known = self.places.keys().cloned();
                known.chain(catalog.all_load_balancers().map(|lb| lb.arn.clone())).collect()
            }
        };
        for arn in &changed {
            self.places.remove(arn);
            if let Some(lb) = catalog.load_balancer(arn) {
                let places = places(&self.carrier, lb);
                if !places.is_empty() {
                    self.places.insert(arn.clone(), places);
                }
            }
        }
        self.give_up(&changed);
        let mut ready: BTreeMap<IpAddr, Claim> =
            prepared.into_iter().map(|claim| (claim.address(), claim)).collect();
        let mut missing: Vec<(LoadBalancerArn, Place)> = Vec::new();
        for arn in &changed {
            for (address, device) in self.places.get(arn).into_iter().flatten() {
                if self.claims.contains_key(address) {
                    continue;
                }
                match ready.remove(address) {
                    Some(claim) => drop(self.claims.insert(*address, (arn.clone(), claim))),
                    None => missing.push((arn.clone(), (*address, device.clone()))),
                }
            }
        }
        self.claim(missing);
    }

    /// Retires the claims of changed load balancers on addresses that they no longer have.
    fn give_up(&mut self, changed: &[LoadBalancerArn]) {
        let changed: BTreeSet<&LoadBalancerArn> = changed.iter().collect();
        let places = &self.places;
        let is_gone = |address: &IpAddr, owner: &LoadBalancerArn| {
            let has = |places: &Vec<Place>| places.iter().any(|(kept, _)| kept == address);
            changed.contains(owner) && !places.get(owner).is_some_and(has)
        };
        self.failed.retain(|address, (owner, _)| !is_gone(address, owner));
        let gone = self.claims.iter().filter(|(address, (owner, _))| is_gone(address, owner));
        let gone: Vec<IpAddr> = gone.map(|(address, _)| *address).collect();
        for address in gone {
            let claim = self.claims.remove(&address);
            self.retired.extend(claim.map(|(_, claim)| (None, claim)));
        }
    }

    fn claim(&mut self, missing: Vec<(LoadBalancerArn, Place)>) -> bool {
        let places: Vec<Place> = missing.iter().map(|(_, place)| place.clone()).collect();
        let mut any = false;
        for ((arn, (address, _)), answer) in missing.into_iter().zip(self.carrier.claim(&places)) {
            match answer {
                Ok(claim) => {
                    any = true;
                    self.failed.remove(&address);
                    self.claims.insert(address, (arn, claim));
                }
                Err(error) => drop(self.failed.insert(address, (arn, error))),
            }
        }
        any
    }

    /// Tries again what failed; true when one of them is carried now.
    pub fn retry(&mut self) -> bool {
        let failed = self.failed.iter();
        let missing =
            failed.map(|(address, (arn, error))| (arn.clone(), (*address, error.device.clone())));
        let missing: Vec<(LoadBalancerArn, Place)> = missing.collect();
        self.claim(missing)
    }

    /// Says with which publication the newly retired claims went.
    pub fn published(&mut self, epoch: Epoch) {
        for (at, _) in self.retired.iter_mut().filter(|(at, _)| at.is_none()) {
            *at = Some(epoch);
        }
    }

    /// The claims that nothing needs any more once every data thread runs `epoch`. Dropping them
    /// removes their addresses.
    #[must_use]
    pub fn settled(&mut self, epoch: Epoch) -> Vec<Claim> {
        let is_done = |(at, _): &mut (Option<Epoch>, Claim)| at.is_some_and(|at| at <= epoch);
        self.retired.extract_if(.., is_done).map(|(_, claim)| claim).collect()
    }

    /// Why an address of a load balancer is not carried, if so.
    pub fn trouble(&self, lb: &LoadBalancerArn) -> Option<String> {
        self.places.get(lb)?.iter().find_map(|(address, _)| match self.failed.get(address) {
            Some((_, error)) => Some(error.to_string()),
            None => self.carrier.trouble(*address),
        })
    }

    /// Addresses that are not carried.
    pub fn failed(&self) -> usize {
        self.failed.len()
    }
}

/// Claims what the changed load balancers need. Held addresses are claimed again, which costs
/// nothing, so that they stay whatever happens to their other holder.
///
/// # Errors
/// The first address that cannot be carried; nothing stays claimed.
pub fn prepare(carrier: &Arc<Carrier>, changes: &ChangeSet) -> Result<Vec<Claim>, CarryError> {
    if !carrier.is_active() {
        return Ok(Vec::new());
    }
    let mut wanted = BTreeSet::new();
    for change in &changes.changes {
        if let Change::Put(resource) = change
            && let Resource::LoadBalancer(lb) = resource.as_ref()
        {
            wanted.extend(places(carrier, lb));
        }
    }
    let wanted: Vec<Place> = wanted.into_iter().collect();
    carrier.claim(&wanted).into_iter().collect()
}

/// The addresses that a load balancer listens on and that an interface carries.
fn places(carrier: &Carrier, lb: &LoadBalancer) -> Vec<Place> {
    let mut places = Vec::new();
    for zone in &lb.zones {
        for address in zone.listens() {
            let device = carrier.device(address, zone.address);
            places.extend(device.map(|device| (address, device.to_owned())));
        }
    }
    places
}

fn load_balancer_of(key: &ResourceKey) -> Option<&LoadBalancerArn> {
    match key {
        ResourceKey::LoadBalancer(arn) => Some(arn),
        _ => None,
    }
}
