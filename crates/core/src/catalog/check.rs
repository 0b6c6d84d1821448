//! Relations that hold between records, verified when a store is loaded and after every step of
//! the property tests.
//!
//! Invariant: a catalog that came from commands alone always passes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::index::Index;
use super::{Catalog, Inconsistent, ResourceKey};
use crate::resource::{
    Certificate, CertificateOrigin, Instance, InstanceState, InternetGateway, Listener,
    LoadBalancer, LoadBalancerKind, Priority, Registrations, RouteTable, Rule, SecurityGroup,
    Subnet, SubnetId, TrafficPeer, TrustStore,
};

// === impl Catalog ===

impl Catalog {
    /// Verifies every relation between records, and the index against a rebuild.
    pub fn check(&self) -> Result<(), Inconsistent> {
        self.relations()?;
        let mut rebuilt = Index::default();
        for resource in self.resources() {
            rebuilt.insert(&resource);
        }
        if rebuilt == self.index {
            return Ok(());
        }
        let (kind, id) = ("index", String::new());
        Err(Inconsistent { kind, id, reason: "does not equal a rebuild".to_owned() })
    }

    /// Verifies every relation between records.
    pub(super) fn relations(&self) -> Result<(), Inconsistent> {
        self.internet_gateways.values().try_for_each(|one| self.internet_gateway_fits(one))?;
        self.subnets.values().try_for_each(|subnet| self.subnet_fits(subnet))?;
        self.route_tables.values().try_for_each(|table| self.route_table_fits(table))?;
        self.security_groups.values().try_for_each(|group| self.security_group_fits(group))?;
        let live = self.instances.values().filter(|i| i.state != InstanceState::Terminated);
        live.clone().try_for_each(|instance| self.instance_fits(instance))?;
        for group in self.target_groups.values() {
            let key = || ResourceKey::TargetGroup(group.arn.clone());
            // Its VPC may be gone: EC2 does not ask load balancing before it deletes one.
            let named = self.target_group_named(&group.region, &group.name);
            let unique = named.is_some_and(|named| named.arn == group.arn);
            require(unique, key, "its name is taken twice")?;
        }
        self.inventory_relations()?;
        self.certificates.values().try_for_each(|record| self.certificate_fits(record))?;
        self.trust_stores.values().try_for_each(|record| self.trust_store_fits(record))?;
        self.registrations.values().try_for_each(|record| self.registrations_fit(record))?;
        self.load_balancers.values().try_for_each(|lb| self.load_balancer_fits(lb))?;
        self.listeners.values().try_for_each(|listener| self.listener_fits(listener))?;
        self.rules.values().try_for_each(|rule| self.rule_fits(rule))?;
        let held = live.map(|i| {
            let key = ResourceKey::Instance(i.id.clone());
            ((i.vpc.clone(), i.private_address), key)
        });
        let zones = self.load_balancers.values().flat_map(|lb| {
            let key = ResourceKey::LoadBalancer(lb.arn.clone());
            lb.zones.iter().map(move |z| ((lb.vpc.clone(), z.address), key.clone()))
        });
        for (place, key) in held.chain(zones) {
            let ours = self.index.private.get(&place) == Some(&key);
            require(ours, || key.clone(), "its address is held twice")?;
        }
        self.load_balancers.values().try_for_each(|lb| self.bound_once(lb))?;
        Ok(())
    }

    /// What sockets bind has one owner: the load balancer, or the elastic address that it uses.
    fn bound_once(&self, lb: &LoadBalancer) -> Result<(), Inconsistent> {
        let key = || ResourceKey::LoadBalancer(lb.arn.clone());
        for zone in &lb.zones {
            let public = zone.public.as_ref().map(|public| IpAddr::V4(public.address));
            let elastic = zone.public.as_ref().and_then(|public| public.allocation.as_ref());
            for address in zone.listens().chain(public) {
                let owner = match elastic.filter(|_| Some(address) == public) {
                    Some(id) => ResourceKey::ElasticAddress(id.clone()),
                    None => key(),
                };
                let ours = self.index.addresses.get(&address) == Some(&owner);
                require(ours, key, "an address that it binds is another's")?;
            }
            let user = elastic.map(|id| self.index.allocations.get(id));
            let ours = user.is_none_or(|user| user == Some(&lb.arn));
            require(ours, key, "its elastic address serves another load balancer")?;
        }
        Ok(())
    }

