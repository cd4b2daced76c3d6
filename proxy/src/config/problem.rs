//! What can be wrong with a configuration, and how it is said.

use std::fmt;
use std::path::PathBuf;

use super::source::Place;
use crate::certs::CertificateError;
use crate::vhost::name::NameError;

/// One thing that is wrong, or worth a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The file can't be read.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: String,
    },
    /// Not TOML: what the parser says.
    Syntax(String),
    /// A key that nothing reads.
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands, such as `[listen.https]`.
        section: String,
        /// Every key that is read there.
        known: Vec<&'static str>,
    },
    /// A section that only the main file may have.
    MainFileOnly {
        /// The section.
        section: String,
    },
    /// A key that must be there.
    MissingKey {
        /// The key.
        key: &'static str,
        /// The section that lacks it.
        section: String,
    },
    /// A value of another type than the key takes.
    WrongType {
        /// The key.
        key: String,
        /// What it takes.
        expected: &'static str,
        /// The type found.
        found: &'static str,
    },
    /// A value of the right type that means nothing here.
    BadValue {
        /// The key.
        key: String,
        /// What it takes.
        expected: String,
        /// The value as written.
        found: String,
        /// The nearest value that is taken, where there is a list of them.
        nearest: Option<String>,
    },
    /// A list that must have an entry.
    EmptyList {
        /// The key.
        key: &'static str,
    },
    /// A name of something that isn't configured.
    UnknownReference {
        /// What is named: pool, policy, virtual host, server.
        what: &'static str,
        /// The name.
        name: String,
        /// The nearest name that exists.
        nearest: Option<String>,
    },
    /// Not a host name.
    BadName {
        /// As written.
        text: String,
        /// Why not.
        error: NameError,
    },
    /// Two of something that may be there once.
    Duplicate {
        /// What: server name, address, section, server.
        what: &'static str,
        /// Its text.
        text: String,
        /// Where it stands for the first time.
        first: Place,
    },
    /// Neither `pool` nor `alpn`.
    NoRoute {
        /// The virtual host.
        vhost: String,
    },
    /// A rule between two keys is broken.
    Conflict(Conflict),
    /// A certificate or key can't be used.
    Certificate(CertificateError),
    /// A file that a key names can't be used.
    BadFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: String,
    },
    /// Nothing to listen on.
    NoListeners,
    /// A certificate that is not valid any more.
    Expired {
        /// Whole days since.
        days: u64,
    },
    /// A certificate that will soon be invalid.
    ExpiresSoon {
        /// Whole days left.
        days: u64,
    },
    /// A certificate that is not valid yet.
    NotYetValid,
    /// A name that no certificate of the virtual host covers.
    NameNotInCertificate {
        /// The name.
        name: String,
    },
    /// A pool that no virtual host uses.
    UnusedPool {
        /// Its name.
        name: String,
    },
}

/// Two settings that can't be true together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Link settings where the kernel owns the addresses.
    NetworkOfKernel,
    /// A listening address without a network.
    NetworkMissing,
    /// Metrics beyond loopback without a token.
    TokenMissing,
    /// Cipher suites that none of the versions can use, or none left for a version.
    NoSuiteForVersion,
    /// Not a power of two.
    PowerOfTwo,
    /// A listener can't take whatever address a segment is for.
    UnspecifiedAddress,
    /// Port 0.
    PortZero,
    /// Tickets live from a minute to a week.
    TicketLifetime,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetworkOfKernel => {
                "`networks` and `gateways` are for `address_owner = \"engine\"`: here the kernel \
                 owns the addresses and has routes of its own"
            }
            Self::NetworkMissing => {
                "with `address_owner = \"engine\"` every listening address needs an entry in \
                 `networks`, such as \"192.0.2.1/24\""
            }
            Self::TokenMissing => {
                "metrics on an address other than loopback need `metrics_token_file`"
            }
            Self::NoSuiteForVersion => "a TLS version of this policy has no cipher suite",
            Self::PowerOfTwo => "it must be a power of two from 1024 to 1048576",
            Self::UnspecifiedAddress => {
                "the address must be one of the interface's: weir takes segments by address, \
                 `0.0.0.0` and `[::]` would take none"
            }
            Self::TicketLifetime => "tickets live from 1m to 7d: RFC 8446 §4.6.1",
            Self::PortZero => "the port must not be 0",
        })
    }
}

/// Whether a configuration with the problem can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// It can.
    Warning,
    /// It can't.
    Error,
}

