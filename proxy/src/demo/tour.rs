//! weir at work: what the demo fetches and shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hosts::{Child, Output, wait_until};

use super::backends::{SITES, Site};
use super::certificates::Authority;
use super::network::{EDGE_DEVICE, EDGE_V4, EDGE_V6, Network};
use super::{DemoError, say};

/// Where weir serves its metrics, on the edge's loopback interface.
const METRICS: &str = "127.0.0.1:9145";
/// How long weir may take to be ready: long enough for a machine that emulates its processor.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How long the slow download may take to show up; it goes on for longer than that.
const SHOW_LIMIT: Duration = Duration::from_secs(20);

/// Time between two looks at a weir that goes on.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Between an answer and what curl says of it.
const FACTS_MARK: &str = "\u{1}";

/// A running weir and what is needed to talk to it.
pub(super) struct Tour<'a> {
    network: &'a Network,
    authority: PathBuf,
    program: PathBuf,
    socket: PathBuf,
    weir: Child,
}

impl<'a> Tour<'a> {
    /// Writes the configuration and starts weir on the edge.
    pub(super) fn start(
        network: &'a Network,
        authority: &Authority,
        folder: &Path,
    ) -> Result<Self, DemoError> {
        let program = std::env::current_exe()
            .map_err(|error| DemoError::Own("the path of this program", error))?;
        for site in &SITES {
            authority.issue(&format!("{}.pem", site.pool), site.names)?;
        }
        let config = folder.join("weir.toml");
        let socket = folder.join("weir.sock");
        fs::write(&config, configuration(&socket))
            .map_err(|error| DemoError::Write(config.clone(), error))?;
        let mut command = network.edge.command(&program.display().to_string());
        command.arg("run").arg(&config);
        let weir = Child::spawn(command, Output::Capture)?;
        let authority = authority.path();
        let mut tour = Self { network, authority, program, socket, weir };
        tour.wait_until_ready()?;
        Ok(tour)
    }

    /// Shows all there is to see.
    pub(super) fn visit(&self) -> Result<(), DemoError> {
        for site in &SITES {
            for address in [EDGE_V4, EDGE_V6] {
                self.fetch(site, address)?;
            }
        }
        let slow = self.begin_slow_download()?;
        say("\nA slow download, as `weir conns` sees it:\n");
        say(&self.connections()?);
        say("TCP connections by state:\n");
        say(&self.metrics("weir_tcp_connections{")?);
        say("Memory by pool, in bytes:\n");
        for family in ["weir_memory_bytes{", "weir_memory_unaccounted", "weir_memory_resident"] {
            say(self.metrics(family)?.trim_end_matches('\n'));
        }
        say("\nXDP mode:\n");
        say(&self.metrics("weir_xdp_mode{")?);
        drop(slow);
        Ok(())
    }
}

