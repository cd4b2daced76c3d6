//! Who holds how many bytes, and how much of the process's memory nobody accounts for.

use std::io;

use crate::catalogue::Catalogue;
use crate::collect::{CollectedKind, Number, Sample};
use crate::error::CatalogueError;
use crate::family::{Family, Unit};
use crate::gauge::GaugeId;
use crate::registry::{Registry, Snapshot};
use crate::series::Series;
use crate::shard::Shard;

/// Bytes of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Address space, or what the pool may grow to.
    pub reserved: u64,
    /// Memory that was used: what counts against the resident memory.
    pub touched: u64,
}

/// Names a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolId(usize);

/// The memory ledger: pools by name, each thread's share kept in its shard.
///
/// The families are `memory_bytes{pool}` (touched), `memory_reserved_bytes{pool}`,
/// `memory_resident_bytes` and `memory_unaccounted_bytes`. Within one scrape the touched bytes of
/// all pools and the unaccounted ones are the resident ones.
#[derive(Clone, Debug)]
pub struct Ledger {
    touched: Series<GaugeId>,
    reserved: Series<GaugeId>,
    pools: Vec<String>,
}

/// What the ledger says at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerReport {
    /// Every pool, in the order of declaration.
    pub pools: Vec<PoolReport>,
    /// VmRSS and HugetlbPages.
    pub resident_bytes: u64,
    /// Resident bytes that no pool touched; negative when pools count more than is resident.
    pub unaccounted_bytes: i64,
}

/// One pool of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolReport {
    /// The pool.
    pub name: String,
    /// Its bytes in all threads.
    pub bytes: Bytes,
}

impl Ledger {
    /// Declares the pools and the families that show them.
    ///
    /// # Errors
    ///
    /// A name that appears twice, or families that are declared already.
    pub fn declare(catalogue: &mut Catalogue, pools: &[&str]) -> Result<Self, CatalogueError> {
        let family = |name, help| {
            Family::new(name, help).unit(Unit::Bytes).label("pool", pools.iter().copied())
        };
        let touched = catalogue.gauges(family("memory_bytes", "Memory in use by pool."))?;
        let reserved = catalogue
            .gauges(family("memory_reserved_bytes", "Address space or limit of each pool."))?;
        let pools = pools.iter().map(|pool| (*pool).to_owned()).collect();
        let ledger = Self { touched, reserved, pools };
        ledger.collect_totals(catalogue)?;
        Ok(ledger)
    }

    /// The pool of a name.
    pub fn pool(&self, name: &str) -> Option<PoolId> {
        self.pools.iter().position(|pool| pool == name).map(PoolId)
    }

    /// Every pool, in the order of declaration.
    pub fn pools(&self) -> impl Iterator<Item = PoolId> {
        (0..self.pools.len()).map(PoolId)
    }

    /// Says what a thread holds of a pool.
    pub fn set(&self, shard: &Shard, pool: PoolId, bytes: Bytes) {
        shard.set(self.touched.at(&[pool.0]), gauge_of(bytes.touched));
        shard.set(self.reserved.at(&[pool.0]), gauge_of(bytes.reserved));
    }

    /// All pools, and the process's memory.
    ///
    /// # Errors
    ///
    /// The kernel doesn't say how much memory is resident.
    pub fn report(&self, registry: &Registry) -> io::Result<LedgerReport> {
        let snapshot = registry.snapshot();
        let resident_bytes = resident_bytes()?;
        let bytes = |series: &Series<GaugeId>, pool| {
            u64::try_from(snapshot.gauge(series.at(&[pool]))).unwrap_or(0)
        };
        let pools = self.pools.iter().enumerate().map(|(pool, name)| PoolReport {
            name: name.clone(),
            bytes: Bytes {
                reserved: bytes(&self.reserved, pool),
                touched: bytes(&self.touched, pool),
            },
        });
        Ok(LedgerReport {
            pools: pools.collect(),
            resident_bytes,
            unaccounted_bytes: gauge_of(resident_bytes) - self.touched_sum(&snapshot),
        })
    }

    /// Both facts come of one reading, so that they add up within a scrape.
    fn collect_totals(&self, catalogue: &mut Catalogue) -> Result<(), CatalogueError> {
        let ledger = self.clone();
        let unaccounted = move |snapshot: &Snapshot| {
            let touched = ledger.touched_sum(snapshot);
            sample(snapshot.resident_bytes().map(|resident| gauge_of(resident) - touched))
        };
        let resident = |snapshot: &Snapshot| sample(snapshot.resident_bytes().map(gauge_of));
        let gauge = CollectedKind::Gauge;
        let help = "Resident memory of the process, huge pages included.";
        let family = Family::new("memory_resident_bytes", help).unit(Unit::Bytes);
        catalogue.collect(gauge, family, resident)?;
        let help = "Resident memory that no pool accounts for.";
        let family = Family::new("memory_unaccounted_bytes", help).unit(Unit::Bytes);
        catalogue.collect(gauge, family, unaccounted)
    }

    fn touched_sum(&self, snapshot: &Snapshot) -> i64 {
        (0..self.pools.len()).map(|pool| snapshot.gauge(self.touched.at(&[pool]))).sum()
    }
}

/// Resident memory of this process: VmRSS and HugetlbPages of `/proc/self/status`.
///
/// # Errors
///
/// The file can't be read, or has no such lines.
pub fn resident_bytes() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    parse_resident(&status).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Adds up the two lines; a kernel without huge pages has only the first.
pub(crate) fn parse_resident(status: &str) -> Option<u64> {
    let kibibytes = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let resident = kibibytes("VmRSS:")?;
    let huge = kibibytes("HugetlbPages:").unwrap_or(0);
    resident.checked_add(huge)?.checked_mul(1024)
}

fn sample(value: Option<i64>) -> Vec<Sample> {
    value.map(|value| Sample::only(Number::Signed(value))).into_iter().collect()
}

fn gauge_of(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
