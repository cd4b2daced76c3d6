//! The series that workers write, by room. Positions in each series are those of the lists of label
//! values, in the order of the labels that its comment names.

mod backend;
mod engine;
mod held;
mod tcp;
mod tls;
mod vhost;
mod worker;
mod xdp;

use metrics::{Catalogue, CatalogueError, Family, Ledger, Unit};

use super::{Facts, LabelValues};
use crate::vhost::policy;
use backend::BackendFamilies;
use engine::EngineFamilies;
use held::HeldFamilies;
use tcp::TcpFamilies;
use tls::TlsFamilies;
use vhost::VhostFamilies;
use worker::WorkerFamilies;
use xdp::XdpFamilies;

/// The group of a handshake without a key exchange.
const NO_GROUP: &str = "none";

/// Virtual hosts with series of their own; all others share one.
pub(super) const VHOSTS_MAX: usize = 50;

/// The series that virtual hosts without their own share.
const OTHER_VHOSTS: &str = "__other__";

/// All of them.
#[derive(Debug)]
pub(crate) struct Families {
    /// What the engine counts.
    pub(crate) tcp: TcpFamilies,
    /// What else it counts.
    pub(crate) engine: EngineFamilies,
    /// Handshakes.
    pub(crate) tls: TlsFamilies,
    /// Frames.
    pub(crate) xdp: XdpFamilies,
    /// The way to the servers.
    pub(crate) backend: BackendFamilies,
    /// Traffic by virtual host.
    pub(crate) vhost: VhostFamilies,
    /// What workers do besides.
    pub(crate) worker: WorkerFamilies,
    /// What connections hold.
    pub(crate) held: HeldFamilies,
    /// Bytes by pool.
    pub(crate) memory: Ledger,
    groups: Vec<String>,
    vhosts_listed: usize,
}

impl Families {
    /// Declares everything that workers write and the facts that a scrape finds.
    ///
    /// # Errors
    /// A name, help or label value that can't be, or is there twice.
    pub(crate) fn declare(
        catalogue: &mut Catalogue,
        values: &LabelValues,
        facts: Facts,
    ) -> Result<Self, CatalogueError> {
        facts.declare(catalogue)?;
        let mut vhosts: Vec<_> = values.vhosts.iter().take(VHOSTS_MAX).cloned().collect();
        let vhosts_listed = vhosts.len();
        vhosts.push(OTHER_VHOSTS.to_owned());
        let mut groups: Vec<_> = policy::groups().into_iter().map(|(name, _)| name).collect();
        groups.push(NO_GROUP.to_owned());
        let lists = Lists { values, vhosts, groups };
        Ok(Self {
            tcp: TcpFamilies::declare(catalogue, &lists)?,
            engine: EngineFamilies::declare(catalogue)?,
            tls: TlsFamilies::declare(catalogue, &lists)?,
            xdp: XdpFamilies::declare(catalogue, &lists)?,
            backend: BackendFamilies::declare(catalogue, &lists)?,
            vhost: VhostFamilies::declare(catalogue, &lists)?,
            worker: WorkerFamilies::declare(catalogue, &lists)?,
            held: HeldFamilies::declare(catalogue, &lists)?,
            memory: Ledger::declare(catalogue, &values.memory_pools)?,
            groups: lists.groups,
            vhosts_listed,
        })
    }

    /// The position of the virtual host with this index: its own, or the common one.
    pub(crate) fn vhost(&self, index: u32) -> usize {
        usize::try_from(index).map_or(self.vhosts_listed, |index| index.min(self.vhosts_listed))
    }

    /// The position of a key exchange group by its name, in whatever case IANA and rustls write
    /// it; `None`: there was no key exchange.
    pub(crate) fn group(&self, name: Option<&str>) -> usize {
        let name = name.unwrap_or(NO_GROUP);
        let position = self.groups.iter().position(|group| group.eq_ignore_ascii_case(name));
        // Only groups of the list are ever offered, so none is unknown.
        position.unwrap_or(self.groups.len() - 1)
    }
}

/// The lists while families are declared.
struct Lists<'a> {
    values: &'a LabelValues,
    vhosts: Vec<String>,
    groups: Vec<String>,
}

impl Lists<'_> {
    fn by(&self, name: &str, help: &str, label: (&str, &[&'static str])) -> Family {
        let family = Family::new(name, help).label(label.0, label.1.iter().copied());
        // Names say the unit; bytes are the only one among these.
        if name.ends_with("_bytes_total") { family.unit(Unit::Bytes) } else { family }
    }

    fn by_listener(&self, family: Family, label: &str, values: &[&'static str]) -> Family {
        family
            .label("listener", self.values.listeners.iter().cloned())
            .label(label, values.iter().copied())
    }

    fn by_queue(&self, family: Family, label: &str, values: &[&'static str]) -> Family {
        family
            .label("queue", self.values.queues.iter().cloned())
            .label(label, values.iter().copied())
    }

    fn by_vhost(&self, family: Family) -> Family {
        family.label("vhost", self.vhosts.iter().cloned())
    }
}
