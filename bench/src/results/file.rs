//! The result file: facts and seconds, and sums over them for whoever reads it.

use std::fmt;
use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::judgement::{Judgement, LimitedSecond, RULE};
use super::summary::{Percentiles, Scope, Summary};
use crate::seconds::{Cell, Limit, Own, Second};

/// What a result file calls itself.
const FORMAT: &str = "weir-bench results";

/// Goes up when a reader of the last version would misread the file. What is only added does not count.
const VERSION: u32 = 1;

/// What a run found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Results {
    pub(crate) facts: Facts,
    /// The seconds of all workers merged, in order.
    pub(crate) seconds: Vec<Second>,
    pub(crate) limited: Vec<LimitedSecond>,
}

/// Which places of a scenario.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Places {
    All,
    /// Those of phases that count.
    Measured,
}

/// Why a file could not be read or written.
#[derive(Debug)]
pub(crate) enum FileError {
    Io {
        path: PathBuf,
        source: io::Error,
    },
    /// Not JSON, or not of that form.
    Json {
        path: PathBuf,
        source: serde_json::Error,
    },
    /// JSON, but not results.
    Format {
        path: PathBuf,
    },
    /// Results of another version.
    Version {
        path: PathBuf,
        version: u32,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Json { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Format { path } => {
                write!(f, "{}: not a result file of weir-bench (run --output FILE)", path.display())
            }
            Self::Version { path, version } => write!(
                f,
                "{}: results of version {version}; this weir-bench reads version {VERSION}",
                path.display()
            ),
        }
    }
}

impl std::error::Error for FileError {}

/// The file as it is written.
#[derive(Serialize)]
struct Written<'a> {
    format: &'static str,
    version: u32,
    facts: &'a Facts,
    summary: Summaries,
    limited_seconds: &'a [LimitedSecond],
    seconds: &'a [Second],
}

/// Sums, which a reader of ours makes again.
#[derive(Serialize)]
struct Summaries {
    generator: Generator,
    run: Summary,
    phases: Vec<Summary>,
    steps: Vec<Summary>,
}

/// What the generator says of itself.
#[derive(Serialize)]
struct Generator {
    bottleneck: bool,
    limits: Vec<Limit>,
    rule: &'static str,
    cpu_share: f64,
    lateness_us: Percentiles,
    ring_drops: u64,
    turns: u64,
}

/// Its name and version: looked at before the rest.
#[derive(Deserialize)]
struct Kind {
    format: String,
    version: u32,
}

/// What of it is read.
#[derive(Deserialize)]
struct Read {
    facts: Facts,
    limited_seconds: Vec<LimitedSecond>,
    seconds: Vec<Second>,
}

impl Results {
    /// Sums over a part of the run.
    pub(crate) fn summary(&self, scope: Scope) -> Summary {
        Summary::of(&self.facts, &self.seconds, scope)
    }

    /// The generator's own state, over the whole run.
    pub(crate) fn own(&self) -> Own {
        let mut sum = Second::default();
        for second in &self.seconds {
            sum.merge(&Second { own: second.own.clone(), ..Second::default() });
        }
        sum.own
    }

    /// Was the generator the bottleneck?
    pub(crate) fn judgement(&self) -> Judgement {
        Judgement::of(&self.own(), &self.limited, self.seconds.len())
    }

    /// What happened in a second, at all places or at those that count.
    pub(crate) fn sum_of(&self, second: &Second, places: Places) -> Cell {
        let mut sum = Cell::default();
        for (place, cell) in &second.cells {
            if places == Places::All || self.facts.measures(*place) {
                sum.merge(cell);
            }
        }
        sum
    }

    /// How long a second was, in seconds: the last one is shorter.
    pub(crate) fn length_of(&self, second: &Second) -> f64 {
        second.own.span.as_secs_f64() / f64::from(self.facts.scenario.workers.max(1))
    }

    /// Writes the file.
    pub(crate) fn save(&self, path: &Path) -> Result<(), FileError> {
        let failed = |source| FileError::Io { path: path.to_owned(), source };
        let mut file = BufWriter::new(fs::File::create(path).map_err(failed)?);
        self.write_json(&mut file).and_then(|()| file.flush()).map_err(failed)
    }

    /// Writes one JSON object and a line end.
    pub(crate) fn write_json(&self, to: &mut impl io::Write) -> io::Result<()> {
        serde_json::to_writer(&mut *to, &self.written())?;
        to.write_all(b"\n")
    }

    /// The summary for a person.
    pub(crate) fn to_text(&self) -> String {
        super::text::render(self)
    }

    /// Reads a file.
    pub(crate) fn load(path: &Path) -> Result<Self, FileError> {
        let failed = |source| FileError::Io { path: path.to_owned(), source };
        let bytes = fs::read(path).map_err(failed)?;
        let bad = |source| FileError::Json { path: path.to_owned(), source };
        let Kind { format, version } = match serde_json::from_slice(&bytes) {
            Err(error) if error.is_data() => {
                return Err(FileError::Format { path: path.to_owned() });
            }
            kind => kind.map_err(bad)?,
        };
        if format != FORMAT {
            return Err(FileError::Format { path: path.to_owned() });
        }
        if version != VERSION {
            return Err(FileError::Version { path: path.to_owned(), version });
        }
        let Read { facts, limited_seconds, seconds } =
            serde_json::from_slice(&bytes).map_err(bad)?;
        Ok(Self { facts, seconds, limited: limited_seconds })
    }

    fn written(&self) -> Written<'_> {
        let numbers = |count: usize| (0..count).filter_map(|number| u16::try_from(number).ok());
        let own = self.own();
        let judgement = self.judgement();
        let scenario = &self.facts.scenario;
        Written {
            format: FORMAT,
            version: VERSION,
            facts: &self.facts,
            summary: Summaries {
                generator: Generator {
                    bottleneck: judgement.is_bottleneck(),
                    limits: judgement.limits.into_iter().collect(),
                    rule: RULE,
                    cpu_share: own.cpu_share(),
                    lateness_us: Percentiles::of(&own.lateness),
                    ring_drops: own.ring_drops,
                    turns: own.turns,
                },
                run: self.summary(Scope::Run),
                phases: numbers(scenario.phases.len())
                    .map(|number| self.summary(Scope::Phase(number)))
                    .collect(),
                steps: numbers(scenario.steps.len())
                    .map(|number| self.summary(Scope::Step(number)))
                    .collect(),
            },
            limited_seconds: &self.limited,
            seconds: &self.seconds,
        }
    }
}
