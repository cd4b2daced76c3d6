//! Two hosts, a cable, certificates, and weir on the edge.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use hosts::{
    Child, Host, Nginx, NginxConfig, Offloads, Output, Pair, PairConfig, Signal, wait_until,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// The edge's addresses.
pub(crate) const V4: &str = "192.0.2.1";
pub(crate) const V6: &str = "2001:db8::1";
/// The address of the client.
pub(crate) const CLIENT_V6: &str = "2001:db8::2";
/// Where weir listens on them.
pub(crate) const V4_HTTPS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 443);
pub(crate) const V6_HTTPS: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 443);
/// Both of them: one of each family.
pub(crate) const ADDRESSES: [SocketAddr; 2] = [V4_HTTPS, V6_HTTPS];
/// The interface names.
pub(crate) const EDGE_DEVICE: &str = "edge0";
pub(crate) const CLIENT_DEVICE: &str = "client0";
/// Metrics, on the edge's loopback interface.
const METRICS: &str = "127.0.0.1:9145";
/// The variable under which weir makes no use of what kernels newer than the version in it have. weir
/// has it from the tests' environment: `WEIR_KERNEL_MAX=6.1` runs them all as on Debian 12.
pub(crate) const KERNEL_MAX: &str = "WEIR_KERNEL_MAX";
/// How long anything may take to come up or go away.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// The oldest kernel.
pub(crate) const OLDEST_KERNEL: (&str, &str) = (KERNEL_MAX, "6.1");

/// What weir's log says under [`OLDEST_KERNEL`]: what every kernel moves at once, and what io_uring of
/// 6.1 cannot do.
const WITHOUT_NEWER_FEATURES: [&str; 3] =
    ["tx_budget=32", "no_delay=BySystemCall", "no_iowait=false"];

/// Environment variables and their values.
pub(crate) type Environment = Vec<(&'static str, &'static str)>;

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
    pub(crate) environment: Environment,
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

impl Plan {
    /// One virtual host `name` with a certificate of its own whose pool `main` is `server`.
    /// `more`: further lines of the virtual host.
    pub(crate) fn one_vhost(name: &'static str, server: &str, more: &str) -> Self {
        let config = format!(
            "[pool.main]\nservers = [\"{server}\"]\n\n\
             [vhost.\"{name}\"]\ncert = \"vhost.pem\"\npool = \"main\"\n{more}\n"
        );
        Self { config, certificates: vec![("vhost.pem", vec![name])], ..Self::default() }
    }
}

/// A client's host and an edge on which weir runs. All but weir is the [`Site`].
pub(crate) struct Edge {
    // Dropped in order: weir before the hosts it runs on.
    pub(crate) weir: Child,
    site: Site,
}

