//! Every tagged resource of a region by its ARN, and the filters on their types.
//!
//! Invariant: a resource appears under the ARN by which `TagResources` takes it.

use weir_core::catalog::Catalog;
use weir_core::resource::{Region, Tags};

use super::super::call::Call;

/// `elasticloadbalancing:loadbalancer/app`, `ec2`: a service, and perhaps the beginning of the
/// resource part of its ARNs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeFilter {
    service: String,
    kind: Option<String>,
}

/// A resource with its tags.
pub struct Tagged<'a> {
    /// Its ARN.
    pub arn: String,
    /// At least one.
    pub tags: &'a Tags,
}

/// Collects what the filters ask for.
struct Collector<'a> {
    filters: &'a [TypeFilter],
    /// `arn:aws:ec2:us-east-1:123456789012`.
    ec2_prefix: String,
    found: Vec<Tagged<'a>>,
}

// === impl TypeFilter ===

impl TypeFilter {
    /// Reads a filter; `None` when it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let (service, kind) = match text.split_once(':') {
            Some((service, kind)) => (service, Some(kind)),
            None => (text, None),
        };
        let letters = |text: &str, more: &[u8]| {
            let fits =
                |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || more.contains(&byte);
            !text.is_empty() && text.bytes().all(fits)
        };
        let fits = letters(service, b"") && kind.is_none_or(|kind| letters(kind, b"/_."));
        fits.then(|| Self { service: service.to_owned(), kind: kind.map(str::to_owned) })
    }

    /// Whether the filter takes a resource of this service with this resource part of its ARN.
    /// `loadbalancer` means those of every type, `loadbalancer/app` only those.
    fn takes(&self, service: &str, tail: &str) -> bool {
        let Some(kind) = &self.kind else { return self.service == service };
        let rest = tail.strip_prefix(kind.as_str());
        self.service == service && rest.is_some_and(|rest| rest.starts_with('/'))
    }
}

// === impl Collector ===

impl<'a> Collector<'a> {
    fn wants_service(&self, service: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| filter.service == service)
    }

    fn arn(&mut self, service: &str, arn: &str, tags: &'a Tags) {
        if tags.is_empty() {
            return;
        }
        let tail = arn.splitn(6, ':').nth(5).unwrap_or_default();
        let taken = |filter: &TypeFilter| filter.takes(service, tail);
        if self.filters.is_empty() || self.filters.iter().any(taken) {
            self.found.push(Tagged { arn: arn.to_owned(), tags });
        }
    }

    fn ec2(&mut self, kind: &str, id: &str, tags: &'a Tags) {
        if !tags.is_empty() {
            let arn = format!("{}:{kind}/{id}", self.ec2_prefix);
            self.arn("ec2", &arn, tags);
        }
    }

    fn load_balancing(&mut self, catalog: &'a Catalog, region: &Region) {
        const SERVICE: &str = "elasticloadbalancing";
        for lb in catalog.load_balancers_in(region) {
            self.arn(SERVICE, lb.arn.as_str(), &lb.tags);
            for listener in catalog.listeners_of(&lb.arn) {
                self.arn(SERVICE, listener.arn.as_str(), &listener.tags);
                for rule in catalog.rules_of(&listener.arn) {
                    self.arn(SERVICE, rule.arn.as_str(), &rule.tags);
                }
            }
        }
        for group in catalog.target_groups_in(region) {
            self.arn(SERVICE, group.arn.as_str(), &group.tags);
        }
        for store in catalog.trust_stores_in(region) {
            self.arn(SERVICE, store.arn.as_str(), &store.tags);
        }
    }

    fn network(&mut self, catalog: &'a Catalog, region: &Region) {
        for vpc in catalog.vpcs_in(region) {
            self.ec2("vpc", vpc.id.as_str(), &vpc.tags);
            for subnet in catalog.subnets_of(&vpc.id) {
                self.ec2("subnet", subnet.id.as_str(), &subnet.tags);
            }
        }
        for gateway in catalog.internet_gateways_in(region) {
            self.ec2("internet-gateway", gateway.id.as_str(), &gateway.tags);
        }
        for table in catalog.route_tables_in(region) {
            self.ec2("route-table", table.id.as_str(), &table.tags);
        }
        for group in catalog.security_groups_in(region) {
            self.ec2("security-group", group.id.as_str(), &group.tags);
        }
        for list in catalog.prefix_lists_in(region) {
            self.ec2("prefix-list", list.id.as_str(), &list.tags);
        }
        for instance in catalog.instances_in(region) {
            self.ec2("instance", instance.id.as_str(), &instance.tags);
        }
        for interface in catalog.network_interfaces_in(region) {
            self.ec2("network-interface", interface.id.as_str(), &interface.tags);
        }
        for address in catalog.elastic_addresses_in(region) {
            self.ec2("elastic-ip", address.id.as_str(), &address.tags);
        }
    }
}

/// Every resource of the call's region that has tags and that one of the filters takes (any, when
/// there are none), by ARN.
pub fn tagged<'a>(
    call: &'a Call,
    catalog: &'a Catalog,
    filters: &'a [TypeFilter],
) -> Vec<Tagged<'a>> {
    let (region, account) = (&call.facts.region, &call.facts.account);
    let ec2_prefix = format!("arn:aws:ec2:{region}:{account}");
    let mut collector = Collector { filters, ec2_prefix, found: Vec::new() };
    if collector.wants_service("elasticloadbalancing") {
        collector.load_balancing(catalog, region);
    }
    if collector.wants_service("ec2") {
        collector.network(catalog, region);
    }
    if collector.wants_service("acm") {
        for certificate in catalog.certificates_in(region) {
            collector.arn("acm", certificate.arn.as_str(), &certificate.tags);
        }
    }
    let mut found = collector.found;
    found.sort_unstable_by(|a, b| a.arn.cmp(&b.arn));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_matched_by_whole_parts() {
        let takes = |filter: &str, service: &str, tail: &str| {
            TypeFilter::parse(filter).unwrap().takes(service, tail)
        };
        let elb = "elasticloadbalancing";
        for (filter, tail, is) in [
            ("elasticloadbalancing", "loadbalancer/app/web/0123", true),
            ("elasticloadbalancing:loadbalancer", "loadbalancer/app/web/0123", true),
            ("elasticloadbalancing:loadbalancer/app", "loadbalancer/app/web/0123", true),
            ("elasticloadbalancing:loadbalancer/net", "loadbalancer/app/web/0123", false),
            ("elasticloadbalancing:listener", "listener-rule/app/web/0123/4/5", false),
            ("elasticloadbalancing:targetgroup", "targetgroup/web/0123", true),
            ("ec2", "targetgroup/web/0123", false),
        ] {
            assert_eq!(takes(filter, elb, tail), is, "{filter} {tail}");
        }
        assert!(takes("ec2:security-group", "ec2", "security-group/sg-1"));
        assert!(takes("acm:certificate", "acm", "certificate/x"));
        for bad in ["", ":", "a:", ":a", "a b", "ec2:x:y", "é"] {
            assert_eq!(TypeFilter::parse(bad), None, "{bad}");
        }
    }
}
