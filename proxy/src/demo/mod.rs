//! The tour: hosts, certificates and backends of its own, and weir between them.

mod backends;
mod certificates;
mod network;
mod tour;

use std::fmt;
use std::io;
use std::path::PathBuf;

use hosts::{Folder, HostError};

use self::certificates::{Authority, CertificateError};
use self::network::Network;
use self::tour::Tour;

/// What the tour is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// When the tour is over.
    pub(crate) afterwards: Afterwards,
}

/// What happens when the tour is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// Everything goes away.
    CleanUp,
    /// It stays until a signal.
    Keep,
}

/// Why the tour ended early.
#[derive(Debug)]
pub(crate) enum DemoError {
    /// A host, a server or a command on it.
    Host(HostError),
    /// A certificate.
    Certificate(CertificateError),
    /// A file of the demo can't be written.
    Write(PathBuf, io::Error),
    /// Something of this process itself.
    Own(&'static str, io::Error),
    /// weir ended, or did not become ready; what it said.
    Weir(String),
    /// A virtual host answered something else.
    WrongAnswer {
        /// What was fetched.
        url: String,
        /// What came.
        answer: String,
    },
}

/// The tour.
///
/// # Errors
/// [`DemoError`] says which step failed and why.
pub(crate) fn run(options: &Options) -> Result<(), DemoError> {
    let folder = Folder::new("weir-demo-")?;
    say("Two hosts and a cable between them (network namespaces, veth) ...");
    let network = Network::new()?;
    say("A certificate authority and three certificates ...");
    let authority = Authority::new(folder.path())?;
    say("Three web servers behind the edge (nginx) ...");
    let _backends = backends::start(&network.edge, folder.path())?;
    say("weir on the edge ...\n");
    let tour = Tour::start(&network, &authority, folder.path())?;
    tour.visit()?;
    match options.afterwards {
        Afterwards::CleanUp => say("\nDone; hosts, certificates and servers are gone again."),
        Afterwards::Keep => tour.stay()?,
    }
    Ok(())
}

/// Tells the person who watches.
#[expect(clippy::print_stdout, reason = "the demo talks to a person")]
fn say(line: &str) {
    println!("{line}");
}

impl From<HostError> for DemoError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<CertificateError> for DemoError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::Write(path, error) => write!(f, "can't write {}: {error}", path.display()),
            Self::Own(what, error) => write!(f, "can't have {what}: {error}"),
            Self::Weir(said) => write!(f, "weir did not start; it said:\n{said}"),
            Self::WrongAnswer { url, answer } => write!(f, "{url} answered {answer:?}"),
        }
    }
}

impl std::error::Error for DemoError {}
