//! `CreateServiceLinkedRole`.
//!
//! Invariant: a role is made once; who asks again is told so in IAM's words, which tools expect.

use weir_core::catalog::command::ServiceRoleCreate;
use weir_core::catalog::{Command, Resource};
use weir_core::resource::{Region, ServiceRole};
use weir_wire::error::ApiError;
use weir_wire::generated::iam as api;
use weir_wire::time::Time;

use super::super::call::Call;

/// `CreateServiceLinkedRole`.
pub async fn create(
    call: &Call,
    input: api::CreateServiceLinkedRoleRequest,
) -> Result<api::CreateServiceLinkedRoleResponse, ApiError> {
    let create = ServiceRoleCreate {
        region: Region::new(super::server_certificate::REGION),
        service: input.aws_service_name.unwrap_or_default(),
        description: input.description,
        suffix: input.custom_suffix,
    };
    let decision = call.submit(Command::ServiceRoleCreate(create)).await?;
    let made = decision.records.iter().find_map(|record| match record {
        Resource::ServiceRole(role) => Some(shape(role)),
        _ => None,
    });
    let role = made.ok_or_else(|| call.bug(&"a decision lacks its role"))?;
    Ok(api::CreateServiceLinkedRoleResponse { role: Some(role) })
}

fn shape(role: &ServiceRole) -> api::Role {
    api::Role {
        path: Some(format!("/aws-service-role/{}/", role.service)),
        role_name: Some(role.name.clone()),
        role_id: Some(role.id.clone()),
        arn: Some(role.arn.to_string()),
        create_date: Some(Time { epoch_us: role.created_ms.saturating_mul(1_000) }),
        // IAM tells policies as percent-encoded JSON.
        assume_role_policy_document: Some(policy(&role.service)),
        description: role.description.clone(),
        ..Default::default()
    }
}

fn policy(service: &str) -> String {
    let text = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": [service]},
            "Action": ["sts:AssumeRole"],
        }],
    })
    .to_string();
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}
