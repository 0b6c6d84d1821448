//! Settings of instances (EC2): what ModifyInstanceAttribute changes.
//!
//! Weir starts no machines, so most of them are recorded and told; protections are enforced.
//!
//! Invariant: what AWS changes only on a stopped instance is changed only then.

use super::Apply;
use crate::catalog::command::{InstanceChange, InstanceModify, InstancesInput};
use crate::catalog::{InventoryRefusal, Refusal, Resource, ResourceKey};
use crate::resource::{Instance, InstanceState};

/// Characters of an instance type.
const TYPE_MAX: usize = 128;
/// Characters of user data: 16 KiB in base64.
const USER_DATA_MAX: usize = 21_848;

// === impl Apply ===

impl Apply<'_> {
    pub(super) fn instance_modify(&mut self, input: &InstanceModify) -> Result<(), Refusal> {
        let instance = self.instance(&input.region, &input.id)?;
        let change = match input.changes.as_slice() {
            [] => {
                let reason = "No attributes specified.".to_owned();
                return Err(Refusal::Ec2Combination { reason });
            }
            [change] => change,
            _ => {
                let reason = "Fields for multiple attribute types specified".to_owned();
                return Err(Refusal::Ec2Combination { reason });
            }
        };
        if instance.state == InstanceState::Terminated {
            let (id, verb) = (input.id.clone(), "modified".to_owned());
            return Err(Refusal::Ec2InstanceState { id, verb });
        }
        let changed = self.instance_changed(instance, change)?;
        if changed == *instance {
            self.subject(ResourceKey::Instance(changed.id));
        } else {
            self.put_subject(Resource::Instance(changed));
        }
        Ok(())
    }

    fn instance_changed(
        &self,
        instance: &Instance,
        change: &InstanceChange,
    ) -> Result<Instance, Refusal> {
        let mut changed = instance.clone();
        let options = &mut changed.options;
        match change {
            InstanceChange::TerminationProtected(on) => options.termination_protected = *on,
            InstanceChange::StopProtected(on) => options.stop_protected = *on,
            InstanceChange::SourceDestCheck(on) => options.source_dest_check = *on,
            InstanceChange::EbsOptimized(on) => {
                stopped(instance)?;
                options.ebs_optimized = *on;
            }
            InstanceChange::EnaSupport(on) => {
                stopped(instance)?;
                options.ena_support = *on;
            }
            InstanceChange::ShutdownBehavior(text) => {
                options.shutdown_terminates = shutdown_terminates(text)?;
            }
            InstanceChange::Type(text) => {
                stopped(instance)?;
                if text.is_empty() || text.len() > TYPE_MAX {
                    let reason = format!("Invalid value '{text}' for InstanceType.");
                    return Err(Refusal::Ec2Parameter { reason });
                }
                changed.instance_type.clone_from(text);
            }
            InstanceChange::UserData(data) => {
                stopped(instance)?;
                user_data_fits(&data.0)?;
                options.user_data = Some(data.clone()).filter(|data| !data.0.is_empty());
            }
            InstanceChange::SecurityGroups(ids) => {
                changed.security_groups = self.interface_groups(&instance.vpc, ids, &[])?;
            }
        }
        Ok(changed)
    }

    /// Checks the instances; a declared machine has nothing that could be rebooted.
    pub(super) fn instances_reboot(&mut self, input: &InstancesInput) -> Result<(), Refusal> {
        for instance in self.instances_named(input)? {
            if instance.state == InstanceState::Terminated {
                let (id, verb) = (instance.id.to_string(), "rebooted".to_owned());
                return Err(Refusal::Ec2InstanceState { id, verb });
            }
            self.subject(ResourceKey::Instance(instance.id.clone()));
        }
        Ok(())
    }
}

fn stopped(instance: &Instance) -> Result<(), Refusal> {
    match instance.state {
        InstanceState::Stopped => Ok(()),
        _ => Err(InventoryRefusal::NotStopped { id: instance.id.to_string() }.into()),
    }
}

/// `stop` or `terminate`.
pub(super) fn shutdown_terminates(text: &str) -> Result<bool, Refusal> {
    match text {
        "stop" => Ok(false),
        "terminate" => Ok(true),
        _ => {
            let reason = format!("Invalid value '{text}' for InstanceInitiatedShutdownBehavior.");
            Err(Refusal::Ec2Parameter { reason })
        }
    }
}

/// Judges the size of user data.
pub(super) fn user_data_fits(text: &str) -> Result<(), Refusal> {
    if text.len() <= USER_DATA_MAX {
        return Ok(());
    }
    let reason = "User data is limited to 16384 bytes".to_owned();
    Err(Refusal::Ec2Parameter { reason })
}
