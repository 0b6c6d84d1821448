//! What it means: flags, environment and the settings file become one value.
//!
//! Flags win over the environment (clap does that), the environment over the file, the file over
//! the defaults.
//!
//! Invariant: an unknown key of the file is an error, never ignored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use ipnet::IpNet;
use serde::Deserialize;
use weir_core::catalog::{Quotas, Settings, Waiver};
use weir_core::resource::{AccountId, Region};
use weir_net::address::Interface;

use crate::cli::{DirArgs, UpArgs};
use crate::network::{self, ApiAddress, ApiTls, FileApi, FileInterface, FilePools};

/// Where the API listens when nothing is named.
const API: &str = "127.0.0.1:8780";
/// The region when none is named.
const REGION: &str = "us-east-1";
/// The account when none is named.
const ACCOUNT: &str = "123456789012";

/// Everything `weir up` needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where the API listens, at least one.
    pub api: Vec<ApiAddress>,
    /// The operator's certificate for it.
    pub api_tls: Option<ApiTls>,
    /// Which devices carry which blocks.
    pub interfaces: Vec<Interface>,
    /// Data threads.
    pub threads: usize,
    /// The folder that stands for S3: access logs go below `<log_root>/<bucket>/…`.
    pub log_root: PathBuf,
    /// Account, regions, quotas, waivers.
    pub catalog: Settings,
    /// The region that was named first: what `weir env` exports.
    pub region: String,
    /// A key that the operator chose; otherwise one is made.
    pub key: Option<ChosenKey>,
    /// Whether the account was chosen, or is the default.
    pub account_was_chosen: bool,
}

/// An access key from the environment or the settings file.
#[derive(Clone)]
pub struct ChosenKey {
    /// `AKIA…`.
    pub id: String,
    /// Never printed.
    pub secret: String,
}

/// The settings file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    #[serde(alias = "data-dir")]
    data_dir: Option<PathBuf>,
    api: Option<FileApi>,
    #[serde(alias = "api-insecure")]
    api_insecure: bool,
    #[serde(alias = "api-tls")]
    api_tls: Option<ApiTls>,
    interfaces: Vec<FileInterface>,
    #[serde(alias = "public-pool")]
    public_pool: Vec<IpNet>,
    #[serde(alias = "elastic-pool")]
    elastic_pool: Vec<IpNet>,
    #[serde(alias = "ipam-pools")]
    ipam_pools: BTreeMap<String, Vec<IpNet>>,
    threads: Option<usize>,
    #[serde(alias = "log-root")]
    log_root: Option<PathBuf>,
    #[serde(alias = "account-id")]
    account_id: Option<String>,
    #[serde(alias = "access-key-id")]
    access_key_id: Option<String>,
    #[serde(alias = "secret-access-key")]
    secret_access_key: Option<Hidden>,
    regions: Option<Vec<String>>,
    domain: Option<String>,
    waive: Vec<String>,
    #[serde(alias = "allow-unserved-types")]
    allow_unserved_types: bool,
    quotas: FileQuotas,
}

/// A string that `Debug` does not show.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
struct Hidden(String);

macro_rules! file_quotas {
    ($($name:ident,)*) => {
        /// `[quotas]` of the settings file: any of [`Quotas`].
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct FileQuotas {
            $($name: Option<usize>,)*
        }

        impl FileQuotas {
            fn over(&self, base: Quotas) -> Quotas {
                Quotas { $($name: self.$name.unwrap_or(base.$name),)* }
            }
        }
    };
}

