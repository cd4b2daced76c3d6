//! Every kind of operation, against weir and against nginx, over both transports.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::thread;
use std::time::Duration;

use hosts::{Child, Host, Nginx, NginxConfig, Pair, PairConfig, wait_until};
use serde_json::Value;
use tempfile::TempDir;

/// Bytes of /large.
const LARGE_BYTES: usize = 1 << 20;
/// Bytes of /small: more than one look of a slow reader takes.
const SMALL_BYTES: usize = 10_000;
/// How long anything may take to come up.
const LIMIT: Duration = Duration::from_secs(10);
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// A client's host, and an edge with weir on port 443, nginx with TLS on 8443 (HTTP) and 8444 (echo).
struct Site {
    // Dropped in order: processes before the hosts that they run on.
    _weir: Child,
    _nginx: Nginx,
    client: Host,
    _edge: Host,
    files: TempDir,
}

impl Site {
    fn start(hint: &str) -> Self {
        let client = Host::new(&format!("{hint}-client")).expect("a host");
        let edge = Host::new(&format!("{hint}-edge")).expect("a host");
        Pair::new(&client, "eth0", &edge, "eth0", &PairConfig::default()).expect("a veth pair");
        client.add_address("eth0", "192.0.2.2/24").expect("an address");
        edge.add_address("eth0", "192.0.2.1/24").expect("an address");
        let files = make_files();
        echo_on(&edge);
        let nginx = start_nginx(&edge, files.path());
        let weir = start_weir(&edge, files.path());
        for port in [443, 8443, 8444] {
            let address = SocketAddr::from(([192, 0, 2, 1], port));
            let answers = || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
            let ready = wait_until(LIMIT, &format!("port {port}"), || {
                client.enter(answers).unwrap_or(false)
            });
            assert!(ready.is_ok(), "port {port}: {}", weir.output());
        }
        Self { _weir: weir, _nginx: nginx, client, _edge: edge, files }
    }

    fn run(&self, (url, port): (&str, u16), transport: &[&str], more: &[&str]) -> Output {
        let mut command = self.client.command(env!("CARGO_BIN_EXE_weir-bench"));
        command.args(["run", url, "--connect", &format!("192.0.2.1:{port}"), "--json"]);
        command.args(["--connections", "4", "--workers", "1", "--timeout", "5s", "--ca"]);
        command.arg(self.files.path().join("cert.pem"));
        command.args(transport).args(more).output().expect("weir-bench runs")
    }

    /// The report of a run in which nothing failed.
    fn report(&self, target: (&str, u16), transport: &[&str], more: &[&str]) -> Value {
        let output = self.run(target, transport, more);
        let said = String::from_utf8_lossy(&output.stderr);
        let what = format!("{target:?} {transport:?} {more:?}");
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{what}: {error}: {said}"));
        assert_eq!(report["failures"], serde_json::json!({}), "{what}: {report}");
        assert!(number(&report, "/operations") > 0, "{what}: {report}");
        report
    }
}

fn make_files() -> TempDir {
    let files = tempfile::tempdir().expect("a temporary directory");
    let names = vec!["one.example".to_owned(), "echo.example".to_owned()];
    let signed = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let contents: [(&str, Vec<u8>); 4] = [
        ("cert.pem", signed.cert.pem().into_bytes()),
        ("key.pem", signed.signing_key.serialize_pem().into_bytes()),
        ("small", vec![b'x'; SMALL_BYTES]),
        ("large", vec![b'x'; LARGE_BYTES]),
    ];
    for (name, bytes) in contents {
        fs::write(files.path().join(name), bytes).expect("writable");
    }
    files
}

/// Sends back what comes to port 9000 of the edge's loopback, until the test ends.
fn echo_on(edge: &Host) {
    let bound = edge.enter(|| TcpListener::bind("127.0.0.1:9000")).expect("the namespace is there");
    let listener = bound.expect("a free port");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut from = stream.try_clone().expect("a second handle");
                let mut to = stream;
                // Its end is the client's affair.
                drop(io::copy(&mut from, &mut to));
            });
        }
    });
}

