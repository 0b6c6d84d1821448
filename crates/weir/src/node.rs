//! Puts the parts together: store, plane, data threads, authority, reconcilers, API.
//!
//! ```text
//! data dir locked ▶ key ▶ block of addresses ▶ data threads ▶ catalog loaded and published
//!                 ▶ default networks ▶ API bound ▶ address written ▶ serving
//! ```
//!
//! Invariant: traffic of what is stored flows before the API answers, and whatever fails before
//! that leaves no thread and no file behind except the data directory itself.

use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::net::TcpListener;
use weir_control::api::front::Front;
use weir_control::api::server::{self, ApiListener};
use weir_control::logs::LogSlots;
use weir_control::plane::Plane;
use weir_control::vault::{Vault, sweep};
use weir_control::{Authority, metrics, probe, reconcile};
use weir_core::resource::AccountId;
use weir_core::snapshot::NodeFacts;
use weir_l7::io::Plane as HttpPlane;
use weir_net::address::Carrier;
use weir_net::block::Block;
use weir_net::budget::Budget;
use weir_net::records::{ChunkWriter, chunk_channel};
use weir_net::telemetry::Telemetry;
use weir_net::threads::{Config as ThreadConfig, DataThreads};
use weir_store::archive::{INTERVAL_US, LogDirectory, LogSpool, SpoolConfig, SpoolStats};
use weir_store::{AnyStore, Sqlite};

use crate::config::Config;
use crate::credentials::Credentials;
use crate::network::{self, ApiAddress};
use crate::tls::ApiCertificates;
use crate::tree::Tree;
use crate::{env, ls, secret_file};

/// How long requests in flight may take once the process was asked to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// The file in the data directory with the addresses that were put on devices.
const ADDRESSES_FILE: &str = "addresses";

/// A running instance.
pub struct Node {
    /// Where the API listens, at least one.
    pub api: Vec<ApiAddress>,
    /// The region that was named first.
    pub region: String,
    /// The operator's certificate files, when they can be read again.
    pub certificates: Option<ApiCertificates>,
    listeners: Vec<ApiListener>,
    carrier: Arc<Carrier>,
    authority: Authority,
    telemetry: Arc<Telemetry>,
    spool_stats: Arc<SpoolStats>,
    threads: DataThreads<()>,
    spool: JoinHandle<()>,
    _block: Block,
}

// === impl Node ===

impl Node {
    /// Starts everything. The API accepts connections when this returns; [`Node::serve`] answers
    /// them.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        data_dir(config)?;
        for waiver in &config.catalog.waivers {
            tracing::warn!(waiver = waiver.name(), "a rule of AWS is waived by the settings");
        }
        if config.catalog.allow_unserved_types {
            tracing::warn!(
                "features that this version does not carry are recorded instead of refused"
            );
        }
        let store = Arc::new(AnyStore::from(Sqlite::open(&config.data_dir, Default::default())?));
        let used_before = Credentials::read(&config.data_dir).is_ok();
        let credentials = Credentials::establish(config)?;
        let block = Block::claim(&config.data_dir)?;
        let certificates = ApiCertificates::establish(config)?;
        let carrier = carrier(config)?;
        let budget = Budget::of_process(config.threads).context("the descriptor limit")?;
        tracing::info!(
            listeners = budget.listeners_max(),
            connections_per_thread = budget.connections_per_thread(),
            "descriptor budget"
        );
        let account = AccountId::new(credentials.account_id.clone());
        let facts = NodeFacts { threads: config.threads, account: account.clone() };
        let directory = Arc::new(LogDirectory::default());
        let plane = Plane::new(Arc::clone(&budget), facts, LogSlots::new(directory.clone()));
        let plane = Arc::new(plane.with_carrier(Arc::clone(&carrier)));
        let telemetry = Arc::new(Telemetry::new(config.threads));
        let spool_stats = Arc::new(SpoolStats::default());
        let (threads, spool) =
            spawn_threads(config, &budget, &telemetry, &plane, directory, &spool_stats)?;
        let mut catalog = config.catalog.clone();
        catalog.account = account;
        network::embedded(&mut catalog.addresses, block.second_octet());
        let settings = weir_control::Settings { catalog, credentials: credentials.control() };
        let authority = Authority::start(Arc::clone(&store), plane, settings).await?;
        attach_vault(config, &authority, store).await?;
        let loaded = authority.revision().0;
        tracing::info!(revision = loaded, "catalog loaded");
        if used_before && loaded == 0 {
            let directory = config.data_dir.display();
            tracing::warn!(%directory, "the store is empty although the directory was used before");
        }
        reconcile::regions(&authority, block.second_octet())
            .await
            .map_err(|error| anyhow!("the default networks cannot be made: {error:?}"))?;
        let (listeners, api) = listen(config, certificates.as_ref()).await?;
        let region = config.region.clone();
        // An address without TLS is kept bare, as it always was.
        let kept = |url: String| url.strip_prefix("http://").unwrap_or(&url).to_owned() + "\n";
        let addresses: String = api.iter().map(|address| kept(address.to_string())).collect();
        secret_file::write(&config.data_dir.join(env::API_FILE), &addresses)?;
        secret_file::write(&config.data_dir.join(env::REGION_FILE), &format!("{region}\n"))?;
        let tree = authority.clone();
        ls::serve(&config.data_dir, move || Tree::collect(&tree))?;
        Ok(Self {
            api,
            region,
            certificates: certificates.filter(|certificates| certificates.is_given),
            listeners,
            carrier,
            authority,
            telemetry,
            spool_stats,
            threads,
            spool,
            _block: block,
        })
    }

    /// Answers API calls and runs the reconcilers until `shutdown`, then drains and stops.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let reconcilers = [
            tokio::spawn(probe::run(self.authority.clone())),
            tokio::spawn(reconcile::reap(self.authority.clone())),
            tokio::spawn(reconcile::rebind(self.authority.clone())),
            tokio::spawn(sweep::run(self.authority.clone())),
        ];
        let (authority, telemetry) = (self.authority.clone(), Arc::clone(&self.telemetry));
        let stats = Arc::clone(&self.spool_stats);
        let page: server::MetricsPage =
            Arc::new(move || metrics::render(&authority, &telemetry, &stats));
        server::serve(self.listeners, Front::new(self.authority.clone()), page, shutdown).await;
        // What the last calls left behind, before nobody writes any more.
        self.authority.settle_records().await;
        for task in reconcilers {
            task.abort();
        }
        tracing::info!("stopping: requests in flight may finish");
        let threads = self.threads;
        let stopped = tokio::task::spawn_blocking(move || threads.stop(DRAIN)).await;
        match stopped {
            Ok(stuck) if stuck.is_empty() => {}
            Ok(stuck) => tracing::error!(?stuck, "data threads did not stop"),
            Err(error) => tracing::error!(%error, "stopping the data threads failed"),
        }
        // Nothing listens any more. What a kill leaves behind ends with its lifetime instead.
        let carrier = self.carrier;
        if let Err(error) = tokio::task::spawn_blocking(move || carrier.stop()).await {
            tracing::error!(%error, "taking the addresses down failed");
        }
        // The spool ends once the last data thread has dropped its end of the queue.
        let spool = tokio::task::spawn_blocking(move || self.spool.join());
        if tokio::time::timeout(DRAIN, spool).await.is_err() {
            tracing::error!("access logs were not all archived; the next start does it");
        }
    }
}

