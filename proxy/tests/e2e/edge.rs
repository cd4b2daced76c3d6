//! Two hosts, a cable, certificates, and weir on the edge.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hosts::{
    Child, Host, Nginx, NginxConfig, Offloads, Output, Pair, PairConfig, Signal, wait_until,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// The edge's addresses.
pub(crate) const V4: &str = "192.0.2.1";
pub(crate) const V6: &str = "2001:db8::1";
/// The interface names.
pub(crate) const EDGE_DEVICE: &str = "edge0";
pub(crate) const CLIENT_DEVICE: &str = "client0";
/// Metrics, on the edge's loopback interface.
const METRICS: &str = "127.0.0.1:9145";
/// How long anything may take to come up or go away.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// What a test wants of its edge.
pub(crate) struct Plan {
    /// Queues of the veth pair, and workers.
    pub(crate) queues: u32,
    /// Offloads of both ends.
    pub(crate) offloads: Offloads,
    /// Configuration behind `[listen.https]`, `[admin]` and the certificates: pools and vhosts.
    pub(crate) config: String,
    /// Lines inside `[listen.https]`.
    pub(crate) listen: String,
    /// Certificates to make: file name, names in it.
    pub(crate) certificates: Vec<(&'static str, Vec<&'static str>)>,
    /// Environment of weir.
    pub(crate) environment: Vec<(&'static str, &'static str)>,
}

impl Default for Plan {
    /// One queue, one virtual host `www.example` whose pool `web` is 127.0.0.1:8080 on the edge.
    fn default() -> Self {
        Self {
            queues: 1,
            offloads: Offloads::Wire,
            config: "[pool.web]\nservers = [\"127.0.0.1:8080\"]\n\n\
                     [vhost.\"www\"]\nnames = [\"www.example\"]\ncert = \"www.pem\"\npool = \"web\"\n"
                .to_owned(),
            listen: String::new(),
            certificates: vec![("www.pem", vec!["www.example"])],
            environment: Vec::new(),
        }
    }
}

/// A client's host and an edge on which weir runs.
pub(crate) struct Edge {
    // Dropped in order: weir before the hosts it runs on.
    pub(crate) weir: Child,
    pub(crate) client: Host,
    pub(crate) host: Host,
    _cable: Pair,
    folder: TempDir,
}

