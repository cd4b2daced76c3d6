//! Peers for the tests: certificates, rustls on the other side, and the loop between the two.

#![expect(dead_code, reason = "every test binary uses its own part of the helpers")]

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, Connection, NamedGroup, RootCertStore,
    ServerConfig, ServerConnection, SupportedProtocolVersion,
};
use weir_tls::handshake::{prepare_client, prepare_server};
use weir_tls::{Established, Handshake, HandshakeError, Progress, Session};

/// A record buffer as the proxy's pool has them, in full size.
pub(crate) type Buffer = Vec<u8>;

/// A name and a chain that a test authority vouches for.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key_der: Vec<u8>,
    pub(crate) authority: CertificateDer<'static>,
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
    pub(crate) authority_pem: String,
}

/// Kind of the key in a certificate: TLS 1.2 binds cipher suites to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Ecdsa,
    Rsa,
}

impl Identity {
    /// A certificate for `localhost` of a fresh authority.
    pub(crate) fn new(kind: KeyKind) -> Self {
        let authority_key = rcgen::KeyPair::generate().expect("a key");
        let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        // Two authorities of one name would be told apart by their signatures alone.
        let number = AUTHORITIES.fetch_add(1, Ordering::Relaxed);
        authority.distinguished_name.push(rcgen::DnType::CommonName, format!("authority {number}"));
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_certificate = authority.self_signed(&authority_key).expect("an authority");
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = match kind {
            KeyKind::Ecdsa => rcgen::KeyPair::generate(),
            KeyKind::Rsa => rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256),
        }
        .expect("a key");
        let certificate = rcgen::CertificateParams::new(vec![NAME.to_owned()])
            .expect("parameters")
            .signed_by(&key, &issuer)
            .expect("a certificate");
        Self {
            chain: vec![certificate.der().clone()],
            key_der: key.serialize_der(),
            authority: authority_certificate.der().clone(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            authority_pem: authority_certificate.pem(),
        }
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key_der.clone()))
    }

    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).expect("a root");
        Arc::new(roots)
    }
}

/// An identity for tests that connect many times.
pub(crate) fn shared_identity() -> &'static Identity {
    static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::new(KeyKind::Ecdsa));
    &IDENTITY
}

/// What both sides are restricted to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    pub(crate) version: &'static SupportedProtocolVersion,
    pub(crate) suite: Option<CipherSuite>,
    pub(crate) group: Option<NamedGroup>,
}

impl Parameters {
    pub(crate) const TLS13: Self =
        Self { version: &rustls::version::TLS13, suite: None, group: None };
    pub(crate) const TLS12: Self =
        Self { version: &rustls::version::TLS12, suite: None, group: None };

    pub(crate) fn provider(&self) -> Arc<CryptoProvider> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        if let Some(wanted) = self.suite {
            provider.cipher_suites.retain(|suite| suite.suite() == wanted);
        }
        if let Some(wanted) = self.group {
            provider.kx_groups.retain(|group| group.name() == wanted);
        }
        Arc::new(provider)
    }

    pub(crate) fn server(&self, identity: &Identity) -> ServerConfig {
        let mut config = ServerConfig::builder_with_provider(self.provider())
            .with_protocol_versions(&[self.version])
            .expect("a version")
            .with_no_client_auth()
            .with_single_cert(identity.chain.clone(), identity.key())
            .expect("a certificate");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().expect("a ticketer");
        config
    }

    /// A server that wants a certificate of the same authority from its clients.
    pub(crate) fn server_with_client_auth(&self, identity: &Identity) -> ServerConfig {
        let verifier =
            WebPkiClientVerifier::builder_with_provider(identity.roots(), self.provider())
                .build()
                .expect("a verifier");
        ServerConfig::builder_with_provider(self.provider())
            .with_protocol_versions(&[self.version])
            .expect("a version")
            .with_client_cert_verifier(verifier)
            .with_single_cert(identity.chain.clone(), identity.key())
            .expect("a certificate")
    }

    pub(crate) fn client(&self, identity: &Identity) -> ClientConfig {
        let mut config = ClientConfig::builder_with_provider(self.provider())
            .with_protocol_versions(&[self.version])
            .expect("a version")
            .with_root_certificates(identity.roots())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }
}

pub(crate) fn prepared_server(mut config: ServerConfig) -> Arc<ServerConfig> {
    prepare_server(&mut config);
    Arc::new(config)
}

pub(crate) fn prepared_client(mut config: ClientConfig) -> Arc<ClientConfig> {
    prepare_client(&mut config);
    Arc::new(config)
}

