//! Instances (EC2): declared machines.
//!
//! ```text
//!   RunInstances ──▶ Running ◀──start── Stopped
//!                       │ ──stop──────▶   │
//!                       └──── terminate ──┴──▶ Terminated ──(an hour later)──▶ gone
//! ```
//!
//! Invariant: a live instance holds one private address of its subnet; a terminated one holds
//! none and is in no target group.

use std::net::{IpAddr, Ipv4Addr};

use super::instance_attribute::user_data_fits;
use super::tag::{ADDRESS_TAG, ec2_tags_merge};
use super::target::is_instance_id;
use super::{Apply, EC2_ID_LEN};
use crate::catalog::command::{InstancesInput, InstancesRun};
use crate::catalog::unserved::Feature;
use crate::catalog::{InventoryRefusal, Refusal, Resource, ResourceKey, Transition};
use crate::resource::{
    Instance, InstanceId, InstanceState, InterfaceId, PrimaryInterface, Region, Subnet, Tags,
};

/// What EC2 takes when no type is named.
const TYPE_DEFAULT: &str = "m1.small";
/// Characters of an image id, instance type or client token.
const TEXT_MAX: usize = 128;

// === impl Apply: launch ===

impl<'a> Apply<'a> {
    pub(super) fn instances_run(&mut self, input: &InstancesRun) -> Result<(), Refusal> {
        let template = self.template(input)?;
        if self.launched_before(input, &template)? {
            return Ok(());
        }
        let limit = self.catalog.settings.quotas.instances;
        let present = self.catalog.index.instances.get(&input.region);
        let room = limit.saturating_sub(present.map_or(0, |ids| ids.len()));
        let (min, max) = counts(input)?;
        if min > room {
            return Err(Refusal::Ec2InstanceLimit { limit: limit.to_string() });
        }
        for launched in 0..max.min(room) {
            let address = match self.private_address(input, &template.subnet)? {
                Some(address) => address,
                None if launched >= min => break,
                None => {
                    let subnet = template.subnet.to_string();
                    return Err(Refusal::Ec2SubnetFull { subnet });
                }
            };
            let mut instance = self.launch(&template, address);
            self.primary_addresses(input, &mut instance)?;
            self.put_subject(Resource::Instance(instance));
        }
        Ok(())
    }

    /// Everything but id, interface and address.
    fn template(&mut self, input: &InstancesRun) -> Result<Instance, Refusal> {
        let image = input.image.clone().filter(|image| !image.is_empty());
        let image = image.ok_or_else(|| Refusal::Ec2Missing { name: "ImageId".to_owned() })?;
        let instance_type = input.instance_type.clone().unwrap_or_else(|| TYPE_DEFAULT.to_owned());
        let token = input.client_token.clone().unwrap_or_default();
        let texts =
            [("ImageId", &image), ("InstanceType", &instance_type), ("ClientToken", &token)];
        for (name, text) in texts {
            if text.len() > TEXT_MAX {
                let reason = format!("Value for parameter {name} is too long");
                return Err(Refusal::Ec2Parameter { reason });
            }
        }
        counts(input)?;
        if let Some(other) = &input.other_interface {
            return Err(Refusal::unserved(Feature::LaunchInterface, other));
        }
        if let Some(data) = &input.options.user_data {
            user_data_fits(&data.0)?;
        }
        let subnet = self.launch_subnet(input)?;
        let (ids, names) = (&input.security_group_ids, &input.security_group_names);
        let security_groups = self.interface_groups(&subnet.vpc, ids, names)?;
        let tags = ec2_tags_merge(&Tags::new(), &input.tags)?;
        let primary = PrimaryInterface {
            description: input.interface_description.clone().unwrap_or_default(),
            tags: ec2_tags_merge(&Tags::new(), &input.interface_tags)?,
            ..PrimaryInterface::default()
        };
        // Replaced by the private address at launch when no tag names one.
        let address = match tags.get(ADDRESS_TAG) {
            Some(text) => real_address(text)?,
            None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        Ok(Instance {
            id: InstanceId::new("i-"),
            region: input.region.clone(),
            vpc: subnet.vpc.clone(),
            subnet: subnet.id.clone(),
            zone: subnet.zone.clone(),
            interface: InterfaceId::new("eni-"),
            private_address: address,
            address,
            state: InstanceState::Running,
            image,
            instance_type,
            reservation: format!("r-{}", self.rng.hex(EC2_ID_LEN)),
            security_groups,
            launched_ms: self.now.epoch_ms(),
            terminated_ms: None,
            client_token: input.client_token.clone(),
            primary,
            options: input.options.clone(),
            tags,
        })
    }

    fn launch(&mut self, template: &Instance, private_address: IpAddr) -> Instance {
        let catalog = self.catalog;
        let id = self.ec2_id("i-", |id| catalog.instance(id).is_some());
        let named = !template.address.is_unspecified();
        Instance {
            id: InstanceId::new(id),
            interface: self.interface_id(),
            private_address,
            address: if named { template.address } else { private_address },
            ..template.clone()
        }
    }

    /// Whether a call with the same client token already launched these instances.
    fn launched_before(
        &mut self,
        input: &InstancesRun,
        template: &Instance,
    ) -> Result<bool, Refusal> {
        let Some(token) = &input.client_token else { return Ok(false) };
        let key = (input.region.clone(), token.clone());
        let catalog = self.catalog;
        let Some(ids) = catalog.index.client_tokens.get(&key) else { return Ok(false) };
        let (min, max) = counts(input)?;
        let found: Vec<&Instance> =
            ids.iter().filter_map(|id| catalog.instance(id.as_str())).collect();
        let same = |instance: &&Instance| {
            instance.image == template.image
                && instance.instance_type == template.instance_type
                && instance.subnet == template.subnet
        };
        if !found.iter().all(same) || !(min..=max).contains(&found.len()) {
            return Err(Refusal::Ec2TokenMismatch {});
        }
        for instance in found {
            self.subject(ResourceKey::Instance(instance.id.clone()));
        }
        Ok(true)
    }

    fn launch_subnet(&self, input: &InstancesRun) -> Result<&'a Subnet, Refusal> {
        let catalog = self.catalog;
        if let Some(id) = &input.subnet {
            let found = catalog.subnet(id.as_str()).filter(|s| s.region == input.region);
            let subnet = found.ok_or_else(|| Refusal::SubnetIdNotFound { id: id.clone() })?;
            return match &input.zone {
                Some(zone) if *zone != subnet.zone.as_str() => Err(Refusal::Ec2Combination {
                    reason: format!("The subnet '{id}' is not in the availability zone '{zone}'"),
                }),
                _ => Ok(subnet),
            };
        }
        let vpc = self.vpc_or_default(&input.region, None)?;
        let mut subnets = catalog.subnets_of(&vpc.id).filter(|subnet| subnet.is_default);
        match &input.zone {
            Some(zone) => subnets.find(|s| s.zone.as_str() == zone).ok_or_else(|| {
                let (zone, region) = (zone.clone(), input.region.to_string());
                Refusal::Ec2ZoneInvalid { zone, region }
            }),
            None => subnets.next().ok_or(Refusal::DefaultVpcMissing {}),
        }
    }

