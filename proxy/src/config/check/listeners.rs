//! Listeners: addresses on interfaces.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{Check, Seen};
use crate::config::file::{Listen as Written, Named, Owner, Vhost as WrittenVhost};
use crate::config::problem::{Conflict, Problem};
use crate::config::snapshot::{AddressOwner, Listener, Networks};
use crate::config::source::Located;
use crate::vhost::Vhost;
use crate::vhost::table::UnknownNames;

impl Check<'_> {
    /// Every listener.
    pub(super) fn listeners(
        &mut self,
        written: &[Named<Written>],
        vhosts: &[Arc<Vhost>],
        written_vhosts: &[Named<WrittenVhost>],
    ) -> Vec<Listener> {
        if written.is_empty() {
            self.report.add_without_place(Problem::NoListeners);
        }
        let mut addresses = Seen::new("address");
        let vhosts = Vhosts { usable: vhosts, written: written_vhosts };
        let mut listeners: Vec<_> = self
            .once("listener", written)
            .into_iter()
            .filter_map(|named| self.listener(named, &vhosts, &mut addresses))
            .collect();
        listeners.sort_by(|a, b| a.name.cmp(&b.name));
        listeners
    }

    fn listener(
        &mut self,
        named: &Named<Written>,
        vhosts: &Vhosts<'_>,
        seen: &mut Seen,
    ) -> Option<Listener> {
        let section = &named.section;
        let unknown_names = self.unknown_names(section, vhosts);
        let address_owner = self.address_owner(section);
        for address in &section.address {
            self.listening_address(address, seen);
        }
        Some(Listener {
            name: named.name.value.clone(),
            interface: section.interface.as_ref()?.value.clone(),
            addresses: section.address.iter().map(|address| address.value).collect(),
            queues: section.queues,
            unknown_names,
            checksum: section.checksum,
            address_owner,
            xdp_mode: section.xdp_mode,
            super_frames: section.super_frames,
        })
    }

    fn listening_address(&mut self, address: &Located<SocketAddr>, seen: &mut Seen) {
        seen.insert(address, self.report);
        let conflict = if address.value.ip().is_unspecified() {
            Conflict::UnspecifiedAddress
        } else if address.value.port() == 0 {
            Conflict::PortZero
        } else {
            return;
        };
        self.report.add(&address.place, Problem::Conflict(conflict));
    }

    fn unknown_names(&mut self, section: &Written, vhosts: &Vhosts<'_>) -> UnknownNames {
        let Some(name) = &section.default_vhost else { return UnknownNames::Refuse };
        if let Some(vhost) = vhosts.usable.iter().find(|vhost| vhost.name == name.value) {
            return UnknownNames::Default(Arc::clone(vhost));
        }
        // A virtual host that is written but broken was reported where it stands.
        let mut known = vhosts.written.iter().map(|named| named.name.value.as_str());
        if !known.clone().any(|known| known == name.value) {
            self.unknown("virtual host", name, known.by_ref());
        }
        UnknownNames::Refuse
    }

    fn address_owner(&mut self, section: &Written) -> AddressOwner {
        let Written { address, address_owner, networks, gateways, .. } = section;
        match address_owner {
            Owner::Kernel => {
                let network = networks.first().map(|network| &network.place);
                if let Some(place) =
                    network.or_else(|| gateways.first().map(|gateway| &gateway.place))
                {
                    self.report.add(place, Problem::Conflict(Conflict::NetworkOfKernel));
                }
                AddressOwner::Kernel
            }
            Owner::Engine => {
                for listening in address {
                    let ip = listening.value.ip();
                    if !networks.iter().any(|network| network.value.address == ip) {
                        let problem = Problem::Conflict(Conflict::NetworkMissing);
                        self.report.add(&listening.place, problem);
                    }
                }
                AddressOwner::Engine(Networks {
                    addresses: networks
                        .iter()
                        .map(|network| (network.value.address, network.value.prefix_len))
                        .collect(),
                    gateways: gateways.iter().map(|gateway| gateway.value).collect(),
                })
            }
        }
    }
}

/// The virtual hosts that a listener may name.
struct Vhosts<'a> {
    usable: &'a [Arc<Vhost>],
    written: &'a [Named<WrittenVhost>],
}
