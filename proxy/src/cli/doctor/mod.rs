//! `weir doctor`: what can this machine do, and how is the rest mended?

mod features;
mod machine;
mod network;

use std::fmt::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::failed;

/// Say what this machine can do for weir, and how to mend what it can't
///
/// Exit status: 0 weir can run (perhaps with fallbacks), 1 something it needs is missing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sudo weir doctor\n  sudo weir doctor --json")]
pub(super) struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Prints what it found.
    pub(super) fn execute(self) -> ExitCode {
        let mut findings = machine::findings();
        findings.extend(features::findings());
        findings.extend(network::findings());
        let text = if self.json {
            match serde_json::to_string_pretty(&findings) {
                Ok(text) => text,
                Err(error) => return failed(&error),
            }
        } else {
            match table(&findings) {
                Ok(text) => text,
                Err(error) => return failed(&error),
            }
        };
        println!("{text}");
        if findings.iter().any(|finding| finding.state == State::Missing) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// One thing that matters to weir on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What it is about.
    pub(super) what: String,
    /// How it is.
    pub(super) state: State,
    /// In numbers or names.
    pub(super) detail: String,
    /// What weir does without it, or how to get it.
    pub(super) advice: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Good,
    /// weir runs without it.
    Fallback,
    /// weir doesn't run without it.
    Missing,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "good",
            Self::Fallback => "fallback",
            Self::Missing => "MISSING",
        })
    }
}

fn table(findings: &[Finding]) -> Result<String, fmt::Error> {
    let width = findings.iter().map(|finding| finding.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { what, state, detail, advice } in findings {
        writeln!(text, "{state:<8}  {what:<width$}  {detail}")?;
        if let Some(advice) = advice {
            writeln!(text, "{:<8}  {:<width$}  -> {advice}", "", "")?;
        }
    }
    let missing = findings.iter().filter(|finding| finding.state == State::Missing).count();
    match missing {
        0 => write!(text, "weir can run here")?,
        1 => write!(text, "1 thing is missing")?,
        many => write!(text, "{many} things are missing")?,
    }
    Ok(text)
}