    /// The further addresses of a new instance's interface.
    fn primary_addresses(
        &mut self,
        input: &InstancesRun,
        instance: &mut Instance,
    ) -> Result<(), Refusal> {
        let catalog = self.catalog;
        let Some(subnet) = catalog.subnet(&instance.subnet) else { return Ok(()) };
        let (named, count) = (&input.secondary, input.secondary_count);
        instance.primary.secondary = self.private_more(subnet, &[], named, count)?;
        instance.primary.ipv6 = self.ipv6_more(subnet, &input.ipv6, input.ipv6_count)?;
        Ok(())
    }

    /// The address asked for, or the lowest free one; `None` when the subnet is full.
    fn private_address(
        &mut self,
        input: &InstancesRun,
        subnet: &crate::resource::SubnetId,
    ) -> Result<Option<IpAddr>, Refusal> {
        let Some(text) = &input.private_address else { return Ok(self.address_take(subnet)) };
        if input.max_count > 1 {
            let reason = "A private address can be named for a single instance only".to_owned();
            return Err(Refusal::Ec2Combination { reason });
        }
        let address: Ipv4Addr = text.parse().map_err(|_| {
            let reason = format!("invalid value for parameter address: [{text}]");
            Refusal::Ec2Parameter { reason }
        })?;
        let record = self.catalog.subnet(subnet);
        if !record.is_some_and(|subnet| subnet.cidr.contains(&IpAddr::V4(address))) {
            let reason = "Address does not fall within the subnet's address range".to_owned();
            return Err(Refusal::Ec2Parameter { reason });
        }
        if !self.address_take_exact(subnet, IpAddr::V4(address)) {
            return Err(Refusal::Ec2AddressInUse { ip: text.clone() });
        }
        Ok(Some(IpAddr::V4(address)))
    }
}

// === impl Apply: states ===

impl<'a> Apply<'a> {
    pub(super) fn instances_start(&mut self, input: &InstancesInput) -> Result<(), Refusal> {
        self.transition(input, InstanceState::Running, Some("started"))
    }

    pub(super) fn instances_stop(&mut self, input: &InstancesInput) -> Result<(), Refusal> {
        self.transition(input, InstanceState::Stopped, Some("stopped"))
    }