pub(crate) fn name() -> ServerName<'static> {
    ServerName::try_from(NAME).expect("a name")
}

/// rustls with its own buffers, as the peer.
pub(crate) fn rustls_client(config: ClientConfig) -> Connection {
    ClientConnection::new(Arc::new(config), name()).expect("a client").into()
}

pub(crate) fn rustls_server(config: ServerConfig) -> Connection {
    ServerConnection::new(Arc::new(config)).expect("a server").into()
}

/// All bytes that rustls wants to send.
pub(crate) fn drain(peer: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while peer.wants_write() {
        peer.write_tls(&mut bytes).expect("a Vec takes all");
    }
    bytes
}

/// Gives `bytes` to rustls and has it processed.
pub(crate) fn feed(peer: &mut Connection, mut bytes: &[u8]) -> Result<(), rustls::Error> {
    while !bytes.is_empty() {
        peer.read_tls(&mut bytes).expect("a slice can be read");
        peer.process_new_packets()?;
    }
    Ok(())
}

/// Runs the handshake between our side and rustls; `chunk_len` cuts what rustls sends.
pub(crate) fn handshake(
    ours: &mut Handshake,
    peer: &mut Connection,
    chunk_len: usize,
) -> Result<Box<Established<Buffer>>, HandshakeError> {
    let mut established = None;
    let mut out = Vec::new();
    for _ in 0..ROUNDS_MAX {
        if established.is_none()
            && let Progress::Established(done) = ours.advance(&[], &mut out)?
        {
            established = Some(done);
        }
        feed(peer, &std::mem::take(&mut out)).expect("our flight is right");
        let bytes = drain(peer);
        if bytes.is_empty() && established.is_some() {
            break;
        }
        for chunk in bytes.chunks(chunk_len) {
            match &mut established {
                Some(done) => done.leftover.extend_from_slice(chunk),
                None => {
                    if let Progress::Established(done) = ours.advance(chunk, &mut out)? {
                        established = Some(done);
                    }
                }
            }
        }
    }
    assert!(!peer.is_handshaking(), "rustls is done as well");
    Ok(established.expect("the handshake ends"))
}

/// A server of ours with a client of rustls, connected.
pub(crate) fn server_pair(
    parameters: Parameters,
    identity: &Identity,
) -> (Session<Buffer>, Connection) {
    let mut peer = rustls_client(parameters.client(identity));
    let hello = drain(&mut peer);
    let config = prepared_server(parameters.server(identity));
    let mut ours = Handshake::server(config, hello).expect("a handshake");
    let done = handshake(&mut ours, &mut peer, usize::MAX).expect("a connection");
    assert!(done.leftover.is_empty(), "the client has said nothing yet");
    (done.session, peer)
}

/// Seals `data` as one record.
pub(crate) fn seal(session: &mut Session<Buffer>, data: &[u8]) -> Vec<u8> {
    let (mut buffer, payload) = record_buffer(data);
    let range = session.seal(&mut buffer, payload).expect("sealed");
    buffer[range].to_vec()
}

/// A record buffer with `data` at the place of the payload.
pub(crate) fn record_buffer(data: &[u8]) -> (Buffer, Range<usize>) {
    let mut buffer = full_buffer();
    let payload = weir_tls::HEADER_ROOM..weir_tls::HEADER_ROOM + data.len();
    buffer[payload.clone()].copy_from_slice(data);
    (buffer, payload)
}

/// A record buffer of full size.
pub(crate) fn full_buffer() -> Buffer {
    vec![0; weir_tls::HEADER_ROOM + weir_tls::PLAINTEXT_MAX + weir_tls::TAG_ROOM]
}

/// Opens all of `bytes`, cut into payloads of `chunk_len`, and returns the plaintext.
pub(crate) fn open(session: &mut Session<Buffer>, bytes: &[u8], chunk_len: usize) -> Vec<u8> {
    let mut plain = Vec::new();
    for chunk in bytes.chunks(chunk_len) {
        let received =
            session.receive(chunk.to_vec(), &mut || Some(full_buffer())).expect("good records");
        if let Some((buffer, range)) = received.gathered {
            plain.extend_from_slice(&buffer[range]);
        }
        if let Some((payload, range)) = received.in_place {
            plain.extend_from_slice(&payload[range]);
        }
    }
    plain
}

/// The name in every test certificate.
pub(crate) const NAME: &str = "localhost";
/// How many authorities there are.
static AUTHORITIES: AtomicU32 = AtomicU32::new(0);
const ROUNDS_MAX: usize = 20;
