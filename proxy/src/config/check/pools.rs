//! Pools and their servers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::{Check, Seen};
use crate::backend::pool::{Address, Pool, Server, Weight};
use crate::config::file::{Named, Pool as Written};
use crate::config::problem::Problem;
use crate::config::snapshot::Timeouts;
use crate::config::source::Located;

/// Pools by name.
pub(super) type Pools = BTreeMap<String, Arc<Pool>>;

impl Check<'_> {
    /// Every pool that can be used.
    pub(super) fn pools(&mut self, written: &[Named<Written>], timeouts: &Timeouts) -> Pools {
        let sections = self.once("pool", written);
        sections.into_iter().map(|named| self.pool(named, timeouts)).collect()
    }

    fn pool(&mut self, named: &Named<Written>, timeouts: &Timeouts) -> (String, Arc<Pool>) {
        let name = named.name.value.clone();
        let Written { servers, weights, connect_timeout } = &named.section;
        let mut seen = Seen::new("server");
        let mut known: Vec<_> =
            servers.iter().filter_map(|server| self.server(server, &mut seen)).collect();
        for (server, weight) in weights {
            self.weigh(&mut known, server, weight);
        }
        let pool = Pool {
            index: self.indices.pools.number(&name),
            name: name.clone(),
            servers: known,
            connect_timeout: connect_timeout.unwrap_or(timeouts.backend_connect),
        };
        (name, Arc::new(pool))
    }

    fn server(&mut self, written: &Located<String>, seen: &mut Seen) -> Option<Server> {
        let Some(address) = address(written) else {
            let problem = Problem::BadValue {
                key: "servers".to_owned(),
                expected: "an address with a port such as \"10.0.0.1:8080\", or \"unix:PATH\""
                    .to_owned(),
                found: written.value.clone(),
                nearest: None,
            };
            self.report.add(&written.place, problem);
            return None;
        };
        let place = written.place.clone();
        let first = seen.insert(&Located { value: &address, place }, self.report);
        first.then(|| Server { name: written.value.clone(), address, weight: Weight::ONE })
    }

    fn weigh(&mut self, servers: &mut [Server], name: &Located<String>, weight: &Located<u32>) {
        let Some(value) = u16::try_from(weight.value).ok().and_then(Weight::new) else {
            let problem = Problem::BadValue {
                key: "weights".to_owned(),
                expected: format!("whole numbers from 1 to {}", Weight::MAX),
                found: weight.value.to_string(),
                nearest: None,
            };
            self.report.add(&weight.place, problem);
            return;
        };
        match servers.iter_mut().find(|server| server.name == name.value) {
            Some(server) => server.weight = value,
            None => self.unknown("server", name, servers.iter().map(|known| known.name.as_str())),
        }
    }
}

/// A server's address. Paths of sockets are relative to the file, as all paths.
fn address(written: &Located<String>) -> Option<Address> {
    if let Some(path) = written.value.strip_prefix("unix:") {
        let path = written.place.source.resolve(Path::new(path));
        return (!path.as_os_str().is_empty()).then_some(Address::Unix(path));
    }
    let address: SocketAddr = written.value.parse().ok()?;
    (address.port() != 0 && !address.ip().is_unspecified()).then_some(Address::Inet(address))
}