    pub(super) fn instances_terminate(&mut self, input: &InstancesInput) -> Result<(), Refusal> {
        self.transition(input, InstanceState::Terminated, None)
    }

    /// Moves instances to `next`; `verb` names what a terminated instance cannot be any more.
    fn transition(
        &mut self,
        input: &InstancesInput,
        next: InstanceState,
        verb: Option<&str>,
    ) -> Result<(), Refusal> {
        let instances = self.instances_named(input)?;
        let gone = instances.iter().find(|i| i.state == InstanceState::Terminated);
        if let (Some(instance), Some(verb)) = (gone, verb) {
            let (id, verb) = (instance.id.to_string(), verb.to_owned());
            return Err(Refusal::Ec2InstanceState { id, verb });
        }
        for instance in &instances {
            protected(instance, next)?;
        }
        for instance in instances {
            let (previous, current) = (instance.state, next);
            let transition = Transition { instance: instance.id.clone(), previous, current };
            self.decision.transitions.push(transition);
            self.instance_move(instance, next);
        }
        Ok(())
    }

    /// The instances that a request names, each once; all that are missing are told together.
    pub(super) fn instances_named(
        &self,
        input: &InstancesInput,
    ) -> Result<Vec<&'a Instance>, Refusal> {
        let mut instances: Vec<&'a Instance> = Vec::with_capacity(input.ids.len());
        let mut missing: Vec<&str> = Vec::new();
        for id in &input.ids {
            match self.instance(&input.region, id) {
                Ok(found) if instances.iter().any(|known| known.id == found.id) => {}
                Ok(found) => instances.push(found),
                Err(Refusal::Ec2InstanceNotFound { .. }) => missing.push(id),
                Err(other) => return Err(other),
            }
        }
        if !missing.is_empty() {
            return Err(Refusal::Ec2InstanceNotFound { ids: missing.join(", ") });
        }
        Ok(instances)
    }

    fn instance_move(&mut self, instance: &Instance, next: InstanceState) {
        if instance.state == next {
            self.subject(ResourceKey::Instance(instance.id.clone()));
            return;
        }
        let mut changed = Instance { state: next, ..instance.clone() };
        if next == InstanceState::Terminated {
            changed.terminated_ms = Some(self.now.epoch_ms());
        }
        self.put_subject(Resource::Instance(changed));
        if next == InstanceState::Terminated {
            let subjects = self.decision.subjects.len();
            self.instance_leaves_groups(instance);
            self.interfaces_leave(instance);
            // The call is about instances; the groups are its consequence.
            self.decision.subjects.truncate(subjects);
        }
    }

    /// The instance that a request names.
    pub(super) fn instance(&self, region: &Region, id: &str) -> Result<&'a Instance, Refusal> {
        if !is_instance_id(id) {
            return Err(Refusal::Ec2InstanceMalformed { id: id.to_owned() });
        }
        let found = self.catalog.instance(id).filter(|instance| instance.region == *region);
        found.ok_or_else(|| Refusal::Ec2InstanceNotFound { ids: id.to_owned() })
    }
}

/// Whether the instance's own settings forbid the transition.
fn protected(instance: &Instance, next: InstanceState) -> Result<(), Refusal> {
    let id = || instance.id.to_string();
    let (options, moves) = (&instance.options, instance.state != next);
    match next {
        InstanceState::Terminated if moves && options.termination_protected => {
            Err(InventoryRefusal::TerminationProtected { id: id() }.into())
        }
        InstanceState::Stopped if moves && options.stop_protected => {
            Err(InventoryRefusal::StopProtected { id: id() }.into())
        }
        _ => Ok(()),
    }
}

/// `MinCount` and `MaxCount`.
fn counts(input: &InstancesRun) -> Result<(usize, usize), Refusal> {
    match (usize::try_from(input.min_count), usize::try_from(input.max_count)) {
        (Ok(min), Ok(max)) if min >= 1 && min <= max => Ok((min, max)),
        _ => {
            let reason = format!(
                "Invalid value for MinCount ({}) and MaxCount ({}): 1 <= MinCount <= MaxCount",
                input.min_count, input.max_count
            );
            Err(Refusal::Ec2Parameter { reason })
        }
    }
}

/// Where a machine may really be: any address that one host can answer on.
fn real_address(text: &str) -> Result<IpAddr, Refusal> {
    let address: Option<Ipv4Addr> = text.parse().ok();
    let sound = |a: &Ipv4Addr| {
        !(a.is_unspecified() || a.is_multicast() || a.is_broadcast() || a.is_link_local())
    };
    match address.filter(sound) {
        Some(address) => Ok(IpAddr::V4(address)),
        None => Err(Refusal::Ec2Parameter {
            reason: format!("The tag '{ADDRESS_TAG}' must be an IPv4 address of a host: '{text}'"),
        }),
    }
}
