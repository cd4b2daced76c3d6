//! The parts of a URL that matter here.

/// `https://NAME[:PORT][/PATH]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Url {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

impl Url {
    /// `None` if it has another form.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://")?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, 443),
        };
        let plain = |c: char| c.is_ascii_graphic();
        if host.is_empty() || !host.chars().all(plain) || !path.chars().all(plain) {
            return None;
        }
        Some(Self { host: host.to_owned(), port, path: path.to_owned() })
    }

    /// What the Host header says for a server of this name: the port is left out if it is the usual one.
    pub(crate) fn authority(&self, name: &str) -> String {
        if self.port == 443 { name.to_owned() } else { format!("{name}:{}", self.port) }
    }
}
