//! Virtual hosts: names, certificates, routes.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::sign::SigningKey;

use super::policies::{DEFAULT, Policies};
use super::pools::Pools;
use super::{Check, Seen};
use crate::backend::pool::Pool;
use crate::certs::{self, Certificate, CertificateError, PemFile, Resolver, Validity};
use crate::config::file::{Named, Vhost as Written};
use crate::config::problem::Problem;
use crate::config::source::{Located, Place};
use crate::vhost::policy::{HostTls, TlsPolicy};
use crate::vhost::route::Routes;
use crate::vhost::{NamePattern, Vhost};

/// Longest name of an ALPN protocol. RFC 7301 §3.1.
const PROTOCOL_LEN_MAX: usize = 255;

impl Check<'_> {
    /// Every virtual host that can be served, in the order of their names.
    pub(super) fn vhosts(
        &mut self,
        written: &[Named<Written>],
        pools: &Pools,
        policies: &Policies,
    ) -> Vec<Arc<Vhost>> {
        let mut names = Seen::new("server name");
        let mut vhosts: Vec<_> = self
            .once("virtual host", written)
            .into_iter()
            .filter_map(|named| {
                let patterns = self.names(named, &mut names);
                let routes = self.routes(named, pools);
                let certificates = self.certificates(named);
                self.coverage(&patterns, &certificates);
                let policy = self.policy_of(named, policies);
                let parts = Parts { patterns, routes: routes?, certificates, policy: policy? };
                self.vhost(named, parts)
            })
            .collect();
        vhosts.sort_by(|a, b| a.name.cmp(&b.name));
        vhosts
    }

    fn vhost(&mut self, named: &Named<Written>, parts: Parts<'_>) -> Option<Arc<Vhost>> {
        let Parts { patterns, routes, certificates, policy } = parts;
        if certificates.is_empty() || patterns.is_empty() {
            return None;
        }
        let name = &named.name.value;
        let tls = policy.server_config(HostTls {
            name,
            resolver: Arc::new(Resolver::new(&certificates)),
            protocols: routes.protocols().map(<[u8]>::to_vec).collect(),
            tickets: Arc::clone(self.tickets),
        });
        Some(Arc::new(Vhost {
            name: name.clone(),
            index: self.indices.vhosts.number(name),
            names: patterns.into_iter().map(|pattern| pattern.value).collect(),
            // A policy that contradicts itself was reported where it stands.
            tls: Arc::new(tls.ok()?),
            speaks_first: named.section.speaks_first,
            certificates: certificates.into_iter().map(|certificate| certificate.facts).collect(),
            routes,
        }))
    }

    fn names(&mut self, named: &Named<Written>, seen: &mut Seen) -> Vec<Located<NamePattern>> {
        let written = match named.section.names.as_slice() {
            [] => std::slice::from_ref(&named.name),
            names => names,
        };
        let mut patterns = Vec::with_capacity(written.len());
        for name in written {
            match NamePattern::new(&name.value) {
                Ok(value) => {
                    let pattern = Located { value, place: name.place.clone() };
                    if seen.insert(&pattern, self.report) {
                        patterns.push(pattern);
                    }
                }
                Err(error) => {
                    let problem = Problem::BadName { text: name.value.clone(), error };
                    self.report.add(&name.place, problem);
                }
            }
        }
        patterns
    }

    fn routes(&mut self, named: &Named<Written>, pools: &Pools) -> Option<Routes> {
        let Written { pool, alpn, .. } = &named.section;
        if pool.is_none() && alpn.is_empty() {
            let problem = Problem::NoRoute { vhost: named.name.value.clone() };
            self.report.add(&named.name.place, problem);
            return None;
        }
        let mut by_protocol = Vec::with_capacity(alpn.len());
        for (protocol, pool) in alpn {
            if protocol.value.is_empty() || protocol.value.len() > PROTOCOL_LEN_MAX {
                let problem = Problem::BadValue {
                    key: "alpn".to_owned(),
                    expected: "protocols such as \"h2\", \"http/1.1\" or \"dot\"".to_owned(),
                    found: protocol.value.clone(),
                    nearest: None,
                };
                self.report.add(&protocol.place, problem);
            }
            if let Some(pool) = self.pool_of(pool, pools) {
                by_protocol.push((protocol.value.clone().into_bytes(), pool));
            }
        }
        let without_alpn = pool.as_ref().and_then(|pool| self.pool_of(pool, pools));
        Some(Routes::new(by_protocol, without_alpn))
    }

    fn pool_of(&mut self, name: &Located<String>, pools: &Pools) -> Option<Arc<Pool>> {
        let pool = pools.get(&name.value).map(Arc::clone);
        if pool.is_none() {
            self.unknown("pool", name, pools.keys().map(String::as_str));
        }
        pool
    }

    fn policy_of<'p>(
        &mut self,
        named: &Named<Written>,
        policies: &'p Policies,
    ) -> Option<&'p TlsPolicy> {
        let Some(name) = &named.section.policy else { return policies.get(DEFAULT) };
        let policy = policies.get(&name.value);
        if policy.is_none() {
            self.unknown("policy", name, policies.keys().map(String::as_str));
        }
        policy
    }

    fn certificates(&mut self, named: &Named<Written>) -> Vec<Certificate> {
        let Written { cert, key, .. } = &named.section;
        let provider = aws_lc_rs::default_provider();
        let mut keys: Vec<Arc<dyn SigningKey>> = Vec::new();
        let mut keys_of =
            |file: &PemFile| certs::signing_keys(file, &provider).map(|found| keys.extend(found));
        let mut chains = Vec::with_capacity(cert.len());
        for written in cert {
            let path = written.place.source.resolve(&written.value);
            let file = PemFile::read(&path).and_then(|file| keys_of(&file).map(|()| file));
            match file {
                Ok(file) => chains.push((&written.place, file)),
                Err(error) => self.report.add(&written.place, Problem::Certificate(error)),
            }
        }
        let mut key_failed = false;
        for written in key {
            let path = written.place.source.resolve(&written.value);
            let read = PemFile::read(&path).and_then(|file| match file.keys().len() {
                0 => Err(CertificateError::NoKey { path }),
                _ => keys_of(&file),
            });
            if let Err(error) = read {
                key_failed = true;
                self.report.add(&written.place, Problem::Certificate(error));
            }
        }
        let mut certificates = Vec::with_capacity(chains.len());
        for (place, file) in chains {
            match Certificate::new(&file, &keys) {
                Ok(certificate) => {
                    self.validity(place, &certificate);
                    certificates.push(certificate);
                }
                // Without a key that could not be read there is no use in saying that none fits.
                Err(CertificateError::NoKey { .. } | CertificateError::KeyMismatch { .. })
                    if key_failed => {}
                Err(error) => self.report.add(place, Problem::Certificate(error)),
            }
        }
        certificates
    }

    fn validity(&mut self, place: &Place, certificate: &Certificate) {
        let problem = match certificate.facts.validity(self.now) {
            Validity::Good => return,
            Validity::NotYet => Problem::NotYetValid,
            Validity::Ending { days } => Problem::ExpiresSoon { days },
            Validity::Ended { days } => Problem::Expired { days },
        };
        self.report.add(place, problem);
    }

    /// Every name must be in a certificate; with none loaded there is nothing to compare with.
    fn coverage(&mut self, patterns: &[Located<NamePattern>], certificates: &[Certificate]) {
        if certificates.is_empty() {
            return;
        }
        for pattern in patterns {
            if !certificates.iter().any(|known| known.facts.covers(&pattern.value)) {
                let problem = Problem::NameNotInCertificate { name: pattern.value.to_string() };
                self.report.add(&pattern.place, problem);
            }
        }
    }
}

/// What a virtual host is put together from.
struct Parts<'a> {
    patterns: Vec<Located<NamePattern>>,
    routes: Routes,
    certificates: Vec<Certificate>,
    policy: &'a TlsPolicy,
}
