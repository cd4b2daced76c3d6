//! Clients against weir's own TLS in the server's role, in memory.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, ServerName};
use weir_tls::{Established, HEADER_ROOM, Handshake, Progress, Session, TAG_ROOM};

use super::{After, Ask, Client, Expect, Failed, GatherBuffers, Step, Then};
use crate::plan::TlsConfigs;
use crate::seconds::Reason;

const NAME: &str = "one.example";

/// Both sides' configurations.
#[derive(Clone)]
pub(crate) struct Configs {
    pub(crate) client: TlsConfigs,
    pub(crate) server: Arc<ServerConfig>,
}

impl Configs {
    pub(crate) fn new() -> Self {
        let signed =
            rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(signed.cert.der().clone()).expect("a root");
        let key = PrivateKeyDer::from_pem_slice(signed.signing_key.serialize_pem().as_bytes());
        let mut server = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![signed.cert.der().clone()], key.expect("a key"))
            .expect("they belong together");
        weir_tls::handshake::prepare_server(&mut server);
        let mut client =
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        weir_tls::handshake::prepare_client(&mut client);
        let mut full = client.clone();
        full.resumption = rustls::client::Resumption::disabled();
        let client = TlsConfigs { full: Arc::new(full), resuming: Arc::new(client) };
        Self { client, server: Arc::new(server) }
    }

    pub(crate) fn name() -> ServerName<'static> {
        ServerName::try_from(NAME).expect("a name")
    }

    fn client(&self) -> Client {
        Client::new(Arc::clone(&self.client.full), Self::name()).expect("a client")
    }
}

/// A server's end of one connection.
pub(crate) enum Server {
    Waiting(Arc<ServerConfig>),
    Shaking(Box<Handshake>),
    Open(Box<Session<Vec<u8>>>),
}

impl Server {
    pub(crate) fn new(configs: &Configs) -> Self {
        Self::Waiting(Arc::clone(&configs.server))
    }

    /// Takes what a client has sent, and returns the plaintext in it.
    pub(crate) fn take(&mut self, mut bytes: Vec<u8>, out: &mut Vec<u8>) -> Vec<u8> {
        let input = match self {
            Self::Waiting(config) => {
                let hello = std::mem::take(&mut bytes);
                let handshake = Handshake::server(Arc::clone(config), hello).expect("TLS");
                *self = Self::Shaking(Box::new(handshake));
                Vec::new()
            }
            Self::Shaking(_) | Self::Open(_) => bytes,
        };
        match self {
            Self::Shaking(handshake) => {
                let progress = handshake.advance(&input, out).expect("a handshake");
                let Progress::Established(established) = progress else { return Vec::new() };
                let Established { session, leftover, .. } = *established;
                *self = Self::Open(Box::new(session));
                self.records(leftover)
            }
            _ => self.records(input),
        }
    }

    fn records(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let Self::Open(session) = self else { panic!("the handshake is done") };
        let received = session.receive(bytes, &mut || Some(vec![0; 20_000])).expect("records");
        let mut plain = Vec::new();
        for (bytes, range) in received.gathered.into_iter().chain(received.in_place) {
            plain.extend_from_slice(&bytes[range]);
        }
        plain
    }

    pub(crate) fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        let Self::Open(session) = self else { panic!("the handshake is done") };
        let mut record = vec![0; HEADER_ROOM + plain.len() + TAG_ROOM];
        record[HEADER_ROOM..HEADER_ROOM + plain.len()].copy_from_slice(plain);
        let range = session.seal(&mut record, HEADER_ROOM..HEADER_ROOM + plain.len());
        record[range.expect("sealed")].to_vec()
    }

    fn close_notify(&mut self) -> Vec<u8> {
        let Self::Open(session) = self else { panic!("the handshake is done") };
        let mut out = Vec::new();
        session.close_notify(&mut out).expect("sealed");
        out
    }
}

/// A client and a server whose handshake is done.
struct Pair {
    client: Client,
    server: Server,
    buffers: GatherBuffers,
}

impl Pair {
    fn new() -> Self {
        let configs = Configs::new();
        let (mut client, mut server) = (configs.client(), Server::new(&configs));
        let mut buffers = GatherBuffers::default();
        let mut to_server = Vec::new();
        client.connected(&mut to_server).expect("a hello");
        let mut established = false;
        while !to_server.is_empty() {
            let mut to_client = Vec::new();
            server.take(std::mem::take(&mut to_server), &mut to_client);
            let step = client.receive(&mut to_client, &mut buffers, &mut to_server).expect("TLS");
            established |= step.established.is_some();
        }
        assert!(established);
        Self { client, server, buffers }
    }