fn start_nginx(edge: &Host, files: &Path) -> Nginx {
    let folder = files.display();
    let tls = format!(
        "ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;\n\
         ssl_protocols TLSv1.2 TLSv1.3;"
    );
    let served = format!(
        "root {folder}; keepalive_requests 1000000; client_max_body_size 1m;\n\
         location = / {{ return 200 \"hello\\n\"; }}"
    );
    let servers = vec![
        format!("listen 127.0.0.1:8080; {served}"),
        format!("listen 192.0.2.1:8443 ssl; {tls} {served}"),
    ];
    let main = format!(
        "load_module {STREAM_MODULE};\nstream {{ server {{ listen 192.0.2.1:8444 ssl; {tls}\n\
         proxy_pass 127.0.0.1:9000; }} }}"
    );
    let config = NginxConfig { main, servers, ..NginxConfig::default() };
    Nginx::start(edge, &config).expect("nginx starts")
}

fn start_weir(edge: &Host, files: &Path) -> Child {
    let config = files.join("weir.toml");
    let vhost = |name: &str, pool: &str| {
        format!("[vhost.\"{name}\"]\ncert = \"cert.pem\"\nkey = \"key.pem\"\npool = \"{pool}\"\n\n")
    };
    let text = format!(
        "[listen.https]\ninterface = \"eth0\"\naddress = [\"192.0.2.1:443\"]\n\
         checksum = \"verify-or-partial\"\n\n\
         [pool.web]\nservers = [\"127.0.0.1:8080\"]\n\n[pool.echo]\nservers = [\"127.0.0.1:9000\"]\n\n\
         {}{}[admin]\nsocket = \"off\"\n",
        vhost("one.example", "web"),
        vhost("echo.example", "echo")
    );
    fs::write(&config, text).expect("writable");
    let weir = PathBuf::from(env!("CARGO_BIN_EXE_weir-bench")).with_file_name("weir");
    assert!(weir.exists(), "{}: cargo build --profile ci --package weir", weir.display());
    let mut command = edge.command(&weir.to_string_lossy());
    command.arg("run").arg(config);
    Child::spawn(command, hosts::Output::Capture).expect("weir starts")
}

fn number(report: &Value, path: &str) -> u64 {
    report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path}: {report}"))
}

const KERNEL: &[&str] = &["--transport", "kernel"];
const XDP: &[&str] = &["--transport", "xdp", "--interface", "eth0", "--source", "192.0.2.64/26"];

/// weir, then nginx.
const HTTP_PORTS: [u16; 2] = [443, 8443];
const ECHO_PORTS: [u16; 2] = [443, 8444];

/// Twenty operations by the clock, and what is under way at the end is waited for: however slow the
/// machine, something ends well.
const SHORT: &[&str] = &["--warmup", "0s", "--duration", "400ms", "--rate", "50/s"];

/// All kinds over one transport.
fn all_kinds(site: &Site, transport: &[&str]) {
    let report = |url, port, more: &[&[&str]]| site.report((url, port), transport, &more.concat());
    for port in HTTP_PORTS {
        let small = "https://one.example/small";
        let found = report(
            "https://one.example/",
            port,
            &[&["--warmup", "0s", "--duration", "1s", "--length", "6"]],
        );
        assert_eq!(found["tls"]["version"], "TLSv1_3", "{found}");

        let found = report(small, port, &[SHORT, &["--mode", "connect", "--length", "10000"]]);
        assert!(number(&found, "/connections") > 0, "{found}");

        let found = report("https://one.example/large", port, &[SHORT, &["--mode", "bulk"]]);
        let whole = number(&found, "/operations") * LARGE_BYTES as u64;
        assert!(number(&found, "/bytes") + 4 * LARGE_BYTES as u64 >= whole, "{found}");

        let found = report(small, port, &[SHORT, &["--mode", "handshake"]]);
        assert_eq!(number(&found, "/bytes"), 0, "{found}");
        let difference = number(&found, "/operations").abs_diff(number(&found, "/connections"));
        assert!(difference <= 4, "at either end of the measured time, one a connection: {found}");

        let found = report(small, port, &[SHORT, &["--mode", "idle"]]);
        assert_eq!(number(&found, "/operations"), 4, "{found}");

        let slowly = ["--mode", "slow-read", "--every", "5ms", "--length", "10000"];
        let found = report(small, port, &[SHORT, &slowly]);
        // Five looks of 2 KiB, or seven frames: four pauses at least.
        assert!(found["latency_us"]["p50"].as_f64().is_some_and(|it| it >= 20_000.0), "{found}");

        let slowly = ["--mode", "slow-write", "--piece", "30B", "--every", "10ms"];
        let found = report(small, port, &[SHORT, &slowly]);
        assert!(found["latency_us"]["p50"].as_f64().is_some_and(|it| it >= 20_000.0), "{found}");

        let found = report(small, port, &[SHORT, &["--mode", "half-close"]]);
        assert!(number(&found, "/bytes") >= SMALL_BYTES as u64, "{found}");

        let open = ["--poisson", "--resume", "1", "--mode", "connect"];
        let found = report(small, port, &[SHORT, &open]);
        assert_eq!(found["loop"]["kind"], "open", "{found}");
    }
    for port in ECHO_PORTS {
        let echo = ["--mode", "echo", "--size", "40KiB"];
        let found = report("https://echo.example/", port, &[SHORT, &echo]);
        assert!(number(&found, "/bytes") >= 40 << 10, "{found}");
    }
}

