//! Certificates in real handshakes with rustls's client.

use std::sync::{Arc, Mutex};

use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, ServerConfig,
    ServerConnection, SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::config::tests::support::Site;

/// Believes every certificate, offers these schemes, and remembers what was signed with.
#[derive(Debug)]
struct Recorder {
    schemes: Vec<SignatureScheme>,
    seen: Mutex<Option<SignatureScheme>>,
}

impl Recorder {
    fn note(&self, signed: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        *self.seen.lock().expect("no test panics with it") = Some(signed.scheme);
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(signed)
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

struct Client {
    config: Arc<ClientConfig>,
    recorder: Arc<Recorder>,
}

impl Client {
    fn new(version: &'static SupportedProtocolVersion, schemes: &[SignatureScheme]) -> Self {
        let recorder = Arc::new(Recorder { schemes: schemes.to_vec(), seen: Mutex::new(None) });
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("the provider has the version")
            .dangerous()
            .with_custom_certificate_verifier(recorder.clone())
            .with_no_client_auth();
        Self { config: Arc::new(config), recorder }
    }

    /// A handshake for `example.com` with both ends' messages carried until all is quiet.
    fn shake(&self, server: &Arc<ServerConfig>) -> Result<HandshakeKind, Error> {
        let name = ServerName::try_from("example.com").expect("a name");
        let mut client = ClientConnection::new(Arc::clone(&self.config), name)?;
        let mut server = ServerConnection::new(Arc::clone(server))?;
        let mut bytes = Vec::new();
        while client.wants_write() || server.wants_write() {
            bytes.clear();
            client.write_tls(&mut bytes).expect("a vector takes all");
            server.read_tls(&mut bytes.as_slice()).expect("a slice gives all");
            let heard = server.process_new_packets();
            bytes.clear();
            server.write_tls(&mut bytes).expect("a vector takes all");
            client.read_tls(&mut bytes.as_slice()).expect("a slice gives all");
            client.process_new_packets()?;
            heard?;
        }
        Ok(server.handshake_kind().expect("the handshake is over"))
    }

    fn signed_with(&self) -> Option<SignatureScheme> {
        *self.recorder.seen.lock().expect("no test panics with it")
    }
}

const ECDSA: SignatureScheme = SignatureScheme::ECDSA_NISTP256_SHA256;
const RSA: SignatureScheme = SignatureScheme::RSA_PSS_SHA256;

fn only_host(site: &Site) -> Arc<ServerConfig> {
    let loaded = site.load().expect("it is right");
    assert_eq!(loaded.warnings.to_string(), "");
    Arc::clone(&loaded.snapshot.vhosts.iter().next().expect("one host").tls)
}

#[test]
fn certificate_is_one_that_the_client_can_verify() {
    let site = Site::new();
    site.certificate_of(&PKCS_RSA_SHA256, "rsa", &["example.com"]);
    site.certificate_of(&PKCS_ECDSA_P256_SHA256, "ecdsa", &["example.com"]);
    site.certificate("example.com", &["example.com"]);
    site.write_minimal("");
    let text = std::fs::read_to_string(site.path("weir.toml")).expect("it was written");
    let two = text.replace("\"example.com.pem\"", "[\"rsa.pem\", \"ecdsa.pem\"]");
    site.write("weir.toml", &two);
    let server = only_host(&site);
    for version in [&TLS12, &TLS13] {
        for (offered, chosen) in [(vec![RSA], RSA), (vec![ECDSA], ECDSA), (vec![RSA, ECDSA], ECDSA)]
        {
            let client = Client::new(version, &offered);
            client.shake(&server).expect("one of them fits");
            assert_eq!(client.signed_with(), Some(chosen), "{version:?} {offered:?}");
        }
        let client = Client::new(version, &[SignatureScheme::ED25519]);
        assert!(client.shake(&server).is_err());
    }
}

#[test]
fn ticket_of_one_virtual_host_does_not_resume_under_another() {
    let site = Site::new();
    site.certificate("example.com", &["example.com", "b.example"]);
    site.write_minimal("");
    let b = "[vhost.\"b.example\"]\ncert = \"../example.com.pem\"\npool = \"web\"\n";
    site.write("vhosts.d/b.toml", b);
    let mut loader = site.loader();
    let mut hosts = || -> Vec<_> {
        let loaded = loader.load(std::time::SystemTime::now()).expect("it is right");
        loaded.snapshot.vhosts.iter().map(|vhost| Arc::clone(&vhost.tls)).collect()
    };
    // In the order of their names.
    let [b, a] = hosts().try_into().expect("two hosts");
    let [_, a_reloaded] = hosts().try_into().expect("two hosts");
    for version in [&TLS12, &TLS13] {
        let client = Client::new(version, &[ECDSA]);
        let shake = |server| client.shake(server).expect("it fits");
        assert_eq!(shake(&a), HandshakeKind::Full);
        assert_eq!(shake(&a), HandshakeKind::Resumed);
        assert_eq!(shake(&a_reloaded), HandshakeKind::Resumed);
        assert_eq!(shake(&b), HandshakeKind::Full, "{version:?}");
    }
}

#[test]
fn changed_policy_ends_resumption() {
    let site = Site::new();
    site.certificate("example.com", &["example.com"]);
    site.write_minimal("");
    let mut loader = site.loader();
    let mut host = || {
        let loaded = loader.load(std::time::SystemTime::now()).expect("it is right");
        Arc::clone(&loaded.snapshot.vhosts.iter().next().expect("one host").tls)
    };
    let client = Client::new(&TLS13, &[ECDSA]);
    assert_eq!(client.shake(&host()), Ok(HandshakeKind::Full));
    assert_eq!(client.shake(&host()), Ok(HandshakeKind::Resumed));
    site.write_minimal("policy = \"new\"\n[policy.new]\nversions = [\"1.3\"]");
    assert_eq!(client.shake(&host()), Ok(HandshakeKind::Full));
}