    /// Begins an exchange, and returns what the server gets of it.
    fn ask(&mut self, ask: Ask) -> Vec<u8> {
        self.client.start(Arc::new(ask));
        let mut plain = Vec::new();
        while self.client.has_more() {
            let mut out = Vec::new();
            let _: Step = self.client.write(&mut out).expect("sealed");
            plain.extend(self.server.take(out, &mut Vec::new()));
        }
        plain
    }

    /// The server sends this, in records of `size` bytes, cut into receives of `cut`.
    fn answer(&mut self, plain: &[u8], size: usize, cut: usize) -> Result<Step, Failed> {
        let records: Vec<u8> =
            plain.chunks(size).flat_map(|chunk| self.server.seal(chunk)).collect();
        self.receive(&records, cut)
    }

    fn receive(&mut self, bytes: &[u8], cut: usize) -> Result<Step, Failed> {
        let mut all = Step::default();
        for chunk in bytes.chunks(cut) {
            let mut chunk = chunk.to_vec();
            let step = self.client.receive(&mut chunk, &mut self.buffers, &mut Vec::new())?;
            all.received += step.received;
            all.done = all.done.or(step.done);
            all.gone |= step.gone;
        }
        Ok(all)
    }
}

fn request() -> Ask {
    Ask { request: b"GET / HTTP/1.1\r\n\r\n".to_vec(), body_at: 18, ..Ask::default() }
}

fn wanting(status: u16, length: Option<u64>, sha256: Option<[u8; 32]>) -> Ask {
    Ask { expect: Expect::Http { status, length, sha256 }, ..request() }
}

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
/// SHA-256 of "hello".
const HASH: [u8; 32] = [
    0x2c, 0xf2, 0x4d, 0xba, 0x5f, 0xb0, 0xa3, 0x0e, 0x26, 0xe8, 0x3b, 0x2a, 0xc5, 0xb9, 0xe2, 0x9e,
    0x1b, 0x16, 0x1e, 0x5c, 0x1f, 0xa7, 0x42, 0x5e, 0x73, 0x04, 0x33, 0x62, 0x93, 0x8b, 0x98, 0x24,
];

#[test]
fn answer_is_the_same_however_it_is_cut() {
    for size in [1, 7, HELLO.len()] {
        for cut in [1, 13, 100_000] {
            let mut pair = Pair::new();
            assert_eq!(pair.ask(wanting(200, Some(5), Some(HASH))), b"GET / HTTP/1.1\r\n\r\n");
            let step = pair.answer(HELLO, size, cut).expect("as wanted");
            assert_eq!(step.done, Some(Then::Stay), "{size} {cut}");
            assert_eq!(step.received, 5, "{size} {cut}");
            // The connection is good for another one.
            pair.ask(request());
            assert_eq!(pair.answer(HELLO, size, cut).expect("again").done, Some(Then::Stay));
        }
    }
}

#[test]
fn chunks_are_a_body() {
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    for cut in [1, 40, 1000] {
        let mut pair = Pair::new();
        pair.ask(wanting(200, Some(5), Some(HASH)));
        let step = pair.answer(chunked, 1000, cut).expect("as wanted");
        assert_eq!((step.done, step.received), (Some(Then::Stay), 5));
    }
    let mut pair = Pair::new();
    pair.ask(wanting(200, Some(6), None));
    assert_eq!(pair.answer(chunked, 1000, 1000).expect_err("5").reason, Reason::Length);
}

#[test]
fn answers_that_are_not_as_wanted_fail_by_reason() {
    let more = [HELLO, b"!"].concat();
    let cases: [(Ask, &[u8], Reason); 6] = [
        (wanting(404, None, None), HELLO, Reason::Status),
        (wanting(200, Some(6), None), HELLO, Reason::Length),
        (request(), &more, Reason::Length),
        (wanting(200, None, Some([0; 32])), HELLO, Reason::Content),
        (request(), b"SSH-2.0-x\r\n\r\n", Reason::Malformed),
        (Ask { expect: Expect::Echo, ..request() }, b"POT", Reason::Content),
    ];
    for (ask, answer, reason) in cases {
        let mut pair = Pair::new();
        pair.ask(ask);
        let failed = pair.answer(answer, 1000, 1000).expect_err("not as wanted");
        assert_eq!(failed.reason, reason, "{failed:?}");
    }
    let mut pair = Pair::new();
    let failed = pair.answer(HELLO, 1000, 1000).expect_err("nobody asked");
    assert_eq!(failed.reason, Reason::Malformed);
}