#[test]
fn every_kind_over_kernel_sockets() {
    all_kinds(&Site::start("kinds"), KERNEL);
}

#[test]
fn mix_of_a_file_over_both_transports() {
    let site = Site::start("mix");
    let scenario = |transport: &str| {
        format!(
            "target = \"https://one.example/\"\nconnect = \"192.0.2.1:443\"\nconnections = 20\n\
             timeout = \"5s\"\nseed = 3\n{transport}\n\
             [tls]\nca = \"cert.pem\"\nresume = 0.5\nalpn = \"http/1.1\"\nversions = \"1.3\"\n\
             groups = \"X25519\"\n\n\
             [[phase]]\nshape = \"ramp\"\nduration = \"500ms\"\nfrom = 0\nto = 200\nmeasured = false\n\n\
             [[phase]]\nduration = \"1s\"\nrate = \"200/s\"\n\n\
             [[step]]\nweight = 3\npath = \"/small\"\nlength = {SMALL_BYTES}\n\n\
             [[step]]\nmode = \"connect\"\n\n\
             [[step]]\nmethod = \"POST\"\nbody_size = \"100KiB\"\nlength = 6\n"
        )
    };
    let xdp = "transport = \"xdp\"\ninterface = \"eth0\"\nsource = \"192.0.2.64/26\"\n";
    for transport in ["", xdp] {
        let path = site.files.path().join("scenario.toml");
        fs::write(&path, scenario(transport)).expect("writable");
        let mut command = site.client.command(env!("CARGO_BIN_EXE_weir-bench"));
        let output = command.arg("run").arg(&path).arg("--json").output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{transport}: {error}: {said}"));
        assert_eq!(report["failures"], serde_json::json!({}), "{transport}: {report}");
        let operations = number(&report, "/operations");
        // As many as the rate says, but for what is due at the very ends.
        assert_eq!(operations + number(&report, "/not_begun"), 200, "{transport}: {report}");
        assert!(number(&report, "/connections") > 0, "{transport}: {report}");
        assert_eq!(report["tls"]["group"], "X25519", "{transport}: {report}");
    }
}

#[test]
fn every_kind_over_weirs_own_stack() {
    all_kinds(&Site::start("own"), XDP);
}

#[test]
fn without_privileges_it_says_what_is_missing_and_offers_the_kernel() {
    let site = Site::start("bare");
    let mut command = site.client.command("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all", "--reuid=65534", "--clear-groups"]);
    command.arg(env!("CARGO_BIN_EXE_weir-bench")).args(["run", "https://one.example/", "--ca"]);
    command.arg(site.files.path().join("cert.pem")).args(["--connect", "192.0.2.1:443"]);
    let output = command.args(XDP).output().expect("setpriv runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("CAP_"), "{said}");
    assert!(said.contains("--transport kernel"), "{said}");
}

#[test]
fn interrupt_ends_a_run_and_tells_what_it_found() {
    let site = Site::start("stop");
    for transport in [KERNEL, XDP] {
        let mut command = site.client.command(env!("CARGO_BIN_EXE_weir-bench"));
        command.args(["run", "https://one.example/", "--connect", "192.0.2.1:443", "--json"]);
        command.args(["--duration", "1h", "--warmup", "0s", "--rate", "100", "--ca"]);
        command.arg(site.files.path().join("cert.pem")).args(transport);
        let mut child = Child::spawn(command, hosts::Output::Capture).expect("it starts");
        let told = wait_until(LIMIT, "a second of it", || child.output().contains("operations"));
        assert!(told.is_ok(), "{}", child.output());
        child.signal(hosts::Signal::INT).expect("it runs");
        let status = child.wait(Duration::from_secs(5)).expect("it ends by itself");
        assert!(status.success(), "{}", child.output());
        assert!(child.output().contains("\"operations\""), "{}", child.output());
    }
}