file_quotas! {
    load_balancers,
    network_load_balancers,
    gateway_load_balancers,
    gateway_load_balancers_per_vpc,
    network_interfaces_per_vpc,
    gateway_interfaces_per_vpc,
    listeners_per_network_load_balancer,
    rules_per_network_load_balancer,
    certificates_per_load_balancer,
    certificates_per_network_load_balancer,
    geneve_target_groups,
    targets_per_network_load_balancer,
    targets_per_network_zone,
    targets_per_gateway_zone,
    reserved_units_per_load_balancer,
    reserved_units_per_network_zone,
    reserved_units_per_region,
    listeners_per_load_balancer,
    rules_per_load_balancer,
    target_groups,
    target_groups_per_load_balancer,
    targets_per_target_group,
    targets_per_load_balancer,
    registrations_per_target,
    security_groups_per_interface,
    security_groups,
    rules_per_security_group,
    vpcs,
    certificates,
    server_certificates,
    trust_stores,
    certificates_per_trust_store,
    subject_bytes_per_trust_store,
    revocation_lists_per_trust_store,
    revoked_entries_per_trust_store,
    prefix_lists,
    elastic_addresses,
    network_interfaces,
    instances,
}

/// Reads an environment variable; an empty one counts as unset.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

// === impl Config ===

impl Config {
    /// Reads the settings file, if any, and the environment of this process.
    pub fn load(args: &UpArgs) -> anyhow::Result<Self> {
        let file = match &args.config {
            Some(path) => read(path)?,
            None => File::default(),
        };
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::resolve(args, file, &env)
    }

    fn resolve(args: &UpArgs, file: File, env: Lookup<'_>) -> anyhow::Result<Self> {
        let dir = DirArgs { data_dir: args.dir.data_dir.clone().or(file.data_dir.clone()) };
        let data_dir = data_dir(&dir)?;
        let typed = args.api.iter().filter(|entry| !entry.is_empty());
        let typed: Vec<String> = typed.cloned().collect();
        let named = match typed.as_slice() {
            [] => file.api.clone().map_or_else(|| vec![API.to_owned()], FileApi::entries),
            _ => typed,
        };
        let api = network::api(&named, file.api_insecure)?;
        let pools = FilePools {
            public: file.public_pool.clone(),
            elastic: file.elastic_pool.clone(),
            ipam: file.ipam_pools.clone(),
        };
        let (interfaces, addresses) = network::plan(file.interfaces.clone(), pools)?;
        let chosen_account = env("WEIR_ACCOUNT_ID").or(file.account_id.clone());
        let threads = file.threads.unwrap_or_else(weir_net::threads::cores);
        let max = weir_core::limits::DATA_THREADS_MAX;
        ensure!((1..=max).contains(&threads), "threads must be 1 to {max}, not {threads}");
        Ok(Self {
            log_root: file.log_root.clone().unwrap_or_else(|| data_dir.join("s3")),
            data_dir,
            api,
            threads,
            account_was_chosen: chosen_account.is_some(),
            region: regions(&file, env)?.swap_remove(0),
            catalog: Settings { addresses, ..catalog(&file, chosen_account, env)? },
            api_tls: file.api_tls.clone(),
            interfaces,
            key: key(&file, env)?,
        })
    }
}

impl std::fmt::Debug for ChosenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChosenKey({}, ***)", self.id)
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// The data directory that these arguments mean.
pub fn data_dir(args: &DirArgs) -> anyhow::Result<PathBuf> {
    if let Some(dir) = &args.data_dir {
        return std::path::absolute(dir).context("the data directory");
    }
    let base = std::env::var_os("XDG_DATA_HOME").filter(|dir| !dir.is_empty());
    if let Some(base) = base {
        return Ok(PathBuf::from(base).join("weir"));
    }
    let home = std::env::var_os("HOME").filter(|dir| !dir.is_empty());
    let home = home.context("HOME is not set; name a data directory with --data-dir")?;
    Ok(PathBuf::from(home).join(".local/share/weir"))
}

fn read(path: &Path) -> anyhow::Result<File> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the settings file {}", path.display()))?;
    // The parser quotes the faulty line; a line with the secret must not be repeated.
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        anyhow::anyhow!("{}, line {line}: {}", path.display(), error.message())
    })
}