#[test]
fn bodies_of_one_ask_have_one_length() {
    let ask = Arc::new(request());
    let mut pair = Pair::new();
    for (answer, well) in
        [(HELLO, true), (HELLO, true), (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false)]
    {
        pair.client.start(Arc::clone(&ask));
        let mut out = Vec::new();
        let _: Step = pair.client.write(&mut out).expect("sealed");
        pair.server.take(out, &mut Vec::new());
        assert_eq!(pair.answer(answer, 1000, 1000).is_ok(), well);
    }
}

#[test]
fn echo_is_done_when_every_byte_is_back() {
    let mut pair = Pair::new();
    let bytes: Vec<u8> = (0..=250).cycle().take(100_000).collect();
    let sent = pair.ask(Ask { request: bytes.clone(), expect: Expect::Echo, ..Ask::default() });
    assert_eq!(sent, bytes);
    let (first, rest) = bytes.split_at(60_000);
    assert_eq!(pair.answer(first, 16_000, 1500).expect("right").done, None);
    let step = pair.answer(rest, 16_000, 1500).expect("right");
    assert_eq!((step.done, step.received), (Some(Then::Stay), 40_000));
}

#[test]
fn slow_writer_sends_a_piece_at_a_time() {
    let mut pair = Pair::new();
    pair.client.start(Arc::new(Ask { piece: Some(7), ..request() }));
    let mut pieces = Vec::new();
    while pair.client.has_more() {
        let mut out = Vec::new();
        let _: Step = pair.client.write(&mut out).expect("sealed");
        pieces.push(pair.server.take(out, &mut Vec::new()).len());
    }
    assert_eq!(pieces, [7, 7, 4]);
}

#[test]
fn half_close_waits_for_the_servers_end() {
    let mut pair = Pair::new();
    pair.client.start(Arc::new(Ask { after: After::HalfClose, ..request() }));
    let mut out = Vec::new();
    assert!(pair.client.write(&mut out).expect("sealed").finish, "our direction ends");
    assert_eq!(pair.server.take(out, &mut Vec::new()), b"GET / HTTP/1.1\r\n\r\n");
    let Server::Open(session) = &pair.server else { panic!("open") };
    assert!(session.read_closed(), "the server has heard the end");
    assert_eq!(pair.answer(HELLO, 1000, 1000).expect("as wanted").done, None);
    let end = pair.server.close_notify();
    assert_eq!(pair.receive(&end, 1000).expect("an end").done, Some(Then::Close));
}

#[test]
fn end_before_the_answer_is_whole_is_a_failure() {
    let mut pair = Pair::new();
    pair.ask(request());
    assert_eq!(pair.answer(&HELLO[..HELLO.len() - 1], 1000, 1000).expect("a part").done, None);
    assert_eq!(pair.client.ended().expect_err("cut off").reason, Reason::Closed);

    let mut pair = Pair::new();
    assert!(pair.client.ended().expect("nothing was under way").gone);
}

#[test]
fn handshakes_fail_by_reason() {
    let configs = Configs::new();
    let mut buffers = GatherBuffers::default();
    // Garbage.
    let mut client = configs.client();
    client.connected(&mut Vec::new()).expect("a hello");
    let mut garbage = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec();
    let failed = client.receive(&mut garbage, &mut buffers, &mut Vec::new());
    assert_eq!(failed.expect_err("not TLS").reason, Reason::Handshake);
    // An alert: handshake_failure.
    let mut client = configs.client();
    client.connected(&mut Vec::new()).expect("a hello");
    let mut alert = vec![21, 3, 3, 0, 2, 2, 40];
    let failed = client.receive(&mut alert, &mut buffers, &mut Vec::new());
    assert_eq!(failed.expect_err("refused").reason, Reason::Alert);
    // A certificate of somebody else.
    let mut client = configs.client();
    let mut server = Server::new(&Configs::new());
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    client.connected(&mut to_server).expect("a hello");
    server.take(to_server, &mut to_client);
    let mut alert = Vec::new();
    let failed = client.receive(&mut to_client, &mut buffers, &mut alert);
    assert_eq!(failed.expect_err("unknown").reason, Reason::Certificate);
    assert!(!alert.is_empty(), "the server is told");
    // The end.
    let mut client = configs.client();
    client.connected(&mut Vec::new()).expect("a hello");
    assert_eq!(client.ended().expect_err("no server").reason, Reason::Closed);
}
