//! Parameters of a call as JSON text for its audit record.
//!
//! Invariant: no text of a sensitive shape enters the record, and the record is bounded.

use serde_json::{Map, Value as Json};
use weir_wire::schema::{Kind, Schema, ShapeId};
use weir_wire::value::Value;

use super::limits;

/// Stands where a secret was.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The members of a request by their names in the model, secrets replaced.
pub fn parameters(schema: &Schema, shape: ShapeId, value: &Value) -> String {
    let text = json(schema, shape, value).to_string();
    if text.len() <= limits::AUDIT_PARAMETERS_MAX {
        return text;
    }
    // Cut JSON is not JSON; the names of the members still tell what the call was about.
    let Value::Struct(fields) = value else { return "{}".to_owned() };
    let members = schema.shape(shape).members();
    let names = fields.iter().filter_map(|(index, _)| members.get(usize::from(index)));
    let omitted: Map<String, Json> =
        names.map(|member| (member.name.to_owned(), Json::from("OMITTED_DUE_TO_SIZE"))).collect();
    Json::Object(omitted).to_string()
}

fn json(schema: &Schema, id: ShapeId, value: &Value) -> Json {
    let shape = schema.shape(id);
    if shape.sensitive {
        return Json::from(HIDDEN);
    }
    match (shape.kind, value) {
        (Kind::Structure(members), Value::Struct(fields)) => {
            let known = fields.iter().filter_map(|(at, item)| {
                let member = members.get(usize::from(at))?;
                Some((member.name.to_owned(), json(schema, member.shape, item)))
            });
            Json::Object(known.collect())
        }
        (Kind::List(list), Value::List(items)) => {
            items.iter().map(|item| json(schema, list.member.shape, item)).collect()
        }
        (Kind::Map(map), Value::Map(items)) => {
            let known =
                items.iter().map(|(key, item)| (key.clone(), json(schema, map.value.shape, item)));
            Json::Object(known.collect())
        }
        (_, Value::Bool(flag)) => Json::from(*flag),
        (_, Value::I64(number)) => Json::from(*number),
        (_, Value::F64(number)) => Json::from(*number),
        (_, Value::Str(text)) => Json::from(text.as_str()),
        (_, Value::Time(time)) => Json::from(time.iso8601()),
        (_, Value::Sensitive(_) | Value::Bytes(_)) => Json::from(HIDDEN),
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_wire::generated::{ec2, elbv2};
    use weir_wire::value::{Sensitive, Shaped, ToValue};

    #[test]
    fn secrets_are_replaced_wherever_they_are() {
        let action = elbv2::Action {
            r#type: Some("authenticate-oidc".into()),
            authenticate_oidc_config: Some(elbv2::AuthenticateOidcActionConfig {
                issuer: Some("https://issuer".into()),
                client_secret: Some(Sensitive::new("hunter2")),
                ..Default::default()
            }),
            ..Default::default()
        };
        let input = elbv2::CreateRuleInput {
            actions: Some(vec![action]),
            priority: Some(5),
            ..Default::default()
        };
        let text = parameters(&elbv2::SCHEMA, elbv2::CreateRuleInput::SHAPE, &input.to_value());
        assert!(!text.contains("hunter2"), "{text}");
        let json: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(json["Priority"], 5);
        assert_eq!(json["Actions"][0]["AuthenticateOidcConfig"]["ClientSecret"], HIDDEN);
        assert_eq!(json["Actions"][0]["AuthenticateOidcConfig"]["Issuer"], "https://issuer");
        let run = ec2::RunInstancesRequest {
            user_data: Some(Sensitive::new("cGFzc3dvcmQ=")),
            ..Default::default()
        };
        let text = parameters(&ec2::SCHEMA, ec2::RunInstancesRequest::SHAPE, &run.to_value());
        assert!(!text.contains("cGFzc3dvcmQ="), "{text}");
    }

    #[test]
    fn long_parameters_are_left_out_by_name() {
        let arns = vec!["a".repeat(2_000); 100];
        let input = elbv2::RemoveTagsInput { resource_arns: Some(arns), tag_keys: None };
        let text = parameters(&elbv2::SCHEMA, elbv2::RemoveTagsInput::SHAPE, &input.to_value());
        assert_eq!(text, r#"{"ResourceArns":"OMITTED_DUE_TO_SIZE"}"#);
    }
}
