//! `weir up`: runs an instance in the foreground.
//!
//! Invariant: the process ends with status 0 only after an orderly stop.

use std::future::Future;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::cli::{DirArgs, UpArgs};
use crate::config::{Config, data_dir};
use crate::node::Node;
use crate::tls::ApiCertificates;

/// Threads of the control runtime: the API, the probes, the reconcilers.
const CONTROL_THREADS: usize = 2;

/// Runs until SIGINT or SIGTERM.
pub fn run(args: &UpArgs) -> anyhow::Result<()> {
    log()?;
    let config = Config::load(args)?;
    runtime()?.block_on(async {
        // Before anything starts, so that no signal is lost.
        let stop = stop_signal()?;
        let node = Node::start(&config).await?;
        for api in &node.api {
            println!("Weir serves the API on {api}");
        }
        reload_on_hangup(node.certificates.clone())?;
        println!("Data directory: {}", config.data_dir.display());
        println!("Point your tools here: eval \"$(weir env{})\"", dir_flag(&config));
        node.serve(stop).await;
        Ok(())
    })
}

/// The control runtime.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("weir-control")
        .enable_all()
        .build()
        .context("the control runtime")
}

/// Completes at the first SIGINT or SIGTERM; the second ends the process at once.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tokio::spawn(async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            std::process::exit(130);
        });
    })
}

/// With certificate files of the operator's, SIGHUP reads them again. Without, it ends the process
/// as it always does.
fn reload_on_hangup(certificates: Option<ApiCertificates>) -> anyhow::Result<()> {
    let Some(certificates) = certificates else { return Ok(()) };
    let mut hangup = signal(SignalKind::hangup()).context("signals")?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match certificates.reload() {
                Ok(()) => tracing::info!("the API's certificate was read again"),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(error, "the API keeps its old certificate");
                }
            }
        }
    });
    Ok(())
}

/// Logs go to standard error: `WEIR_LOG` filters, `WEIR_LOG_FORMAT=json` is for machines.
pub fn log() -> anyhow::Result<()> {
    let wanted = std::env::var("WEIR_LOG").ok().filter(|wanted| !wanted.is_empty());
    let wanted = wanted.as_deref().unwrap_or("info");
    let filter = EnvFilter::try_new(wanted)
        .with_context(|| format!("WEIR_LOG={wanted:?} is not a log filter"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let json = std::env::var("WEIR_LOG_FORMAT").is_ok_and(|format| format == "json");
    let result = if json { builder.json().try_init() } else { builder.try_init() };
    result.map_err(|error| anyhow::anyhow!("logging: {error}"))
}

/// What `weir env` needs to find this directory; it may have been named in the settings file.
fn dir_flag(config: &Config) -> String {
    match data_dir(&DirArgs::default()) {
        Ok(usual) if usual == config.data_dir => String::new(),
        _ => format!(" --data-dir {}", config.data_dir.display()),
    }
}