/// Opens the keys of the data directory, now that it is known whether any are needed.
async fn attach_vault(
    config: &Config,
    authority: &Authority,
    store: Arc<AnyStore>,
) -> anyhow::Result<()> {
    let (dir, objects) = (config.data_dir.clone(), config.log_root.clone());
    let reading = authority.clone();
    let open = move || reading.read(|catalog| Vault::open(&dir, objects, store, catalog));
    authority.attach(tokio::task::spawn_blocking(open).await??);
    Ok(())
}

fn data_dir(config: &Config) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .with_context(|| format!("cannot make the data directory {}", config.data_dir.display()))
}

fn carrier(config: &Config) -> anyhow::Result<Arc<Carrier>> {
    for entry in &config.interfaces {
        tracing::info!(cidr = %entry.cidr, device = entry.device, "carrying addresses");
    }
    let ledger = config.data_dir.join(ADDRESSES_FILE);
    Carrier::start(config.interfaces.clone(), &ledger).map_err(Into::into)
}

/// Binds every address of the API, with the ports that were chosen.
async fn listen(
    config: &Config,
    certificates: Option<&ApiCertificates>,
) -> anyhow::Result<(Vec<ApiListener>, Vec<ApiAddress>)> {
    let (mut listeners, mut bound) = (Vec::new(), Vec::new());
    for ApiAddress { addr, tls } in &config.api {
        let listener = TcpListener::bind(addr).await.with_context(|| {
            format!("the API cannot listen on {addr} (name another with --api)")
        })?;
        let addr = listener.local_addr().context("the API's address")?;
        let shown = certificates.filter(|_| *tls).map(|c| Arc::clone(&c.certificates));
        if !tls && !addr.ip().is_loopback() {
            tracing::warn!(%addr, "the API listens without TLS where others can read along");
        }
        listeners.push(ApiListener { listener, certificates: shown });
        bound.push(ApiAddress { addr, tls: *tls });
    }
    Ok((listeners, bound))
}

fn spawn_threads(
    config: &Config,
    budget: &Arc<Budget>,
    telemetry: &Arc<Telemetry>,
    plane: &Arc<Plane>,
    directory: Arc<LogDirectory>,
    stats: &Arc<SpoolStats>,
) -> anyhow::Result<(DataThreads<()>, JoinHandle<()>)> {
    let (sender, chunks) = chunk_channel();
    let spool = SpoolConfig {
        spool: config.data_dir.join("logs/spool"),
        root: config.log_root.clone(),
        interval_us: INTERVAL_US,
    };
    let spool = LogSpool::new(spool, directory, Arc::clone(stats))
        .spawn(chunks)
        .context("the log thread")?;
    let how = ThreadConfig { threads: config.threads, pinned: false };
    let threads = DataThreads::spawn(how, budget, telemetry, plane.publisher(), move |place| {
        let records = ChunkWriter::new(sender.clone(), Arc::clone(&place.counters));
        HttpPlane::new(place.index, weir_control::clock::seed(), Some(records))
    })
    .context("the data threads")?;
    Ok((threads, spool))
}
