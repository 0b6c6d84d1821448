//! What was typed.
//!
//! Invariant: nothing here has a meaning yet; `config` turns it into settings.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Elastic Load Balancing that you run yourself.
#[derive(Debug, Parser)]
#[command(name = "weir", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the API and the load balancers in the foreground
    Up(UpArgs),
    /// Print exports for aws-cli and SDKs: eval "$(weir env)"
    Env(DirArgs),
    /// Show load balancers, listeners, rules, groups and targets
    Ls(LsArgs),
    /// Put two tiny targets behind a load balancer until Ctrl-C
    Demo(DirArgs),
}

/// Where an instance of Weir keeps its things.
#[derive(Clone, Debug, Default, Args)]
pub struct DirArgs {
    /// Data directory [default: $XDG_DATA_HOME/weir or ~/.local/share/weir]
    #[arg(long, env = "WEIR_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Arguments of `weir up`.
#[derive(Clone, Debug, Default, Args)]
pub struct UpArgs {
    /// See [`DirArgs`].
    #[command(flatten)]
    pub dir: DirArgs,
    /// Where the API listens, comma-separated; port 0 picks a free one [default: 127.0.0.1:8780]
    #[arg(long, env = "WEIR_API", value_name = "ADDRESS", value_delimiter = ',',
          value_parser = crate::network::api_entry)]
    pub api: Vec<String>,
    /// Settings file (TOML)
    #[arg(long, env = "WEIR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Arguments of `weir ls`.
#[derive(Clone, Debug, Default, Args)]
pub struct LsArgs {
    /// See [`DirArgs`].
    #[command(flatten)]
    pub dir: DirArgs,
    /// Width of the output in columns [default: that of the terminal, or 100]
    #[arg(long, env = "COLUMNS", value_name = "N")]
    pub columns: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
