//! Look-up of a virtual host by server name.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::{CanonicalName, NamePattern, Vhost};

/// All virtual hosts by name: the exact name wins, then the wildcard one label up.
#[derive(Debug, Default)]
pub(crate) struct Table {
    vhosts: Vec<Arc<Vhost>>,
    exact: HashMap<CanonicalName, Arc<Vhost>>,
    /// By the suffix without `*.`.
    wildcard: HashMap<CanonicalName, Arc<Vhost>>,
}

impl Table {
    /// A table of `vhosts`. Where two claim a name the first keeps it; the configuration check
    /// has refused such a pair before.
    pub(crate) fn new(vhosts: Vec<Arc<Vhost>>) -> Self {
        let mut table = Self::default();
        for vhost in &vhosts {
            for pattern in &vhost.names {
                let (names, name) = match pattern {
                    NamePattern::Exact(name) => (&mut table.exact, name),
                    NamePattern::Wildcard(suffix) => (&mut table.wildcard, suffix),
                };
                names.entry(name.clone()).or_insert_with(|| Arc::clone(vhost));
            }
        }
        table.vhosts = vhosts;
        table
    }

    /// The virtual host of `name`. A wildcard stands for exactly one label.
    pub(crate) fn find(&self, name: &CanonicalName) -> Option<&Arc<Vhost>> {
        self.exact.get(name).or_else(|| name.parent().and_then(|parent| self.wildcard.get(parent)))
    }

    /// The virtual host for a complete ClientHello with the server name `sni`.
    ///
    /// Only a name that is well formed and unknown, or absent, may go to the default of
    /// `unknown`: a malformed one is refused whatever the listener says.
    ///
    /// # Errors
    /// The refusal, to be answered with the alert `unrecognized_name` and counted.
    pub(crate) fn choose<'a>(
        &'a self,
        sni: Option<&str>,
        unknown: &'a UnknownNames,
    ) -> Result<&'a Arc<Vhost>, Refusal> {
        let refusal = match sni.map(CanonicalName::new) {
            None => Refusal::MissingName,
            Some(Err(_)) => return Err(Refusal::MalformedName),
            Some(Ok(name)) => match self.find(&name) {
                Some(vhost) => return Ok(vhost),
                None => Refusal::UnknownName,
            },
        };
        match unknown {
            UnknownNames::Refuse => Err(refusal),
            UnknownNames::Default(vhost) => Ok(vhost),
        }
    }

    /// Every virtual host, in the order of their names in the configuration.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Vhost>> {
        self.vhosts.iter()
    }

    /// How many virtual hosts there are.
    pub(crate) fn len(&self) -> usize {
        self.vhosts.len()
    }
}

/// What a listener does with a name that no virtual host has, or with a hello without a name.
#[derive(Clone, Debug, Default)]
pub(crate) enum UnknownNames {
    /// Strict: the alert `unrecognized_name`, nothing is forwarded.
    #[default]
    Refuse,
    /// This virtual host takes them.
    Default(Arc<Vhost>),
}

/// Why a hello got no virtual host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "`Refusal::Unknown` would not say what is unknown")]
pub(crate) enum Refusal {
    /// A well-formed name that nobody has.
    UnknownName,
    /// No server name in the hello.
    MissingName,
    /// A server name that is not a host name.
    MalformedName,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownName => "unknown server name",
            Self::MissingName => "no server name",
            Self::MalformedName => "malformed server name",
        })
    }
}
