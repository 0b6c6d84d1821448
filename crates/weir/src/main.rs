//! The one binary: `weir up` and the commands that talk to it.
//!
//! Only this crate knows all the others; it reads settings, wires parts together and handles
//! signals. It decides nothing about load balancing.
//!
//! Invariant: standard output carries what was asked for; everything else goes to standard error.
#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(clippy::print_stdout, reason = "a command-line tool answers on standard output")]

mod cli;
mod client;
mod config;
mod credentials;
mod demo;
mod env;
mod ls;
mod network;
mod node;
mod secret_file;
mod tls;
mod tree;
mod up;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let result = match &cli.command {
        cli::Command::Up(args) => up::run(args),
        cli::Command::Env(args) => env::run(args),
        cli::Command::Ls(args) => ls::run(args),
        cli::Command::Demo(args) => demo::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir: {error:#}");
            ExitCode::FAILURE
        }
    }
}
