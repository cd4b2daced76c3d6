//! Where the control plane listens.

use super::Check;
use crate::config::file::{Admin, Switch};
use crate::config::problem::{Conflict, Problem};
use crate::config::snapshot::{AdminSettings, MetricsEndpoint};

impl Check<'_> {
    /// The settings of the control plane.
    pub(super) fn admin(&mut self, written: &Admin) -> AdminSettings {
        let Admin { metrics, metrics_token_file, metrics_hosts, socket } = written;
        let token = metrics_token_file.as_ref().and_then(|file| {
            let path = file.place.source.resolve(&file.value);
            let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
            let token = read.and_then(|text| match text.trim() {
                "" => Err("it is empty".to_owned()),
                token => Ok(token.to_owned()),
            });
            token
                .map_err(|error| self.report.add(&file.place, Problem::BadFile { path, error }))
                .ok()
        });
        let metrics = match metrics.value {
            Switch::Off => None,
            Switch::On(address) => {
                if !address.ip().is_loopback() && metrics_token_file.is_none() {
                    self.report.add(&metrics.place, Problem::Conflict(Conflict::TokenMissing));
                }
                let hosts = metrics_hosts.iter().map(|host| host.value.to_ascii_lowercase());
                Some(MetricsEndpoint { address, token, hosts: hosts.collect() })
            }
        };
        let socket = match socket {
            Switch::Off => None,
            Switch::On(path) => Some(path.clone()),
        };
        AdminSettings { metrics, socket }
    }
}
