//! The demo's backends: one nginx that plays three web servers.

use std::fs;
use std::path::Path;

use hosts::{Host, Nginx, NginxConfig};

use super::DemoError;

/// One virtual host of the demo and the server behind it.
pub(super) struct Site {
    /// The name that the tour asks for.
    pub(super) name: &'static str,
    /// The names in its certificate and configuration.
    pub(super) names: &'static [&'static str],
    /// Its pool.
    pub(super) pool: &'static str,
    /// Port on the edge's loopback interface.
    pub(super) port: u16,
}

/// The demo's virtual hosts; the last one by a wildcard.
pub(super) const SITES: [Site; 3] = [
    Site { name: "shop.example", names: &["shop.example"], pool: "shop", port: 8081 },
    Site { name: "blog.example", names: &["blog.example"], pool: "blog", port: 8082 },
    Site { name: "v1.api.example", names: &["*.api.example"], pool: "api", port: 8083 },
];

/// Seconds that `/slow` takes: long enough to look at the connection meanwhile, on a slow machine too.
const SLOW_SECONDS: usize = 60;
/// Bytes a second of `/slow`.
const SLOW_RATE_BYTES: usize = 64 << 10;

/// Starts the backends on the edge's loopback interface. `files`: where `/slow` is served from.
pub(super) fn start(edge: &Host, files: &Path) -> Result<Nginx, DemoError> {
    let slow = vec![b'.'; SLOW_SECONDS * SLOW_RATE_BYTES];
    let path = files.join("slow");
    fs::write(&path, slow).map_err(|error| DemoError::Write(path, error))?;
    let servers = SITES.iter().map(|site| server(site, files)).collect();
    Ok(Nginx::start(edge, &NginxConfig { servers, ..NginxConfig::default() })?)
}

fn server(site: &Site, files: &Path) -> String {
    let Site { name, port, .. } = site;
    let root = files.display();
    format!(
        "listen 127.0.0.1:{port};
         location / {{
             return 200 \"{name}: nginx on port {port} got $request_method $request_uri\\n\";
         }}
         location = /slow {{ root {root}; limit_rate {SLOW_RATE_BYTES}; }}"
    )
}