impl Tour<'_> {
    /// Waits for a signal; the caller's hosts are gone with the process.
    pub(super) fn stay(mut self) -> Result<(), DemoError> {
        let client = self.network.client.name();
        let edge = self.network.edge.name();
        let (ca, program) = (self.authority.display(), self.program.display());
        let socket = self.socket.display();
        let name = SITES[0].name;
        say(&format!(
            "\nIt goes on until Ctrl-C. In another terminal, as root:\n
  ip netns exec {client} curl --cacert {ca} --resolve {name}:443:{EDGE_V4} https://{name}/
  ip netns exec {client} openssl s_client -connect {EDGE_V4}:443 -servername {name} -CAfile {ca}
  {program} conns --socket {socket}
  {program} status --socket {socket}
  ip netns exec {edge} curl http://{METRICS}/metrics"
        ));
        while self.weir.try_wait()?.is_none() {
            std::thread::sleep(LOOK_INTERVAL);
        }
        Err(DemoError::Weir(self.weir.output()))
    }

    fn wait_until_ready(&mut self) -> Result<(), DemoError> {
        let Self { network, weir, .. } = self;
        let url = format!("http://{METRICS}/readyz");
        let mut ended = false;
        let ready = wait_until(READY_LIMIT, "weir to be ready", || {
            ended = weir.try_wait().is_ok_and(|status| status.is_some());
            ended || network.edge.run("curl", &["--silent", "--fail", &url]).is_ok()
        });
        if ended || ready.is_err() { Err(DemoError::Weir(self.weir.output())) } else { Ok(()) }
    }

    /// Fetches one site with the real curl and shows what it got.
    fn fetch(&self, site: &Site, address: &str) -> Result<(), DemoError> {
        let url = format!("https://{}/", site.name);
        let arguments = self.curl(site, address, &url);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let answer = self.network.client.run("curl", &arguments)?;
        let (body, facts) = answer.split_once(FACTS_MARK).unwrap_or((&answer, ""));
        let (body, facts) = (body.trim_end(), facts.trim_end());
        say(&format!("  {url:28} {address:12} {facts}\n      {body}"));
        if body.starts_with(&format!("{}: nginx", site.name)) {
            Ok(())
        } else {
            Err(DemoError::WrongAnswer { url, answer: body.to_owned() })
        }
    }

    /// A download that takes its time, and is under way when this returns.
    fn begin_slow_download(&self) -> Result<Child, DemoError> {
        let [site, ..] = &SITES;
        let url = format!("https://{}/slow", site.name);
        let mut command = self.network.client.command("curl");
        command.args(self.curl(site, EDGE_V4, &url));
        let download = Child::spawn(command, Output::Discard)?;
        // The workers copy their counters to the metrics now and then, not at each change.
        wait_until(SHOW_LIMIT, "the slow download to show up", || {
            let is_shown =
                |text: Result<String, _>| text.is_ok_and(|it| it.contains("established"));
            is_shown(self.connections()) && is_shown(self.metrics("weir_tcp_connections{"))
        })?;
        Ok(download)
    }

    fn curl(&self, site: &Site, address: &str, url: &str) -> Vec<String> {
        let resolve = format!("{}:443:{}", site.name, bracketed(address));
        let facts = format!("{FACTS_MARK}TLS ok, HTTP %{{http_code}}, %{{time_total}} s");
        ["--silent", "--show-error", "--tlsv1.3", "--max-time", "60", "--write-out", &facts]
            .into_iter()
            .chain(["--cacert", &self.authority.display().to_string(), "--resolve", &resolve, url])
            .map(str::to_owned)
            .collect()
    }

    fn connections(&self) -> Result<String, DemoError> {
        let program = self.program.display().to_string();
        let socket = self.socket.display().to_string();
        Ok(self.network.edge.run(&program, &["conns", "--socket", &socket])?)
    }

    /// The lines of the metrics that begin with `prefix` and are not zero.
    fn metrics(&self, prefix: &str) -> Result<String, DemoError> {
        let url = format!("http://{METRICS}/metrics");
        let all = self.network.edge.run("curl", &["--silent", "--fail", &url])?;
        let shown = all
            .lines()
            .filter(|line| line.starts_with(prefix) && !line.ends_with(" 0"))
            .map(|line| format!("  {line}\n"));
        Ok(shown.collect())
    }
}

/// An IPv6 address as curl's --resolve takes it.
fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

/// The configuration of the demo's weir.
fn configuration(socket: &Path) -> String {
    let mut text = format!(
        "[listen.https]\ninterface = \"{EDGE_DEVICE}\"\naddress = [\"{EDGE_V4}:443\", \"[{EDGE_V6}]:443\"]\n\n\
         [admin]\nmetrics = \"{METRICS}\"\nsocket = \"{}\"\n",
        socket.display()
    );
    for Site { names, pool, port, .. } in &SITES {
        text += &format!(
            "\n[pool.{pool}]\nservers = [\"127.0.0.1:{port}\"]\n\n\
             [vhost.\"{pool}\"]\nnames = {names:?}\ncert = \"{pool}.pem\"\npool = \"{pool}\"\n"
        );
    }
    text
}
