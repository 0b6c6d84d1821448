//! The models' names as Rust names.
//!
//! Invariant: two members of one structure never get the same name (the emitter checks it).

/// `LoadBalancerArn` → `load_balancer_arn`, `PrivateIPv4Address` → `private_ipv4_address`.
pub fn snake(name: &str) -> String {
    // "IPv4" is one word to a reader, three to the rule below.
    let name = name.replace("IPv", "Ipv").replace("IpV", "Ipv").replace("HTTP", "Http");
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(at + 1);
        let starts_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() && before != '_'
                    || before.is_uppercase() && after.is_some_and(|after| after.is_lowercase())
            });
        if starts_word {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// A field's name, escaped when it is a keyword.
pub fn field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "type" | "return" | "match" | "ref" | "use" | "move" | "static" | "where" | "async"
        | "default" | "enum" | "final" | "in" | "override" => format!("r#{name}"),
        _ => name,
    }
}

/// `TagKey` → `TAG_KEY`.
pub fn constant(name: &str) -> String {
    snake(name).to_uppercase()
}

/// A type's name: the model's, with a capital first letter.
pub fn type_name(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (model, rust) in [
            ("LoadBalancerArn", "load_balancer_arn"),
            ("DNSName", "dns_name"),
            ("PrivateIPv4Address", "private_ipv4_address"),
            ("Ipv6CidrBlockAssociationSet", "ipv6_cidr_block_association_set"),
            ("S3Key", "s3_key"),
            ("Type", "r#type"),
        ] {
            assert_eq!(field(model), rust);
        }
    }
}
