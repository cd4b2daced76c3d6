//! Weighted round robin over the servers of a pool; each worker has its own.

use super::pool::{Pool, Server};

/// The round-robin state of one worker for every pool.
#[derive(Debug)]
pub(crate) struct Picker {
    /// Where this worker starts in each round, so that workers don't all begin at server 0.
    offset: u32,
    /// By the pool's index, grown at first use.
    pools: Vec<RoundRobin>,
}

impl Picker {
    /// The picker of the worker with this number.
    pub(crate) fn new(worker: u32) -> Self {
        Self { offset: worker, pools: Vec::new() }
    }

    /// The server for the next connection to `pool`, leaving out those that were tried for this
    /// connection. `None` when all were.
    pub(crate) fn pick<'a>(&mut self, pool: &'a Pool, tried: &Tried) -> Option<Picked<'a>> {
        let slot = usize::try_from(pool.index).expect("a 32-bit index fits usize");
        if self.pools.len() <= slot {
            self.pools.resize_with(slot + 1, RoundRobin::default);
        }
        let state = self.pools.get_mut(slot).expect("grown above");
        if state.lead.len() != pool.servers.len() {
            state.restart(pool, self.offset);
        }
        let position = state.advance(pool, tried)?;
        Some(Picked { position, server: pool.servers.get(position)? })
    }
}

/// The choice for one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picked<'a> {
    /// Its place in [`Pool::servers`].
    pub(crate) position: usize,
    /// The server itself.
    pub(crate) server: &'a Server,
}

/// The servers of one pool that one connection has tried in vain. Allocates only after a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tried(Vec<usize>);

impl Tried {
    /// Remembers the server at `position`.
    pub(crate) fn insert(&mut self, position: usize) {
        if !self.contains(position) {
            self.0.push(position);
        }
    }

    fn contains(&self, position: usize) -> bool {
        self.0.contains(&position)
    }
}

/// Smooth weighted round robin: a server leads by its weight more each round, the leader serves
/// and falls back by the sum, so that heavy servers are spread out, not served in bursts.
#[derive(Debug, Default)]
struct RoundRobin {
    lead: Vec<i64>,
}

impl RoundRobin {
    fn restart(&mut self, pool: &Pool, offset: u32) {
        self.lead.clear();
        self.lead.resize(pool.servers.len(), 0);
        let round: u32 = pool.servers.iter().map(|server| u32::from(server.weight.get())).sum();
        for _ in 0..offset.checked_rem(round).unwrap_or(0) {
            self.advance(pool, &Tried::default());
        }
    }

    fn advance(&mut self, pool: &Pool, tried: &Tried) -> Option<usize> {
        let mut round = 0;
        let mut leader: Option<(usize, i64)> = None;
        let servers = pool.servers.iter().zip(&mut self.lead).enumerate();
        for (position, (server, lead)) in servers.filter(|(at, _)| !tried.contains(*at)) {
            let weight = i64::from(server.weight.get());
            round += weight;
            *lead += weight;
            if leader.is_none_or(|(_, most)| *lead > most) {
                leader = Some((position, *lead));
            }
        }
        let (position, _) = leader?;
        *self.lead.get_mut(position)? -= round;
        Some(position)
    }
}