impl Problem {
    /// How bad it is.
    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::Expired { .. }
            | Self::ExpiresSoon { .. }
            | Self::NotYetValid
            | Self::NameNotInCertificate { .. }
            | Self::UnusedPool { .. } => Severity::Warning,
            Self::Unreadable { .. }
            | Self::Syntax(_)
            | Self::UnknownKey { .. }
            | Self::MainFileOnly { .. }
            | Self::MissingKey { .. }
            | Self::WrongType { .. }
            | Self::BadValue { .. }
            | Self::EmptyList { .. }
            | Self::UnknownReference { .. }
            | Self::BadName { .. }
            | Self::Duplicate { .. }
            | Self::NoRoute { .. }
            | Self::Conflict(_)
            | Self::Certificate(_)
            | Self::BadFile { .. }
            | Self::NoListeners => Severity::Error,
        }
    }

    /// What was probably meant, or what to do.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::UnknownKey { key, known, .. } => {
                Some(nearest(key, known.iter().copied()).map_or_else(
                    || format!("the keys here are {}", known.join(", ")),
                    |meant| format!("did you mean `{meant}`?"),
                ))
            }
            Self::BadValue { nearest: Some(meant), .. }
            | Self::UnknownReference { nearest: Some(meant), .. } => {
                Some(format!("did you mean \"{meant}\"?"))
            }
            Self::UnknownReference { what: "pool", name, .. } => {
                Some(format!("define it: [pool.{name}] with servers = [\"127.0.0.1:8080\"]"))
            }
            Self::BadName { error: NameError::NotAscii, .. } => {
                Some("write its A-label (xn--...), as `idn2 NAME` prints it".to_owned())
            }
            Self::BadName { error: NameError::Wildcard, .. } => {
                Some("a wildcard is `*.` and a name: \"*.example.com\"".to_owned())
            }
            Self::Duplicate { first, .. } => Some(format!("it is first at {first}")),
            Self::NoRoute { .. } => {
                Some("add pool = \"NAME\", or alpn = { \"h2\" = \"NAME\" }".to_owned())
            }
            Self::Certificate(error) => error.help(),
            Self::NameNotInCertificate { .. } => {
                Some("clients that ask for this name will refuse the certificate".to_owned())
            }
            Self::NoListeners => Some(
                "add [listen.https] with interface = \"eth0\" and address = [\"192.0.2.1:443\"]"
                    .to_owned(),
            ),
            Self::MainFileOnly { .. } => {
                Some("files in vhosts.d hold [vhost], [pool] and [policy] sections".to_owned())
            }
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, error } | Self::BadFile { path, error } => {
                write!(f, "can't use {}: {error}", path.display())
            }
            Self::Syntax(message) => f.write_str(message),
            Self::UnknownKey { key, section, .. } => {
                write!(f, "`{key}` is not a key of {section}")
            }
            Self::MainFileOnly { section } => {
                write!(f, "[{section}] belongs in the main file")
            }
            Self::MissingKey { key, section } => write!(f, "{section} lacks `{key}`"),
            Self::WrongType { key, expected, found } => {
                write!(f, "`{key}` takes {expected}, this is {found}")
            }
            Self::BadValue { key, expected, found, .. } => {
                write!(f, "`{key}` takes {expected}, not \"{found}\"")
            }
            Self::EmptyList { key } => write!(f, "`{key}` is empty"),
            Self::UnknownReference { what, name, .. } => {
                write!(f, "there is no {what} \"{name}\"")
            }
            Self::BadName { text, error } => write!(f, "\"{text}\" is not a host name: {error}"),
            Self::Duplicate { what, text, .. } => write!(f, "{what} \"{text}\" is there twice"),
            Self::NoRoute { vhost } => write!(f, "[vhost.\"{vhost}\"] has no pool"),
            Self::Conflict(conflict) => conflict.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::NoListeners => f.write_str("there is no listener"),
            Self::Expired { days } => write!(f, "the certificate expired {} ago", Days(*days)),
            Self::ExpiresSoon { days } => write!(f, "the certificate expires in {}", Days(*days)),
            Self::NotYetValid => f.write_str("the certificate is not valid yet"),
            Self::NameNotInCertificate { name } => {
                write!(f, "no certificate of this virtual host is for \"{name}\"")
            }
            Self::UnusedPool { name } => write!(f, "no virtual host uses pool \"{name}\""),
        }
    }
}

/// A number of days in words.
struct Days(u64);

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("less than a day"),
            1 => f.write_str("1 day"),
            days => write!(f, "{days} days"),
        }
    }
}

/// The candidate that `text` is most likely a misspelling of.
pub(crate) fn nearest<'a>(
    text: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Likeness below which a guess would only confuse.
    const LIKENESS_MIN: f64 = 0.8;
    candidates
        .map(|candidate| (strsim::jaro_winkler(text, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}
