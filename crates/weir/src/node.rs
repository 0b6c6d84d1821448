//! Puts the parts together: store, plane, data threads, authority, reconcilers, API.
//!
//! ```text
//! data dir locked ▶ key ▶ block of addresses ▶ data threads ▶ catalog loaded and published
//!                 ▶ default networks ▶ API bound ▶ address written ▶ serving
//! ```
//!
//! Invariant: traffic of what is stored flows before the API answers, and whatever fails before
//! that leaves no thread and no file behind except the data directory itself.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::net::TcpListener;
use weir_control::api::{front::Front, server};
use weir_control::logs::LogSlots;
use weir_control::plane::Plane;
use weir_control::{Authority, metrics, probe, reconcile};
use weir_core::resource::AccountId;
use weir_core::snapshot::NodeFacts;
use weir_l7::io::Plane as HttpPlane;
use weir_net::block::Block;
use weir_net::budget::Budget;
use weir_net::records::{ChunkWriter, chunk_channel};
use weir_net::telemetry::Telemetry;
use weir_net::threads::{Config as ThreadConfig, DataThreads};
use weir_store::archive::{INTERVAL_US, LogDirectory, LogSpool, SpoolConfig, SpoolStats};
use weir_store::{AnyStore, Sqlite};

use crate::config::Config;
use crate::credentials::Credentials;
use crate::tree::Tree;
use crate::{env, ls, secret_file};

/// How long requests in flight may take once the process was asked to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// A running instance.
pub struct Node {
    /// Where the API listens.
    pub api: SocketAddr,
    /// The region that was named first.
    pub region: String,
    listener: TcpListener,
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
        let store = Arc::new(AnyStore::from(Sqlite::open(&config.data_dir, Default::default())?));
        let used_before = Credentials::read(&config.data_dir).is_ok();
        let credentials = Credentials::establish(config)?;
        let block = Block::claim(&config.data_dir)?;
        let budget = Budget::of_process(config.threads).context("the descriptor limit")?;
        tracing::info!(
            listeners = budget.listeners_max(),
            connections_per_thread = budget.connections_per_thread(),
            "descriptor budget"
        );
        let account = AccountId::new(credentials.account_id.clone());
        let facts = NodeFacts { threads: config.threads, account: account.clone() };
        let directory = Arc::new(LogDirectory::default());
        let plane =
            Arc::new(Plane::new(Arc::clone(&budget), facts, LogSlots::new(directory.clone())));
        let telemetry = Arc::new(Telemetry::new(config.threads));
        let spool_stats = Arc::new(SpoolStats::default());
        let (threads, spool) =
            spawn_threads(config, &budget, &telemetry, &plane, directory, &spool_stats)?;
        let mut catalog = config.catalog.clone();
        catalog.account = account;
        let settings = weir_control::Settings { catalog, credentials: credentials.control() };
        let authority = Authority::start(store, plane, settings).await?;
        let loaded = authority.revision().0;
        tracing::info!(revision = loaded, "catalog loaded");
        if used_before && loaded == 0 {
            let directory = config.data_dir.display();
            tracing::warn!(%directory, "the store is empty although the directory was used before");
        }
        reconcile::regions(&authority, block.second_octet())
            .await
            .map_err(|error| anyhow!("the default networks cannot be made: {error:?}"))?;
        let listener = TcpListener::bind(config.api).await.with_context(|| {
            format!("the API cannot listen on {} (name another with --api)", config.api)
        })?;
        let api = listener.local_addr().context("the API's address")?;
        let region = config.region.clone();
        secret_file::write(&config.data_dir.join(env::API_FILE), &format!("{api}\n"))?;
        secret_file::write(&config.data_dir.join(env::REGION_FILE), &format!("{region}\n"))?;
        let tree = authority.clone();
        ls::serve(&config.data_dir, move || Tree::collect(&tree))?;
        Ok(Self {
            api,
            region,
            listener,
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
        ];
        let (authority, telemetry) = (self.authority.clone(), Arc::clone(&self.telemetry));
        let stats = Arc::clone(&self.spool_stats);
        let page: server::MetricsPage =
            Arc::new(move || metrics::render(&authority, &telemetry, &stats));
        server::serve(self.listener, Front::new(self.authority.clone()), page, shutdown).await;
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
        // The spool ends once the last data thread has dropped its end of the queue.
        let spool = tokio::task::spawn_blocking(move || self.spool.join());
        if tokio::time::timeout(DRAIN, spool).await.is_err() {
            tracing::error!("access logs were not all archived; the next start does it");
        }
    }
}

fn data_dir(config: &Config) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .with_context(|| format!("cannot make the data directory {}", config.data_dir.display()))
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
