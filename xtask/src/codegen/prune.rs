//! From a botocore release to `models/`: the services, the operations and nothing else.
//!
//! Invariant: a pruned file is a function of the release and of [`SERVICES`], so an upgrade is a
//! rerun and the review of its diff.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::model::{Model, Ordered};

/// A service that Weir speaks.
pub struct Service {
    /// Name in botocore, of the file in `models/` and of the generated module.
    pub name: &'static str,
    /// Version of the API.
    pub version: &'static str,
    /// The operations to keep; empty means all.
    pub operations: &'static [&'static str],
    /// Text that must not be shown though the model does not say so.
    pub sensitive: &'static [&'static str],
}

/// All of them.
pub const SERVICES: &[Service] = &[
    Service {
        name: "elbv2",
        version: "2015-12-01",
        operations: &[],
        sensitive: &["AuthenticateOidcActionClientSecret"],
    },
    Service { name: "ec2", version: "2016-11-15", operations: EC2, sensitive: &[] },
    Service {
        name: "sts",
        version: "2011-06-15",
        operations: &["GetCallerIdentity"],
        sensitive: &[],
    },
    Service { name: "iam", version: "2010-05-08", operations: IAM, sensitive: &[] },
    Service { name: "acm", version: "2015-12-08", operations: ACM, sensitive: &[] },
    Service {
        name: "resourcegroupstaggingapi",
        version: "2017-01-26",
        operations: TAGGING,
        sensitive: &[],
    },
    Service { name: "shield", version: "2016-06-02", operations: SHIELD, sensitive: &[] },
    Service {
        name: "cloudtrail",
        version: "2013-11-01",
        operations: &["LookupEvents"],
        sensitive: &[],
    },
];

// spec: control-plane §3.1 EC2 subset
const EC2: &[&str] = &[
    "AllocateAddress",
    "AssignPrivateIpAddresses",
    "AssociateAddress",
    "AssociateRouteTable",
    "AssociateSubnetCidrBlock",
    "AssociateVpcCidrBlock",
    "AttachInternetGateway",
    "AttachNetworkInterface",
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateDefaultSubnet",
    "CreateDefaultVpc",
    "CreateInternetGateway",
    "CreateManagedPrefixList",
    "CreateNetworkInterface",
    "CreateRoute",
    "CreateRouteTable",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateTags",
    "CreateVpc",
    "DeleteInternetGateway",
    "DeleteManagedPrefixList",
    "DeleteNetworkInterface",
    "DeleteRoute",
    "DeleteRouteTable",
    "DeleteSecurityGroup",
    "DeleteSubnet",
    "DeleteTags",
    "DeleteVpc",
    "DescribeAccountAttributes",
    "DescribeAddresses",
    "DescribeAddressesAttribute",
    "DescribeAvailabilityZones",
    "DescribeCoipPools",
    "DescribeDhcpOptions",
    "DescribeEgressOnlyInternetGateways",
    "DescribeIamInstanceProfileAssociations",
    "DescribeImages",
    "DescribeInstanceAttribute",
    "DescribeInstanceCreditSpecifications",
    "DescribeInstanceStatus",
    "DescribeInstanceTypes",
    "DescribeInstances",
    "DescribeInternetGateways",
    "DescribeIpamPools",
    "DescribeKeyPairs",
    "DescribeManagedPrefixLists",
    "DescribeNatGateways",
    "DescribeNetworkAcls",
    "DescribeNetworkInterfaceAttribute",
    "DescribeNetworkInterfaces",
    "DescribePrefixLists",
    "DescribeRegions",
    "DescribeRouteTables",
    "DescribeSecurityGroupRules",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeTags",
    "DescribeVolumes",
    "DescribeVpcAttribute",
    "DescribeVpcEndpoints",
    "DescribeVpcPeeringConnections",
    "DescribeVpcs",
    "DetachInternetGateway",
    "DetachNetworkInterface",
    "DisassociateAddress",
    "DisassociateRouteTable",
    "DisassociateSubnetCidrBlock",
    "DisassociateVpcCidrBlock",
    "GetManagedPrefixListEntries",
    "GetSecurityGroupsForVpc",
    "ModifyInstanceAttribute",
    "ModifyManagedPrefixList",
    "ModifyNetworkInterfaceAttribute",
    "ModifySecurityGroupRules",
    "ModifySubnetAttribute",
    "ModifyVpcAttribute",
    "RebootInstances",
    "ReleaseAddress",
    "ReplaceRoute",
    "ReplaceRouteTableAssociation",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "TerminateInstances",
    "UnassignPrivateIpAddresses",
    "UpdateSecurityGroupRuleDescriptionsEgress",
    "UpdateSecurityGroupRuleDescriptionsIngress",
];

// spec: control-plane §3.2 The rest, minimal action sets
const IAM: &[&str] = &[
    "CreateServiceLinkedRole",
    "DeleteServerCertificate",
    "GetServerCertificate",
    "ListServerCertificateTags",
    "ListServerCertificates",
    "TagServerCertificate",
    "UntagServerCertificate",
    "UpdateServerCertificate",
    "UploadServerCertificate",
];

