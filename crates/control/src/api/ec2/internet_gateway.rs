//! Internet gateways, told in EC2's words.
//!
//! Invariant: a gateway is told with its attachment exactly while it has one.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use weir_core::catalog::Command;
use weir_core::catalog::command::{Ec2Id, InternetGatewayCreate, InternetGatewayPlace};
use weir_core::resource::InternetGateway;
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::value::Value;

use super::super::call::Call;
use super::filter::{Filters, text};
use super::network::{Listing, internet_gateway_of, listed, wanted};
use super::{tags, tags_for};

const FILTERS: &[&str] =
    &["attachment.state", "attachment.vpc-id", "internet-gateway-id", "owner-id"];
const LISTING: Listing<api::InternetGateway> =
    Listing { key: |gateway| &gateway.internet_gateway_id, tags: |gateway| &gateway.tags, values };

/// `CreateInternetGateway`.
pub async fn create(
    call: &Call,
    input: api::CreateInternetGatewayRequest,
) -> Result<api::CreateInternetGatewayResult, ApiError> {
    let command = InternetGatewayCreate {
        region: call.facts.region.clone(),
        tags: tags_for(input.tag_specifications, "internet-gateway", &[])?,
    };
    let decision = call.submit(Command::InternetGatewayCreate(command)).await?;
    let gateway = shape(call, &internet_gateway_of(call, &decision)?);
    Ok(api::CreateInternetGatewayResult { internet_gateway: Some(gateway) })
}

/// `DeleteInternetGateway`.
pub async fn delete(
    call: &Call,
    input: api::DeleteInternetGatewayRequest,
) -> Result<Value, ApiError> {
    let region = call.facts.region.clone();
    let command = Ec2Id { region, id: input.internet_gateway_id.unwrap_or_default() };
    call.submit(Command::InternetGatewayDelete(command)).await?;
    Ok(Value::Null)
}

/// `AttachInternetGateway`.
pub async fn attach(
    call: &Call,
    input: api::AttachInternetGatewayRequest,
) -> Result<Value, ApiError> {
    let command = place(call, input.internet_gateway_id, input.vpc_id);
    call.submit(Command::InternetGatewayAttach(command)).await?;
    Ok(Value::Null)
}

/// `DetachInternetGateway`.
pub async fn detach(
    call: &Call,
    input: api::DetachInternetGatewayRequest,
) -> Result<Value, ApiError> {
    let command = place(call, input.internet_gateway_id, input.vpc_id);
    call.submit(Command::InternetGatewayDetach(command)).await?;
    Ok(Value::Null)
}

/// `DescribeInternetGateways`.
pub fn describe(
    call: &Call,
    input: api::DescribeInternetGatewaysRequest,
) -> Result<api::DescribeInternetGatewaysResult, ApiError> {
    let filters = Filters::new(input.filters, FILTERS)?;
    let region = &call.facts.region;
    let found: Vec<api::InternetGateway> =
        call.read(|catalog| match wanted(input.internet_gateway_ids) {
            None => Ok(catalog.internet_gateways_in(region).map(|one| shape(call, one)).collect()),
            Some(ids) => {
                let find =
                    |id: &String| Ok(shape(call, catalog.internet_gateway_named_by(region, id)?));
                ids.iter().map(find).collect()
            }
        })?;
    let (gateways, next_token) =
        listed(found, &filters, &LISTING, input.max_results, input.next_token)?;
    Ok(api::DescribeInternetGatewaysResult { internet_gateways: Some(gateways), next_token })
}

fn place(call: &Call, gateway: Option<String>, vpc: Option<String>) -> InternetGatewayPlace {
    InternetGatewayPlace {
        region: call.facts.region.clone(),
        gateway: gateway.unwrap_or_default(),
        vpc: vpc.unwrap_or_default(),
    }
}

// === shapes ===

fn shape(call: &Call, gateway: &InternetGateway) -> api::InternetGateway {
    let attachment = gateway.vpc.as_ref().map(|vpc| api::InternetGatewayAttachment {
        state: Some("available".to_owned()),
        vpc_id: Some(vpc.to_string()),
    });
    api::InternetGateway {
        attachments: Some(attachment.into_iter().collect()),
        internet_gateway_id: Some(gateway.id.to_string()),
        owner_id: Some(call.facts.account.to_string()),
        tags: Some(tags(&gateway.tags)),
    }
}

fn values(gateway: &api::InternetGateway, name: &str) -> Vec<String> {
    let attachments = gateway.attachments.iter().flatten();
    match name {
        "attachment.state" => attachments.flat_map(|a| text(&a.state)).collect(),
        "attachment.vpc-id" => attachments.flat_map(|a| text(&a.vpc_id)).collect(),
        "internet-gateway-id" => text(&gateway.internet_gateway_id),
        "owner-id" => text(&gateway.owner_id),
        _ => Vec::new(),
    }
}
