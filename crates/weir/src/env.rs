//! `weir env`: exports that point aws-cli and SDKs here.
//!
//! Invariant: every value is quoted for a POSIX shell.

use std::path::Path;

use anyhow::Context;

use crate::cli::DirArgs;
use crate::config;
use crate::credentials::Credentials;
use crate::tls::AUTHORITY_FILE;

/// The file in the data directory that holds where the API listens, one address per line: bare
/// without TLS, as a URL with it.
pub const API_FILE: &str = "api-address";
/// The file in the data directory that holds the first region.
pub const REGION_FILE: &str = "region";

/// Prints the exports.
pub fn run(args: &DirArgs) -> anyhow::Result<()> {
    let data_dir = config::data_dir(args)?;
    let credentials = Credentials::read(&data_dir)?;
    let urls = api_urls(&data_dir)?;
    let url = urls.first().context("the API's address is not kept")?;
    let region = kept(&data_dir, REGION_FILE)?;
    let authority = data_dir.join(AUTHORITY_FILE);
    let authority = Some(authority).filter(|file| url.starts_with("https:") && file.exists());
    print!("{}", render(&credentials, url, &region, authority.as_deref()));
    Ok(())
}

/// Where the API listens, as URLs.
pub fn api_urls(data_dir: &Path) -> anyhow::Result<Vec<String>> {
    let url = |line: &str| {
        if line.contains("://") { line.to_owned() } else { format!("http://{line}") }
    };
    Ok(kept(data_dir, API_FILE)?.lines().map(url).collect())
}

/// A one-line file of the data directory.
pub fn kept(data_dir: &Path, name: &str) -> anyhow::Result<String> {
    let path = data_dir.join(name);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("cannot read {} (was `weir up` started with this directory?)", path.display())
    })?;
    Ok(text.trim().to_owned())
}

/// `authority` is the file that makes clients trust a certificate that was made here.
fn render(credentials: &Credentials, url: &str, region: &str, authority: Option<&Path>) -> String {
    let trust = authority.map(|file| file.display().to_string());
    let trust = trust.as_deref().map(|file| ("AWS_CA_BUNDLE", file));
    [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_REGION", region),
    ]
    .into_iter()
    .chain(trust)
    .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
    .chain(["unset AWS_SESSION_TOKEN AWS_PROFILE\n".to_owned()])
    .collect()
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_for_a_shell() {
        let credentials = Credentials {
            account_id: "123456789012".into(),
            access_key_id: "AKIAEXAMPLE".into(),
            secret_access_key: "it's secret".into(),
        };
        let tls = render(&credentials, "https://h:1", "r", Some(Path::new("/d/ca.pem")));
        assert!(tls.contains("export AWS_CA_BUNDLE='/d/ca.pem'\n"), "{tls}");
        insta::assert_snapshot!(render(&credentials, "http://127.0.0.1:8780", "us-east-1", None), @r"
        export AWS_ENDPOINT_URL='http://127.0.0.1:8780'
        export AWS_ACCESS_KEY_ID='AKIAEXAMPLE'
        export AWS_SECRET_ACCESS_KEY='it'\''s secret'
        export AWS_DEFAULT_REGION='us-east-1'
        export AWS_REGION='us-east-1'
        unset AWS_SESSION_TOKEN AWS_PROFILE
        ");
    }
}