// spec: control-plane §3.2 The rest, minimal action sets
const ACM: &[&str] = &[
    "AddTagsToCertificate",
    "DeleteCertificate",
    "DescribeCertificate",
    "GetCertificate",
    "ImportCertificate",
    "ListCertificates",
    "ListTagsForCertificate",
    "RemoveTagsFromCertificate",
    "RequestCertificate",
    "UpdateCertificateOptions",
];

// spec: control-plane §3.2 The rest, minimal action sets
const TAGGING: &[&str] =
    &["GetResources", "GetTagKeys", "GetTagValues", "TagResources", "UntagResources"];

// spec: control-plane §3.2 The rest, minimal action sets
const SHIELD: &[&str] = &[
    "CreateProtection",
    "DeleteProtection",
    "DescribeProtection",
    "DescribeSubscription",
    "GetSubscriptionState",
];

/// Writes `models/` from the directory `botocore/data` of an unpacked release.
pub fn run(data: &Path, models: &Path) -> Result<()> {
    for service in SERVICES {
        let full = read(&data.join(service.name).join(service.version))?;
        let pruned = prune(full, service)?;
        fs::write(models.join(service.name).with_extension("json"), write(&pruned)?)?;
    }
    let package = data.parent().context("the data directory lies in the package")?;
    fs::write(models.join("VERSION"), format!("botocore {}\n", version(package)?))?;
    for (name, kept) in [("LICENSE.txt", "LICENSE"), ("NOTICE", "NOTICE")] {
        if let Some(path) = licence(package, name) {
            fs::copy(path, models.join(kept))?;
        }
    }
    Ok(())
}

/// A pruned model as its file holds it.
pub fn write(model: &Model) -> Result<String> {
    Ok(serde_json::to_string_pretty(model)? + "\n")
}

fn read(directory: &Path) -> Result<Model> {
    let plain = directory.join("service-2.json");
    let packed = directory.join("service-2.json.gz");
    let bytes = match plain.exists() {
        true => fs::read(&plain)?,
        false => {
            let output = Command::new("gzip").arg("-dc").arg(&packed).output()?;
            ensure!(output.status.success(), "cannot unpack {}", packed.display());
            output.stdout
        }
    };
    serde_json::from_slice(&bytes).with_context(|| format!("in {}", directory.display()))
}

fn prune(full: Model, service: &Service) -> Result<Model> {
    let mut actions: Vec<_> = full.operations.0.iter().map(|(name, _)| name.clone()).collect();
    actions.sort();
    for name in service.operations {
        ensure!(actions.iter().any(|action| action == name), "{} has no {name}", service.name);
    }
    let wanted = |name: &str| service.operations.is_empty() || service.operations.contains(&name);
    let operations: Vec<_> =
        full.operations.0.into_iter().filter(|(name, _)| wanted(name)).collect();

    let mut reached = BTreeSet::new();
    let mut ahead: Vec<String> = Vec::new();
    for (_, operation) in &operations {
        let references = operation.input.iter().chain(&operation.output).chain(&operation.errors);
        ahead.extend(references.map(|reference| reference.shape.clone()));
    }
    while let Some(name) = ahead.pop() {
        let shape = full.shapes.find(&name).with_context(|| format!("no shape {name}"))?;
        // Of an exception only its message is written, whose place is known without its shape.
        if reached.insert(name) && !shape.exception {
            ahead.extend(shape.references().map(|reference| reference.shape.clone()));
        }
    }
    let mut shapes = full.shapes.0;
    shapes.retain(|(name, _)| reached.contains(name));
    for (_, shape) in shapes.iter_mut().filter(|(_, shape)| shape.exception) {
        if let Some(members) = &mut shape.members {
            members.0.retain(|(name, _)| name.eq_ignore_ascii_case("message"));
        }
    }
    for name in service.sensitive {
        let shape = shapes.iter_mut().find(|(shape, _)| shape == name);
        shape.with_context(|| format!("no shape {name}"))?.1.sensitive = true;
    }
    Ok(Model {
        metadata: full.metadata,
        actions,
        operations: Ordered(operations),
        shapes: Ordered(shapes),
    })
}

fn version(package: &Path) -> Result<String> {
    let text = fs::read_to_string(package.join("__init__.py"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "));
    Ok(line.context("no __version__ in the package")?.trim_matches(['\'', '"']).to_owned())
}

/// A source release keeps its licence above the package, an installed one in the `dist-info`.
fn licence(package: &Path, name: &str) -> Option<PathBuf> {
    let above = package.parent()?;
    let info = fs::read_dir(above).ok()?.filter_map(|entry| entry.ok()).map(|entry| entry.path());
    let info = info.filter(|path| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        file.starts_with("botocore-") && file.ends_with(".dist-info")
    });
    let places = info.flat_map(|path| [path.join(name), path.join("licenses").join(name)]);
    std::iter::once(above.join(name)).chain(places).find(|path| path.is_file())
}