/// A client's host, an edge, the cable between them, certificates and a configuration.
pub(crate) struct Site {
    pub(crate) client: Host,
    pub(crate) host: Host,
    _cable: Pair,
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Site {
    /// Makes all of it; nothing runs yet.
    pub(crate) fn make(plan: &Plan) -> Self {
        let client = Host::new("client").expect("a client host");
        let host = Host::new("edge").expect("an edge host");
        let cable =
            PairConfig { queues: plan.queues, offloads: plan.offloads, ..PairConfig::default() };
        let cable =
            Pair::new(&client, CLIENT_DEVICE, &host, EDGE_DEVICE, &cable).expect("a veth pair");
        for (on, device, address) in [
            (&client, CLIENT_DEVICE, "192.0.2.2/24"),
            (&client, CLIENT_DEVICE, &format!("{CLIENT_V6}/64")),
            (&host, EDGE_DEVICE, "192.0.2.1/24"),
            (&host, EDGE_DEVICE, "2001:db8::1/64"),
        ] {
            on.add_address(device, address).expect("an address");
        }
        for host in [&client, &host] {
            // Whatever the machine's default is: results are to be the same everywhere. This one is
            // always there, and every namespace may have it.
            host.set_sysctl("net.ipv4.tcp_congestion_control", "reno").expect("reno");
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let site = Self { client, host, _cable: cable, folder, authority: make_authority() };
        fs::write(site.ca(), site.authority.pem()).expect("ca.pem is written");
        for (file, names) in &plan.certificates {
            site.issue(file, names);
        }
        site.configure(plan);
        site
    }

    /// Writes the configuration that `plan` asks for.
    pub(crate) fn configure(&self, plan: &Plan) {
        let text = configuration(plan, self.folder.path());
        fs::write(self.path("weir.toml"), text).expect("weir.toml is written");
    }

    /// Writes a new certificate with its key.
    pub(crate) fn issue(&self, file: &str, names: &[&str]) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.authority).expect("a certificate");
        fs::write(self.path(file), certificate.pem() + &key.serialize_pem()).expect("written");
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

    /// Runs weir on the edge to its end: its exit status and all it says. `wrapper`: a command that
    /// runs another, which are its last arguments; or nothing.
    pub(crate) fn try_weir(&self, wrapper: &[&str], arguments: &[&str]) -> (ExitStatus, String) {
        let weir = env!("CARGO_BIN_EXE_weir");
        let mut words = wrapper.iter().chain([&weir]).chain(arguments);
        let mut command = self.host.command(words.next().expect("weir at least"));
        command.args(words);
        let mut weir = Child::spawn(command, Output::Capture).expect("it starts");
        let status = weir.wait(LIMIT).expect("weir ends by itself");
        (status, weir.output())
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

    /// The sum of the series whose line begins with `prefix`: a name, or a name and labels. There
    /// must be one.
    pub(crate) fn metric(&self, prefix: &str) -> f64 {
        let metrics = self.metrics();
        let values = metrics.lines().filter(|line| line.starts_with(prefix)).map(|line| {
            let value = line.rsplit(' ').next().unwrap_or_default();
            value.parse::<f64>().expect("a sample ends in a number")
        });
        values
            .reduce(|sum, value| sum + value)
            .unwrap_or_else(|| panic!("no {prefix} in\n{metrics}"))
    }

    /// What the control plane answers `path` with over HTTP: a status; 0 if it doesn't answer.
    pub(crate) fn http_status(&self, path: &str) -> u16 {
        let url = format!("http://{METRICS}{path}");
        let arguments = ["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", &url];
        let status = self.host.run("curl", &arguments);
        status.ok().and_then(|status| status.parse().ok()).unwrap_or(0)
    }
}

impl Edge {
    /// Makes all of it and waits until weir is ready.
    pub(crate) fn start(plan: &Plan) -> Self {
        Self::on(Site::make(plan), plan)
    }

    /// Runs weir on `site` and waits until it is ready.
    pub(crate) fn on(site: Site, plan: &Plan) -> Self {
        let weir = start_weir(&site.host, site.folder.path(), plan);
        let mut edge = Self { weir, site };
        edge.wait_until_ready(plan);
        edge
    }

    /// Starts weir again, after its end.
    pub(crate) fn start_again(&mut self, plan: &Plan) {
        self.weir = start_weir(&self.site.host, self.site.folder.path(), plan);
        self.wait_until_ready(plan);
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

    fn wait_until_ready(&mut self, plan: &Plan) {
        let ready = wait_until(LIMIT, "weir to be ready", || {
            let ended = self.weir.try_wait().is_ok_and(|status| status.is_some());
            ended || self.site.http_status("/readyz") == 200
        });
        let ended = self.weir.try_wait().is_ok_and(|status| status.is_some());
        assert!(ready.is_ok() && !ended, "weir is not ready:\n{}", self.log());
        if environment(plan).any(|variable| (variable.0, &*variable.1) == OLDEST_KERNEL) {
            self.assert_without_newer_features();
        }
    }

    /// weir has said that it makes no use of what kernels newer than the oldest have.
    pub(crate) fn assert_without_newer_features(&self) {
        for used in WITHOUT_NEWER_FEATURES {
            assert!(self.log().contains(used), "{used} is not in\n{}", self.log());
        }
    }
}

impl Deref for Edge {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
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
    command.envs(environment(plan));
    Child::spawn(command, Output::Capture).expect("weir starts")
}

/// What is added to weir's environment: the tests' own kernel version, unless the plan has one.
fn environment(plan: &Plan) -> impl Iterator<Item = (&str, String)> {
    let kernel = env::var(KERNEL_MAX).ok().map(|version| (KERNEL_MAX, version));
    let planned = plan.environment.iter().map(|&(name, value)| (name, value.to_owned()));
    kernel.into_iter().chain(planned)
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

fn make_authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a CA")
}
