//! The values of labels, gathered from the rooms that name them.

use super::LabelValues;
use crate::config::Snapshot;
use crate::ending::Ending;
use crate::tally::BackendResult;
use crate::worker::publish::{KERNEL_DROPS, POOLS, RETRANSMIT_CAUSES};

impl LabelValues {
    /// The values for a process that runs `snapshot`, with a worker for each of `queues`.
    pub(crate) fn of(snapshot: &Snapshot, queues: Vec<String>) -> Self {
        Self {
            listeners: snapshot.listeners.iter().map(|listener| listener.name.clone()).collect(),
            queues,
            vhosts: vhosts(snapshot),
            tcp_close_reasons: Ending::names(),
            tcp_drop_reasons: netstack::DropReason::all().map(|reason| reason.name()).collect(),
            retransmit_causes: RETRANSMIT_CAUSES.to_vec(),
            tls_failure_reasons: weir_tls::Reason::ALL
                .iter()
                .map(|reason| reason.label())
                .collect(),
            xdp_drop_reasons: xdp::DropReason::ALL
                .iter()
                .map(|reason| reason.name())
                .chain(KERNEL_DROPS)
                .collect(),
            backend_results: BackendResult::NAMES.to_vec(),
            memory_pools: POOLS.to_vec(),
        }
    }
}

/// Names by index. At the start the indices are without gaps.
fn vhosts(snapshot: &Snapshot) -> Vec<String> {
    let mut vhosts: Vec<_> = snapshot.vhosts.iter().collect();
    vhosts.sort_by_key(|vhost| vhost.index);
    vhosts.into_iter().map(|vhost| vhost.name.clone()).collect()
}
