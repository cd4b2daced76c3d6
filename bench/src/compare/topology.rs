//! A client, a cable, an edge host with the proxy, and a backend on that host.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hosts::{Child, Host, Nginx, NginxConfig, Output, Pair, PairConfig, wait_until};
use tempfile::TempDir;

use super::CompareError;
use super::cpu;
use super::subject::{Running, Subject};
use crate::report::Report;
use crate::results::Machine;
use crate::scenario::Mode;

const NAME: &str = "bench.example";
const EDGE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// Bytes of the two answers: a small page, and a file that TCP gets up to speed in.
const SMALL_BYTES: usize = 1024;
const BULK_BYTES: usize = 16 << 20;

/// How long a proxy may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(15);

/// How long to look at what else the machine does.
const IDLE_TIME: Duration = Duration::from_secs(2);

/// Everything but the proxy.
#[derive(Debug)]
pub(super) struct Topology {
    // In the order in which they have to go.
    _backend: Nginx,
    client: Host,
    edge: Host,
    files: TempDir,
    proxy_core: usize,
    peer_core: usize,
    busy_before: f64,
}

/// What the numbers depend on.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) machine: Machine,
    pub(super) commit: String,
    pub(super) weir: String,
    pub(super) nginx: String,
    /// How busy both cores were with other things before the run, from 0 to 1.
    pub(super) busy_before: f64,
}

impl Topology {
    pub(super) fn new(proxy_core: usize, peer_core: usize) -> Result<Self, CompareError> {
        let busy_before = cpu::busy(&[proxy_core, peer_core], IDLE_TIME);
        let files = make_files()?;
        let client = Host::new("client")?;
        let edge = Host::new("edge")?;
        Pair::new(&client, "eth0", &edge, "eth0", &PairConfig::default())?;
        client.add_address("eth0", "192.0.2.2/24")?;
        edge.add_address("eth0", &format!("{EDGE}/24"))?;
        // A new connection takes a port for a minute after its end, and there are 28,000 by default.
        client.set_sysctl("net.ipv4.ip_local_port_range", "1024 65535")?;
        use_cubic(&client, "192.0.2.2")?;
        use_cubic(&edge, &EDGE.to_string())?;
        let server = format!(
            "listen 127.0.0.1:8080 backlog=4096; root {}; keepalive_requests 1000000000;\n\
             sendfile on; tcp_nopush on; etag off;",
            files.path().display()
        );
        let config = NginxConfig {
            main: format!("worker_cpu_affinity {};", mask_of(peer_core)),
            http: "default_type text/plain; open_file_cache max=10;".to_owned(),
            servers: vec![server],
            ..NginxConfig::default()
        };
        let backend = Nginx::start(&edge, &config)?;
        Ok(Self { _backend: backend, client, edge, files, proxy_core, peer_core, busy_before })
    }

    /// The cores in use.
    pub(super) fn cores(&self) -> [usize; 2] {
        [self.proxy_core, self.peer_core]
    }

    /// Starts a proxy on its core and waits until it takes connections.
    pub(super) fn start(&self, subject: Subject, weir: &Path) -> Result<Running, CompareError> {
        let running = match subject {
            Subject::Weir => Running::Weir(self.start_weir(weir)?),
            Subject::Nginx => Running::Nginx(self.start_nginx()?),
        };
        let address = SocketAddr::from((EDGE, subject.port()));
        let answers = || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
        let ready = wait_until(START_LIMIT, &format!("{subject} on {address}"), || {
            self.client.enter(answers).unwrap_or(false)
        });
        if let (Err(_), Running::Weir(child)) = (&ready, &running) {
            eprintln!("{}", child.output());
        }
        ready?;
        Ok(running)
    }

    fn start_weir(&self, weir: &Path) -> Result<Child, CompareError> {
        let weir = weir.canonicalize().map_err(|_| {
            CompareError::Missing("no weir there: cargo build --release -p weir, or --weir FILE")
        })?;
        let config = self.files.path().join("weir.toml");
        let text = format!(
            "[listen.https]\ninterface = \"eth0\"\naddress = [\"{EDGE}:{}\"]\n\
             checksum = \"verify-or-partial\"\n\n\
             [pool.web]\nservers = [\"127.0.0.1:8080\"]\n\n\
             [vhost.\"{NAME}\"]\ncert = \"cert.pem\"\nkey = \"key.pem\"\npool = \"web\"\n\n\
             [admin]\nsocket = \"off\"\n",
            Subject::Weir.port()
        );
        fs::write(&config, text)
            .map_err(|source| CompareError::File { path: config.clone(), source })?;
        let mut command = self.edge.command("taskset");
        command.args(["--cpu-list", &self.proxy_core.to_string()]).arg(weir);
        command.arg("run").arg(config);
        Ok(Child::spawn(command, Output::Capture)?)
    }