impl Edge {
    /// Makes all of it and waits until weir is ready.
    pub(crate) fn start(plan: &Plan) -> Self {
        let client = Host::new("client").expect("a client host");
        let host = Host::new("edge").expect("an edge host");
        let cable =
            PairConfig { queues: plan.queues, offloads: plan.offloads, ..PairConfig::default() };
        let cable =
            Pair::new(&client, CLIENT_DEVICE, &host, EDGE_DEVICE, &cable).expect("a veth pair");
        for (on, device, address) in [
            (&client, CLIENT_DEVICE, "192.0.2.2/24"),
            (&client, CLIENT_DEVICE, "2001:db8::2/64"),
            (&host, EDGE_DEVICE, "192.0.2.1/24"),
            (&host, EDGE_DEVICE, "2001:db8::1/64"),
        ] {
            on.add_address(device, address).expect("an address");
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        make_certificates(folder.path(), &plan.certificates);
        fs::write(folder.path().join("weir.toml"), configuration(plan, folder.path()))
            .expect("weir.toml is written");
        let weir = start_weir(&host, folder.path(), plan);
        let mut edge = Self { weir, client, host, _cable: cable, folder };
        edge.wait_until_ready();
        edge
    }

    /// The certificate authority's certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A file in the folder of this edge: configuration, certificates, whatever a test puts there.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs curl on the client's host; `--cacert`, `--resolve` for `www.example` and a time limit are there already.
    pub(crate) fn curl(&self, arguments: &[&str]) -> Result<String, hosts::HostError> {
        let ca = self.ca().display().to_string();
        let mut all = vec!["--silent", "--show-error", "--max-time", "60", "--cacert", &ca];
        all.extend(["--resolve", "www.example:443:192.0.2.1"]);
        all.extend(arguments);
        self.client.run("curl", &all)
    }

    /// Runs a verb of weir against this edge's admin socket.
    pub(crate) fn ask(&self, verb: &[&str]) -> String {
        let socket = self.path("weir.sock").display().to_string();
        let mut all = verb.to_vec();
        all.extend(["--socket", &socket]);
        self.host.run(env!("CARGO_BIN_EXE_weir"), &all).expect("the admin socket answers")
    }

    /// All metrics in the classic format.
    pub(crate) fn metrics(&self) -> String {
        let url = format!("http://{METRICS}/metrics");
        self.host.run("curl", &["--silent", "--fail", &url]).expect("metrics are served")
    }

    /// The sum of the series whose line begins with `prefix`: a name, or a name and labels.
    pub(crate) fn metric(&self, prefix: &str) -> f64 {
        let metrics = self.metrics();
        let values = metrics.lines().filter(|line| line.starts_with(prefix)).map(|line| {
            let value = line.rsplit(' ').next().unwrap_or_default();
            value.parse::<f64>().expect("a sample ends in a number")
        });
        values.sum()
    }

    /// Looks at the metrics until `condition` holds.
    pub(crate) fn wait_for_metrics(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let met = wait_until(LIMIT, what, || condition(self));
        assert!(met.is_ok(), "{what}: not within {LIMIT:?}\n{}\n{}", self.metrics(), self.log());
    }

    /// Looks at the metrics until the series whose line begins with `prefix` add up to `count`.
    pub(crate) fn wait_for_count(&self, prefix: &str, count: usize) {
        let what = format!("{prefix} to be {count}");
        self.wait_for_metrics(&what, |edge| edge.metric(prefix) == count as f64);
    }

    /// weir's log so far.
    pub(crate) fn log(&self) -> String {
        self.weir.output()
    }

    /// Sends weir a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.weir.signal(signal).expect("weir takes signals");
    }

    fn wait_until_ready(&mut self) {
        let url = format!("http://{METRICS}/readyz");
        let ready = wait_until(LIMIT, "weir to be ready", || {
            let ended = self.weir.try_wait().is_ok_and(|status| status.is_some());
            ended || self.host.run("curl", &["--silent", "--fail", &url]).is_ok()
        });
        let ended = self.weir.try_wait().is_ok_and(|status| status.is_some());
        assert!(ready.is_ok() && !ended, "weir is not ready:\n{}", self.log());
    }
}

/// Starts an nginx on `host` that plays these server blocks.
pub(crate) fn nginx(host: &Host, servers: &[&str]) -> Nginx {
    let servers = servers.iter().map(|&server| server.to_owned()).collect();
    Nginx::start(host, &NginxConfig { servers, ..NginxConfig::default() }).expect("nginx starts")
}

fn start_weir(host: &Host, folder: &Path, plan: &Plan) -> Child {
    let mut command = host.command(env!("CARGO_BIN_EXE_weir"));
    command.arg("run").arg(folder.join("weir.toml"));
    command.envs(plan.environment.iter().copied());
    Child::spawn(command, Output::Capture).expect("weir starts")
}

fn configuration(plan: &Plan, folder: &Path) -> String {
    let mut text = format!(
        "[listen.https]\ninterface = \"{EDGE_DEVICE}\"\naddress = [\"{V4}:443\", \"[{V6}]:443\"]\n"
    );
    let socket = folder.join("weir.sock");
    write!(
        text,
        "{}\n[admin]\nmetrics = \"{METRICS}\"\nsocket = \"{}\"\n\n{}",
        plan.listen,
        socket.display(),
        plan.config
    )
    .expect("a string takes everything");
    text
}

fn make_certificates(folder: &Path, certificates: &[(&str, Vec<&str>)]) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate().expect("a key");
    let ca = CertifiedIssuer::self_signed(params, key).expect("a CA");
    fs::write(folder.join("ca.pem"), ca.pem()).expect("ca.pem is written");
    for (file, names) in certificates {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &ca).expect("a certificate");
        fs::write(folder.join(file), certificate.pem() + &key.serialize_pem()).expect("written");
    }
}