fn catalog(file: &File, account: Option<String>, env: Lookup<'_>) -> anyhow::Result<Settings> {
    let account = account.unwrap_or_else(|| ACCOUNT.to_owned());
    let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    ensure!(digits, "the account id must be 12 digits, not {account:?}");
    let names = regions(file, env)?;
    let mut settings = Settings::new(AccountId::new(account), names.into_iter().map(Region::new));
    if let Some(domain) = &file.domain {
        settings.domain = domain.clone();
    }
    settings.quotas = file.quotas.over(settings.quotas);
    let waived = match env("WEIR_WAIVE") {
        Some(list) => list.split(',').map(|name| name.trim().to_owned()).collect(),
        None => file.waive.clone(),
    };
    for name in waived.iter().filter(|name| !name.is_empty()) {
        settings.waivers.insert(waiver(name)?);
    }
    settings.allow_unserved_types = match env("WEIR_ALLOW_UNSERVED_TYPES") {
        Some(word) => word.parse().map_err(|_| {
            anyhow!("WEIR_ALLOW_UNSERVED_TYPES must be true or false, not {word:?}")
        })?,
        None => file.allow_unserved_types,
    };
    Ok(settings)
}

/// The names of the regions, at least one, in the order in which they were given.
fn regions(file: &File, env: Lookup<'_>) -> anyhow::Result<Vec<String>> {
    let names: Vec<String> = match env("WEIR_REGIONS") {
        Some(list) => list.split(',').map(|name| name.trim().to_owned()).collect(),
        None => file.regions.clone().unwrap_or_else(|| vec![REGION.to_owned()]),
    };
    ensure!(!names.is_empty(), "at least one region is needed");
    let max = weir_control::reconcile::REGIONS_PER_BLOCK;
    ensure!(names.len() <= max, "at most {max} regions, not {}", names.len());
    for name in &names {
        ensure!(is_region(name), "{name:?} is not the name of a region, such as us-east-1");
    }
    Ok(names)
}

fn waiver(name: &str) -> anyhow::Result<Waiver> {
    let known = || Waiver::ALL.iter().copied();
    known().find(|waiver| waiver.name() == name).with_context(|| {
        let names: Vec<&str> = known().map(Waiver::name).collect();
        format!("unknown waiver {name:?}; known: {}", names.join(", "))
    })
}

fn is_region(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let word = |p: &&str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase());
    let Some((number, words)) = parts.split_last() else { return false };
    words.len() >= 2
        && words.iter().all(word)
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
        && name.len() <= 32
}