    fn start_nginx(&self) -> Result<Nginx, CompareError> {
        if !Path::new(STREAM_MODULE).exists() {
            return Err(CompareError::Missing(
                "nginx has no stream module: apt-get install libnginx-mod-stream",
            ));
        }
        let folder = self.files.path().display();
        let stream = format!(
            "load_module {STREAM_MODULE};\nworker_cpu_affinity {};\nstream {{ server {{\n\
             listen {EDGE}:{} ssl backlog=4096; proxy_pass 127.0.0.1:8080;\n\
             ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;\n\
             ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off; ssl_session_tickets on;\n}} }}",
            mask_of(self.proxy_core),
            Subject::Nginx.port()
        );
        let config = NginxConfig { main: stream, ..NginxConfig::default() };
        Ok(Nginx::start(&self.edge, &config)?)
    }

    /// Runs the harness in the client's namespace, on the peers' core.
    pub(super) fn load(
        &self,
        subject: Subject,
        mode: Mode,
        connections: u32,
        duration: Duration,
    ) -> Result<Report, CompareError> {
        let this = env::current_exe()
            .map_err(|source| CompareError::File { path: PathBuf::from("this program"), source })?;
        let (path, mode) = match mode {
            Mode::Connect => ("small", "connect"),
            Mode::Bulk => ("bulk", "bulk"),
            _ => ("small", "keepalive"),
        };
        let url = format!("https://{NAME}:{}/{path}", subject.port());
        let output = self.client.run(
            "taskset",
            &[
                "--cpu-list",
                &self.peer_core.to_string(),
                &this.to_string_lossy(),
                "run",
                &url,
                "--connect",
                &SocketAddr::from((EDGE, subject.port())).to_string(),
                "--ca",
                &self.files.path().join("cert.pem").to_string_lossy(),
                "--mode",
                mode,
                "--connections",
                &connections.to_string(),
                "--duration",
                &format!("{}ms", duration.as_millis()),
                "--warmup",
                "0s",
                "--group",
                "classical",
                "--json",
            ],
        )?;
        serde_json::from_str(&output).map_err(CompareError::Report)
    }

    /// Machine and versions.
    pub(super) fn facts(&self, weir: &Path) -> Facts {
        let mut machine = Machine::of_this();
        machine.cores = fs::read_to_string("/proc/cpuinfo")
            .map_or(machine.cores, |text| text.matches("processor\t").count());
        let commit = first_line(Command::new("git").args(["describe", "--always", "--dirty"]));
        let weir = first_line(Command::new(weir).arg("--version"));
        let nginx = first_line(self.edge.command("nginx").arg("-v"));
        Facts { machine, commit, weir, nginx, busy_before: self.busy_before }
    }
}

/// CUBIC on every route of `host`, whose own address is `address`. The sysctl would be shorter, but a
/// namespace may only choose what the machine allows to everybody.
fn use_cubic(host: &Host, address: &str) -> Result<(), CompareError> {
    let cable = format!("192.0.2.0/24 dev eth0 proto kernel scope link src {address}");
    let loopback = "local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1";
    for route in [cable.as_str(), loopback] {
        let mut arguments = vec!["route", "replace"];
        arguments.extend(route.split(' '));
        arguments.extend(["congctl", "cubic"]);
        host.ip(&arguments)?;
    }
    Ok(())
}

/// Certificate, key and what the backend serves.
fn make_files() -> Result<TempDir, CompareError> {
    let failed = |source| CompareError::File { path: env::temp_dir(), source };
    let files = tempfile::Builder::new().prefix("weir-compare-").tempdir().map_err(failed)?;
    let signed = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]);
    let rcgen::CertifiedKey { cert, signing_key } = signed.map_err(CompareError::Certificate)?;
    let contents: [(&str, Vec<u8>); 4] = [
        ("cert.pem", cert.pem().into_bytes()),
        ("key.pem", signing_key.serialize_pem().into_bytes()),
        ("small", vec![b'x'; SMALL_BYTES]),
        ("bulk", vec![b'x'; BULK_BYTES]),
    ];
    for (name, bytes) in contents {
        fs::write(files.path().join(name), bytes).map_err(failed)?;
    }
    Ok(files)
}

/// nginx writes cores as a row of bits.
fn mask_of(core: usize) -> String {
    format!("{:b}", 1_u64 << core)
}

/// What a command says first, on either output; nothing if it can't be asked.
fn first_line(command: &mut Command) -> String {
    let Ok(output) = command.output() else { return String::new() };
    let both = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&both).lines().next().unwrap_or_default().trim().to_owned()
}