    fn subnet_fits(&self, subnet: &Subnet) -> Result<(), Inconsistent> {
        let key = || ResourceKey::Subnet(subnet.id.clone());
        let inside = |block| self.vpc(&subnet.vpc).is_some_and(|vpc| vpc.holds_block(block));
        let fits = inside(&subnet.cidr) && subnet.ipv6_cidr.as_ref().is_none_or(inside);
        require(fits, key, "it does not lie in its VPC")
    }

    fn internet_gateway_fits(&self, gateway: &InternetGateway) -> Result<(), Inconsistent> {
        let key = || ResourceKey::InternetGateway(gateway.id.clone());
        let Some(vpc) = &gateway.vpc else { return Ok(()) };
        require(self.vpc(vpc).is_some(), key, "its VPC is missing")?;
        let ours = self.index.routing.gateways.get(vpc) == Some(&gateway.id);
        require(ours, key, "its VPC has two gateways")
    }

    fn route_table_fits(&self, table: &RouteTable) -> Result<(), Inconsistent> {
        let key = || ResourceKey::RouteTable(table.id.clone());
        require(self.vpc(&table.vpc).is_some(), key, "its VPC is missing")?;
        let routing = &self.index.routing;
        let main = routing.main_tables.get(&table.vpc) == Some(&table.id);
        require(main == table.main.is_some(), key, "its VPC has two main tables")?;
        for subnet in table.subnets() {
            let same = self.subnet(subnet).is_some_and(|subnet| subnet.vpc == table.vpc);
            let ours = same && routing.subnet_tables.get(subnet) == Some(&table.id);
            require(ours, key, "a subnet is not its own")?;
        }
        let destinations: BTreeSet<_> = table.routes.iter().map(|r| &r.destination).collect();
        require(destinations.len() == table.routes.len(), key, "it has two routes to one place")
    }

    fn security_group_fits(&self, group: &SecurityGroup) -> Result<(), Inconsistent> {
        let key = || ResourceKey::SecurityGroup(group.id.clone());
        require(self.vpc(&group.vpc).is_some(), key, "its VPC is missing")?;
        let named = self.security_group_named(&group.vpc, &group.name);
        require(named.is_some_and(|n| n.id == group.id), key, "its name is taken twice")?;
        let rules = group.ingress.iter().chain(&group.egress);
        for rule in rules {
            if let TrafficPeer::Group(peer) = &rule.peer {
                require(self.security_group(peer).is_some(), key, "a peer group is missing")?;
            }
        }
        Ok(())
    }

    fn instance_fits(&self, instance: &Instance) -> Result<(), Inconsistent> {
        let key = || ResourceKey::Instance(instance.id.clone());
        let inside = self.address_fits(&instance.subnet, instance.private_address);
        require(inside, key, "its address does not lie in its subnet")?;
        let known = instance.security_groups.iter().all(|id| self.security_group(id).is_some());
        require(known, key, "a security group is missing")
    }

    fn address_fits(&self, subnet: &SubnetId, address: IpAddr) -> bool {
        self.subnet(subnet).is_some_and(|subnet| subnet.cidr.contains(&address))
    }

    fn certificate_fits(&self, certificate: &Certificate) -> Result<(), Inconsistent> {
        let CertificateOrigin::ServerCertificate { name, .. } = &certificate.origin else {
            return Ok(());
        };
        let key = || ResourceKey::Certificate(certificate.arn.clone());
        let named = self.server_certificate_named(name);
        require(named.is_some_and(|n| n.arn == certificate.arn), key, "its name is taken twice")
    }

    fn trust_store_fits(&self, store: &TrustStore) -> Result<(), Inconsistent> {
        let key = || ResourceKey::TrustStore(store.arn.clone());
        let named = self.trust_store_named(&store.region, &store.name);
        require(named.is_some_and(|n| n.arn == store.arn), key, "its name is taken twice")?;
        let sorted = store.revocations.is_sorted_by(|a, b| a.id < b.id);
        let fresh = store.revocations.last().is_none_or(|last| last.id < store.next_revocation);
        require(sorted && fresh, key, "its revocations are not in order")
    }