fn key(file: &File, env: Lookup<'_>) -> anyhow::Result<Option<ChosenKey>> {
    let id = env("WEIR_ACCESS_KEY_ID").or(file.access_key_id.clone());
    let from_file = file.secret_access_key.clone().map(|hidden| hidden.0);
    let secret = env("WEIR_SECRET_ACCESS_KEY").or(from_file);
    match (id, secret) {
        (Some(id), Some(secret)) => {
            let sound = (3..=128).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            ensure!(sound, "the access key id must be 3 to 128 letters, digits or underscores");
            ensure!(secret.len() >= 6, "the secret access key is too short");
            Ok(Some(ChosenKey { id, secret }))
        }
        (None, None) => Ok(None),
        (Some(_), None) => bail!("an access key id without WEIR_SECRET_ACCESS_KEY"),
        (None, Some(_)) => bail!("a secret access key without WEIR_ACCESS_KEY_ID"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str, env: &[(&str, &str)]) -> anyhow::Result<Config> {
        let file: File = toml::from_str(text)?;
        let args =
            UpArgs { dir: DirArgs { data_dir: Some("/nowhere".into()) }, ..UpArgs::default() };
        let lookup =
            |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Config::resolve(&args, file, &lookup)
    }

    #[test]
    fn defaults() {
        let config = resolve("", &[]).unwrap();
        assert_eq!(config.api[0].to_string(), "http://127.0.0.1:8780");
        assert!(config.interfaces.is_empty() && config.catalog.addresses.carried.is_empty());
        assert_eq!(config.catalog.regions.iter().next().unwrap().as_str(), "us-east-1");
        assert!(config.key.is_none() && !config.account_was_chosen);
        assert_eq!(config.log_root, PathBuf::from("/nowhere/s3"));
    }

    #[test]
    fn environment_wins_over_file() {
        let file = "account_id = '111111111111'\nregions = ['eu-west-1']\n\
                    [quotas]\nload_balancers = 1000";
        let config = resolve(file, &[("WEIR_REGIONS", "us-east-1, us-gov-west-1")]).unwrap();
        assert_eq!(config.catalog.account.as_str(), "111111111111");
        assert_eq!(config.catalog.regions.len(), 2);
        assert_eq!(config.region, "us-east-1");
        let reversed = resolve("regions = ['us-east-1', 'eu-west-1']", &[]).unwrap();
        assert_eq!(reversed.region, "us-east-1", "the first named, not the first by name");
        assert_eq!(config.catalog.quotas.load_balancers, 1_000);
    }

    #[test]
    fn departures_are_asked_for_by_name() {
        let config = resolve("", &[]).unwrap();
        assert!(!config.catalog.allow_unserved_types && config.catalog.waivers.is_empty());
        let file = "allow-unserved-types = true\nwaive = ['sg-in-lb-vpc']\nlog-root = '/l'";
        let config = resolve(file, &[("WEIR_WAIVE", "alb-two-azs, tg-in-lb-vpc")]).unwrap();
        assert!(config.catalog.allow_unserved_types);
        assert_eq!(config.log_root, Path::new("/l"));
        let waived: Vec<_> = config.catalog.waivers.iter().map(|w| w.name()).collect();
        assert_eq!(waived, ["alb-two-azs", "tg-in-lb-vpc"]);
        let off = [("WEIR_ALLOW_UNSERVED_TYPES", "false")];
        assert!(!resolve(file, &off).unwrap().catalog.allow_unserved_types);
        for waiver in Waiver::ALL {
            assert!(resolve("", &[("WEIR_WAIVE", waiver.name())]).is_ok());
        }
    }

    #[test]
    fn mistakes_are_named() {
        let says = |file: &str, env: &[(&str, &str)], text: &str| {
            let error = format!("{:#}", resolve(file, env).unwrap_err());
            assert!(error.contains(text), "{error}");
        };
        says("acount_id = '1'", &[], "unknown field");
        says("account_id = '1'", &[], "12 digits");
        says("regions = ['mars']", &[], "not the name of a region");
        says("api = 'http://0.0.0.0:1'", &[], "api_insecure");
        says("waive = ['x']", &[], "unknown waiver \"x\"; known: alb-two-azs");
        says("threads = 0", &[], "threads must be");
        says("", &[("WEIR_WAIVE", "alb-two-azs,nonsense")], "unknown waiver \"nonsense\"");
        says("", &[("WEIR_ALLOW_UNSERVED_TYPES", "yes")], "must be true or false");
        says("[quotas]\nnonsense = 1", &[], "unknown field");
        says("", &[("WEIR_ACCESS_KEY_ID", "AKIA1")], "without WEIR_SECRET_ACCESS_KEY");
        says("", &[("WEIR_SECRET_ACCESS_KEY", "s")], "without WEIR_ACCESS_KEY_ID");
        says("regions = ['a-b-1','a-b-2','a-b-3','a-b-4','a-b-5','a-b-6']", &[], "at most 5");
    }

    #[test]
    fn secrets_are_not_shown() {
        let env = [("WEIR_ACCESS_KEY_ID", "AKIA1"), ("WEIR_SECRET_ACCESS_KEY", "hunter22")];
        assert!(!format!("{:?}", resolve("", &env).unwrap()).contains("hunter22"));
        let file: File = toml::from_str("secret_access_key = 'hunter22'").unwrap();
        assert!(!format!("{file:?}").contains("hunter22"));
    }
}
