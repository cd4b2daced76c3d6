//! TLS policies by name.

use std::collections::BTreeMap;

use super::Check;
use crate::config::file::{Named, Policy as Written};
use crate::config::problem::{Conflict, Problem, nearest};
use crate::config::source::Located;
use crate::vhost::policy::{self, TlsPolicy};

/// Policies by name; `default` is always there.
pub(super) type Policies = BTreeMap<String, TlsPolicy>;

/// The policy of virtual hosts that name none.
pub(super) const DEFAULT: &str = "default";

impl Check<'_> {
    /// Every policy.
    pub(super) fn policies(&mut self, written: &[Named<Written>]) -> Policies {
        let mut policies = Policies::from([(DEFAULT.to_owned(), TlsPolicy::default())]);
        for named in self.once("policy", written) {
            policies.insert(named.name.value.clone(), self.policy(named));
        }
        policies
    }

    fn policy(&mut self, named: &Named<Written>) -> TlsPolicy {
        let Written { versions, cipher_suites, groups } = &named.section;
        let all_versions: Vec<_> =
            policy::VERSIONS.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect();
        let default = TlsPolicy::default();
        let policy = TlsPolicy {
            versions: self.chosen("versions", versions, &all_versions, default.versions),
            cipher_suites: self.chosen(
                "cipher_suites",
                cipher_suites,
                &policy::cipher_suites(),
                default.cipher_suites,
            ),
            groups: self.chosen("groups", groups, &policy::groups(), default.groups),
        };
        if !policy.is_complete() {
            let place =
                cipher_suites.first().map_or(&named.name.place, |suite| &suite.place).clone();
            self.report.add(&place, Problem::Conflict(Conflict::NoSuiteForVersion));
        }
        policy
    }

    /// What the names in `written` stand for, in their order; `default` if there are none.
    fn chosen<T: Copy>(
        &mut self,
        key: &str,
        written: &[Located<String>],
        all: &[(String, T)],
        default: Vec<T>,
    ) -> Vec<T> {
        if written.is_empty() {
            return default;
        }
        let mut chosen = Vec::with_capacity(written.len());
        for name in written {
            match all.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name.value)) {
                Some((_, value)) => chosen.push(*value),
                None => {
                    let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
                    let problem = Problem::BadValue {
                        key: key.to_owned(),
                        nearest: nearest(&name.value, names.iter().copied()).map(ToOwned::to_owned),
                        expected: names.join(", "),
                        found: name.value.clone(),
                    };
                    self.report.add(&name.place, problem);
                }
            }
        }
        // Whatever was wrong with the names has been said.
        if chosen.is_empty() { default } else { chosen }
    }
}