    fn registrations_fit(&self, record: &Registrations) -> Result<(), Inconsistent> {
        let key = || ResourceKey::Registrations(record.group.clone());
        require(self.target_group(&record.group).is_some(), key, "its group is missing")?;
        let places: BTreeSet<_> = record.targets.iter().map(|t| (&t.id, t.port)).collect();
        require(places.len() == record.targets.len(), key, "a target is there twice")
    }

    fn load_balancer_fits(&self, lb: &LoadBalancer) -> Result<(), Inconsistent> {
        let key = || ResourceKey::LoadBalancer(lb.arn.clone());
        let named = self.load_balancer_named(&lb.region, &lb.name);
        require(named.is_some_and(|n| n.arn == lb.arn), key, "its name is taken twice")?;
        let sorted = lb.zones.is_sorted_by(|a, b| a.zone < b.zone);
        require(sorted && !lb.zones.is_empty(), key, "its zones are not sorted")?;
        let inside = lb.zones.iter().all(|zone| self.address_fits(&zone.subnet, zone.address));
        require(inside, key, "an address does not lie in its subnet")?;
        let known = lb.security_groups.iter().all(|id| self.security_group(id).is_some());
        let needed = lb.kind == LoadBalancerKind::Application;
        let enough = !needed || !lb.security_groups.is_empty();
        require(known && enough, key, "a security group is missing")
    }

    fn listener_fits(&self, listener: &Listener) -> Result<(), Inconsistent> {
        let key = || ResourceKey::Listener(listener.arn.clone());
        let owner = self.load_balancer(&listener.load_balancer);
        require(owner.is_some(), key, "its load balancer is missing")?;
        let ports = self.index.listeners.get(&listener.load_balancer);
        let ours = ports.and_then(|ports| ports.get(&listener.port)) == Some(&listener.arn);
        require(ours, key, "its port is taken twice")?;
        let held = listener.certificates.iter().all(|arn| self.certificate(arn).is_some());
        require(held, key, "a certificate is missing")?;
        let mutual = listener.mutual_authentication.as_ref();
        let store = mutual.and_then(|mutual| mutual.trust_store.as_ref());
        let held = store.is_none_or(|arn| self.trust_store(arn).is_some());
        require(held, key, "its trust store is missing")?;
        let rule = self.rule(&listener.default_rule);
        let default =
            rule.is_some_and(|r| r.priority == Priority::Default && r.listener == listener.arn);
        require(default, key, "its default rule is missing")
    }

    fn rule_fits(&self, rule: &Rule) -> Result<(), Inconsistent> {
        let key = || ResourceKey::Rule(rule.arn.clone());
        let Some(listener) = self.listener(&rule.listener) else {
            return require(false, key, "its listener is missing");
        };
        let rules = self.index.rules.get(&rule.listener);
        let ours = rules.and_then(|rules| rules.get(&rule.priority)) == Some(&rule.arn);
        require(ours, key, "its priority is taken twice")?;
        let default = rule.priority == Priority::Default;
        require(default == rule.conditions.is_empty(), key, "its conditions do not fit")?;
        require(!rule.actions.is_empty(), key, "it has no action")?;
        for group in rule.actions.iter().flat_map(|action| action.groups()) {
            require(self.target_group(group).is_some(), key, "a target group is missing")?;
            let owner = self.load_balancer_of(group);
            let ours = owner.is_some_and(|lb| lb.arn == listener.load_balancer);
            require(ours, key, "a target group serves two load balancers")?;
        }
        Ok(())
    }
}

pub(super) fn require(
    holds: bool,
    key: impl FnOnce() -> ResourceKey,
    reason: &str,
) -> Result<(), Inconsistent> {
    if holds {
        return Ok(());
    }
    let key = key();
    Err(Inconsistent { kind: key.kind(), id: key.id().to_owned(), reason: reason.to_owned() })
}
