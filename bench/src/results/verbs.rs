//! `weir-bench report`: what is derived from a result file.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::file::Results;
use super::hdr_log::{self, Time};
use super::{csv, text};

/// Arguments of `weir-bench report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    /// A result file (`weir-bench run --output FILE`).
    results: PathBuf,
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

/// Writes what is asked for.
pub(crate) fn report(arguments: &ReportArguments) -> Result<(), Box<dyn Error>> {
    let results = Results::load(&arguments.results)?;
    if let Some(path) = &arguments.csv {
        write_csv(&results, path)?;
    }
    if let Some(prefix) = &arguments.hdr {
        write_hdr_logs(&results, prefix)?;
    }
    if arguments.text || (arguments.csv.is_none() && arguments.hdr.is_none()) {
        print!("{}", text::render(&results));
    }
    Ok(())
}

/// Writes the table of seconds.
pub(crate) fn write_csv(results: &Results, path: &Path) -> Result<(), Box<dyn Error>> {
    write_file(path, |file| Ok(csv::write(results, file)?))
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
