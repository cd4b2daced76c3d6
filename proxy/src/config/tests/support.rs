//! Configurations with real certificates, in folders that go away.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, SignatureAlgorithm};
use rustls::ServerConfig;
use tempfile::TempDir;

use crate::config::report::Report;
use crate::config::{Loaded, Loader};
use crate::tickets::TicketKeys;

/// A folder with a configuration and what it names.
pub(crate) struct Site(TempDir);

impl Site {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    /// End of the certificates' validity: the first moment of 2040.
    pub(crate) fn not_after() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(2_208_988_800)
    }

    /// The path of a file in the folder.
    pub(crate) fn path(&self, file: &str) -> String {
        self.0.path().join(file).display().to_string()
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Writes `NAME.pem` with an ECDSA certificate for `names` and its key.
    pub(crate) fn certificate(&self, name: &str, names: &[&str]) {
        self.certificate_of(&PKCS_ECDSA_P256_SHA256, name, names);
    }

    /// As [`Self::certificate`], with a key of another kind.
    pub(crate) fn certificate_of(
        &self,
        algorithm: &'static SignatureAlgorithm,
        name: &str,
        names: &[&str],
    ) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("DNS names");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        self.write(&format!("{name}.pem"), &(certificate.pem() + &key.serialize_pem()));
    }

    /// Writes `weir.toml` with one virtual host, `example.com`, and `more` lines in it.
    pub(crate) fn write_minimal(&self, more: &str) {
        let text = format!(
            r#"
            [listen.https]
            interface = "eth0"
            address = ["192.0.2.1:443"]
            [pool.web]
            servers = ["127.0.0.1:8080"]
            [vhost."example.com"]
            cert = "example.com.pem"
            pool = "web"
            {more}
            "#
        );
        self.write("weir.toml", &text);
    }

    /// A loader of `weir.toml`.
    pub(crate) fn loader(&self) -> Loader {
        let tickets =
            TicketKeys::new(Instant::now(), Duration::from_secs(3_600)).expect("randomness");
        Loader::new(self.0.path().join("weir.toml"), tickets)
    }

    /// What a fresh loader makes of `weir.toml`.
    pub(crate) fn load(&self) -> Result<Loaded, Report> {
        self.loader().load(SystemTime::now())
    }

    /// The TLS configuration of some virtual host.
    pub(crate) fn server_config() -> Arc<ServerConfig> {
        let site = Self::new();
        site.certificate("example.com", &["example.com"]);
        site.write_minimal("");
        let snapshot = site.load().expect("it is right").snapshot;
        let vhost = snapshot.vhosts.iter().next().expect("one host");
        Arc::clone(&vhost.tls)
    }
}
