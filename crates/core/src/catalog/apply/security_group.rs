//! Security groups (EC2); their permissions are decided in `security_group_rule`.
//!
//! Invariant: names are unique within a VPC, and a group that something uses is not deleted.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Apply;
use super::load_balancer::DEFAULT_GROUP;
use super::tag::ec2_tags_merge;
use crate::catalog::command::{SecurityGroupCreate, SecurityGroupName};
use crate::catalog::{InventoryRefusal, Refusal, Resource, ResourceKey};
use crate::resource::{Region, SecurityGroup, SecurityGroupId, Tags, TrafficPeer, Vpc, VpcId};

/// Characters of a group's name and description.
const TEXT_MAX: usize = 255;
/// Characters that descriptions may hold, besides letters and digits.
const TEXT_CHARACTERS: &str = " ._-:/()#,@[]+=&;{}!$*";

// === impl Apply ===

impl<'a> Apply<'a> {
    pub(super) fn security_group_create(
        &mut self,
        input: &SecurityGroupCreate,
    ) -> Result<(), Refusal> {
        let name = input.name.clone();
        group_text("groupName", &input.name)?;
        group_text("groupDescription", &input.description)?;
        if name.starts_with("sg-") {
            let reason = "Value for parameter groupName cannot start with 'sg-'.".to_owned();
            return Err(Refusal::Ec2Parameter { reason });
        }
        if name == DEFAULT_GROUP {
            return Err(Refusal::Ec2GroupReserved { name });
        }
        let vpc = self.vpc_or_default(&input.region, input.vpc.as_deref())?;
        let tags = ec2_tags_merge(&Tags::new(), &input.tags)?;
        if self.catalog.security_group_named(&vpc.id, &name).is_some() {
            return Err(Refusal::Ec2GroupDuplicate { name, vpc: vpc.id.to_string() });
        }
        let present = self.catalog.index.security_groups.get(&input.region);
        let limit = self.catalog.settings.quotas.security_groups;
        if present.map_or(0, |groups| groups.len()) >= limit {
            return Err(Refusal::Ec2GroupLimit {});
        }
        let catalog = self.catalog;
        let id = self.ec2_id("sg-", |id| catalog.security_group(id).is_some());
        let mut anywhere = vec![IpNet::V4(Ipv4Net::default())];
        if vpc.ipv6_cidr.is_some() {
            anywhere.push(IpNet::V6(Ipv6Net::default()));
        }
        let egress = anywhere.into_iter().map(|block| {
            let peer = TrafficPeer::Cidr(block);
            self.everything(peer, None)
        });
        let egress = egress.collect();
        self.put_subject(Resource::SecurityGroup(SecurityGroup {
            id: SecurityGroupId::new(id),
            region: input.region.clone(),
            vpc: vpc.id.clone(),
            name,
            description: input.description.clone(),
            ingress: Vec::new(),
            egress,
            tags,
        }));
        Ok(())
    }

    pub(super) fn security_group_delete(
        &mut self,
        input: &SecurityGroupName,
    ) -> Result<(), Refusal> {
        let group = self.security_group(input)?;
        if group.name == DEFAULT_GROUP {
            let (id, name) = (group.id.to_string(), group.name.clone());
            return Err(Refusal::Ec2GroupDefault { id, name });
        }
        if self.catalog.users_of(&group.id).next().is_some() {
            return Err(Refusal::Ec2Dependency { id: group.id.to_string() });
        }
        self.decision.changes.delete(ResourceKey::SecurityGroup(group.id.clone()));
        Ok(())
    }

    /// The group that a request names by id, or by name in the default VPC.
    pub(super) fn security_group(
        &self,
        input: &SecurityGroupName,
    ) -> Result<&'a SecurityGroup, Refusal> {
        let catalog = self.catalog;
        let (found, id) = match (&input.id, &input.name) {
            (Some(id), _) if !id.starts_with("sg-") => {
                return Err(Refusal::Ec2GroupIdMalformed { id: id.clone() });
            }
            (Some(id), _) => {
                (catalog.security_group(id.as_str()).filter(|g| g.region == input.region), id)
            }
            (None, Some(name)) => {
                let vpc = catalog.default_vpc(&input.region);
                (vpc.and_then(|vpc| catalog.security_group_named(&vpc.id, name)), name)
            }
            (None, None) => return Err(Refusal::Ec2Missing { name: "groupId".to_owned() }),
        };
        found.ok_or_else(|| Refusal::Ec2GroupNotFound { id: id.clone() })
    }

    /// The groups of an interface, each once: as named, or the VPC's default group.
    pub(super) fn interface_groups(
        &self,
        vpc: &VpcId,
        ids: &[String],
        names: &[String],
    ) -> Result<Vec<SecurityGroupId>, Refusal> {
        let by_id = ids.iter().map(|id| self.group_in(vpc, id));
        let by_name = names.iter().map(|name| {
            let found = self.catalog.security_group_named(vpc, name);
            found.ok_or_else(|| Refusal::Ec2GroupNotFound { id: name.clone() })
        });
        let mut groups: Vec<SecurityGroupId> = Vec::new();
        for group in by_id.chain(by_name) {
            let id = &group?.id;
            if !groups.contains(id) {
                groups.push(id.clone());
            }
        }
        if groups.len() > self.catalog.settings.quotas.security_groups_per_interface {
            return Err(InventoryRefusal::InterfaceGroupLimit {}.into());
        }
        if groups.is_empty() {
            let group = self.catalog.security_group_named(vpc, DEFAULT_GROUP);
            groups.extend(group.map(|group| group.id.clone()));
        }
        Ok(groups)
    }

    /// The group of this id, which must be of this VPC.
    pub(super) fn group_in(&self, vpc: &VpcId, id: &str) -> Result<&'a SecurityGroup, Refusal> {
        if !id.starts_with("sg-") {
            return Err(Refusal::Ec2GroupIdMalformed { id: id.to_owned() });
        }
        let region = self.catalog.vpc(vpc).map(|vpc| &vpc.region);
        let found = self.catalog.security_group(id).filter(|group| Some(&group.region) == region);
        let group = found.ok_or_else(|| Refusal::Ec2GroupNotFound { id: id.to_owned() })?;
        if group.vpc != *vpc {
            return Err(InventoryRefusal::GroupElsewhere {}.into());
        }
        Ok(group)
    }

    /// The named VPC, or the region's default one.
    pub(super) fn vpc_or_default(
        &self,
        region: &Region,
        id: Option<&str>,
    ) -> Result<&'a Vpc, Refusal> {
        match id {
            Some(id) => {
                let found = self.catalog.vpc(id).filter(|vpc| vpc.region == *region);
                found.ok_or_else(|| Refusal::VpcIdNotFound { id: id.to_owned() })
            }
            None => self.catalog.default_vpc(region).ok_or(Refusal::DefaultVpcMissing {}),
        }
    }
}

fn group_text(member: &str, text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::Ec2Missing { name: member.to_owned() });
    }
    let what = if member == "groupName" { "group name" } else { "group description" };
    text_sound(what, text)
}

/// Judges free text of groups and rules.
pub(super) fn text_sound(what: &str, text: &str) -> Result<(), Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || TEXT_CHARACTERS.contains(c);
    if text.len() <= TEXT_MAX && text.chars().all(allowed) {
        return Ok(());
    }
    let kind = if what == "rule description" { "" } else { "security " };
    let plural = if what == "group name" { "names" } else { "descriptions" };
    let reason = format!(
        "Invalid {kind}{what}. Valid {plural} are strings less than 256 characters from the \
         following set: a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
    );
    Err(Refusal::Ec2Parameter { reason })
}
