//! Protocol versions, and the two sides of a connection.

/// Version of TLS that a connection speaks; older ones are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// TLS 1.2, RFC 5246.
    Tls12,
    /// TLS 1.3, RFC 8446.
    Tls13,
}

impl Version {
    /// Every version, in the order of declaration.
    pub const ALL: &'static [Self] = &[Self::Tls12, Self::Tls13];

    /// Its name as the value of a metric's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TLS {}", self.label())
    }
}

/// Which side of the handshake we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We answered the hello.
    Server,
    /// We sent the hello.
    Client,
}
