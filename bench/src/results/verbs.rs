//! `weir-bench report`: what is derived from a result file.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Stderr, Write as _, stderr};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use super::collector::Collector;
use super::endpoint::Endpoint;
use super::facts::Scenario;
use super::file::Results;
use super::hdr_log::{self, Time};
use super::html;
use super::live::{Live, View};

/// Arguments of `weir-bench report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    /// A result file (`weir-bench run --output FILE`).
    results: PathBuf,
    /// One HTML file with plots, which needs nothing else. Made if nothing else is asked for, with the
    /// results' name.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The summary on the standard output.
    #[arg(long)]
    text: bool,
    /// A table with a row for each second.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// HdrHistogram logs: PREFIX.response.hlog and PREFIX.service.hlog with a histogram for each
    /// second, PREFIX.total.hlog with one of each for the whole run.
    #[arg(long, value_name = "PREFIX")]
    hdr: Option<PathBuf>,
}

/// Where a run's results go, and how it is watched: arguments of `weir-bench run`.
#[derive(Args, Debug)]
pub(crate) struct OutputArguments {
    /// The result file: what `weir-bench report` and `weir-bench diff` read.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// One HTML file with plots.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// A table with a row for each second.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// HdrHistogram logs: PREFIX.response.hlog, PREFIX.service.hlog, PREFIX.total.hlog.
    #[arg(long, value_name = "PREFIX")]
    hdr: Option<PathBuf>,
    /// Serve metrics for Prometheus while it runs, at http://ADDR:PORT/metrics.
    #[arg(long, value_name = "ADDR:PORT")]
    metrics: Option<SocketAddr>,
    /// Nothing on the standard error while it runs.
    #[arg(long, short)]
    quiet: bool,
}

impl OutputArguments {
    /// What takes the workers' seconds. Whoever can't serve metrics says so before the run.
    pub(crate) fn collector(
        &self,
        scenario: Scenario,
    ) -> Result<Collector<Stderr>, Box<dyn Error>> {
        let endpoint =
            self.metrics.map(|address| Endpoint::start(address, &scenario)).transpose()?;
        if let Some(endpoint) = endpoint.as_ref().filter(|_| !self.quiet) {
            eprintln!("metrics at http://{}/metrics", endpoint.address());
        }
        let live = Live::new(View::for_output(&stderr(), self.quiet), stderr());
        Ok(Collector::new(scenario, live, endpoint))
    }

    /// Writes every file that was asked for.
    pub(crate) fn write(&self, results: &Results) -> Result<(), Box<dyn Error>> {
        if let Some(path) = &self.output {
            results.save(path)?;
        }
        if let Some(path) = &self.html {
            write_html(results, path)?;
        }
        if let Some(path) = &self.csv {
            write_csv(results, path)?;
        }
        if let Some(prefix) = &self.hdr {
            write_hdr_logs(results, prefix)?;
        }
        Ok(())
    }
}

/// Writes what is asked for.
pub(crate) fn report(arguments: &ReportArguments) -> Result<(), Box<dyn Error>> {
    let results = Results::load(&arguments.results)?;
    let ReportArguments { results: path, html, text, csv, hdr } = arguments;
    let nothing_else = !text && csv.is_none() && hdr.is_none();
    let beside = nothing_else.then(|| path.with_extension("html"));
    if let Some(path) = html.as_ref().or(beside.as_ref()) {
        write_html(&results, path)?;
    }
    if let Some(path) = csv {
        write_csv(&results, path)?;
    }
    if let Some(prefix) = hdr {
        write_hdr_logs(&results, prefix)?;
    }
    if *text {
        print!("{}", results.to_text());
    }
    Ok(())
}

/// Writes the report.
fn write_html(results: &Results, path: &Path) -> Result<(), Box<dyn Error>> {
    write_file(path, |file| Ok(file.write_all(html::render(results).as_bytes())?))
}

/// Writes the table of seconds.
fn write_csv(results: &Results, path: &Path) -> Result<(), Box<dyn Error>> {
    write_file(path, |file| Ok(super::csv::write(results, file)?))
}

/// Writes the three logs.
pub(crate) fn write_hdr_logs(results: &Results, prefix: &Path) -> Result<(), Box<dyn Error>> {
    let path = |name: &str| {
        let mut path = prefix.as_os_str().to_owned();
        path.push(format!(".{name}.hlog"));
        PathBuf::from(path)
    };
    for time in Time::ALL {
        write_file(&path(time.name()), |file| hdr_log::write_seconds(results, time, file))?;
    }
    write_file(&path("total"), |file| hdr_log::write_totals(results, file))
}

fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let named = |error: Box<dyn Error>| format!("{}: {error}", path.display());
    let mut file = BufWriter::new(File::create(path).map_err(|error| named(error.into()))?);
    write(&mut file).map_err(named)?;
    file.flush().map_err(|error| named(error.into()))?;
    Ok(())
}
