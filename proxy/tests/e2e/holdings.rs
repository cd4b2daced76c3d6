//! What weir says that it holds.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use hosts::wait_until;

use crate::edge::{Edge, LIMIT};

/// The connections in TIME-WAIT.
pub(crate) const TIME_WAIT: &str = "weir_tcp_connections{listener=\"https\",state=\"time_wait\"}";

/// How long a connection may last that nobody owns: a minute, and the time in which it came to that.
const LAST: Duration = Duration::from_secs(90);

/// The time between two looks where something lasts a minute.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The descriptors that weir has open.
pub(crate) fn open_files(edge: &Edge) -> usize {
    fs::read_dir(format!("/proc/{}/fd", edge.weir.id())).expect("weir runs").count()
}

/// What is counted in things, not in bytes.
const THINGS: [&str; 9] = [
    "weir_tcp_connections{",
    "weir_tcp_held{",
    "weir_xdp_frames{",
    "weir_record_buffers{",
    "weir_backend_operations{",
    "weir_backend_connections",
    "weir_vhost_connections{",
    "weir_sessions",
    "weir_session_timers",
];

/// Whether what lasts a minute is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TimeWait {
    /// TIME-WAIT may still be there.
    Lasts,
    /// It must be over.
    Over,
}

/// All that weir holds at one moment.
pub(crate) struct Holdings(BTreeMap<String, f64>);

impl Holdings {
    pub(crate) fn of(edge: &Edge) -> Self {
        let metrics = edge.metrics();
        let lines = metrics.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| line.rsplit_once(' '));
        let parse = |(name, value): (&str, &str)| Some((name.to_owned(), value.parse().ok()?));
        Self(samples.filter_map(parse).collect())
    }

    /// What a series said, which must be there.
    pub(crate) fn get(&self, name: &str) -> f64 {
        *self.0.get(name).unwrap_or_else(|| panic!("no {name}"))
    }

    /// The bytes of a pool.
    pub(crate) fn bytes(&self, pool: &str) -> f64 {
        self.get(&format!("weir_memory_bytes{{pool=\"{pool}\"}}"))
    }

    /// Every pool's name.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &str> {
        let labels =
            self.0.keys().filter_map(|name| name.strip_prefix("weir_memory_bytes{pool=\""));
        labels.filter_map(|rest| rest.strip_suffix("\"}"))
    }

    /// Waits until `edge` holds exactly as many things as here.
    pub(crate) fn wait_for_same(&self, edge: &Edge, time_wait: TimeWait) {
        let wanted = self.things(time_wait);
        for prefix in THINGS {
            assert!(wanted.keys().any(|name| name.starts_with(prefix)), "no series {prefix}");
        }
        let mut others = Vec::new();
        let limit = if time_wait == TimeWait::Over { LAST } else { LIMIT };
        let same = wait_until(limit, "all to be given back", || {
            if time_wait == TimeWait::Over {
                thread::sleep(LOOK_INTERVAL);
            }
            let now = Self::of(edge).things(time_wait);
            let lost = wanted.iter().filter(|(name, _)| !now.contains_key(*name));
            let others_now = now.iter().filter(|(name, value)| wanted.get(*name) != Some(*value));
            others = lost.chain(others_now).map(|(name, value)| (name.clone(), *value)).collect();
            others.is_empty()
        });
        let rest = || format!("{}\n{}", edge.ask(&["conns", "--json"]), edge.metrics());
        assert!(same.is_ok(), "{others:?}\n{}", rest());
    }

    fn things(&self, time_wait: TimeWait) -> BTreeMap<String, f64> {
        let mut things = BTreeMap::new();
        for (name, value) in &self.0 {
            if THINGS.iter().any(|prefix| name.starts_with(prefix)) {
                // What the kernel may receive into is as good as free.
                let name = ["fill", "kernel"].iter().fold(name.clone(), |name, lent| {
                    name.replace(&format!("use=\"{lent}\""), "use=\"free\"")
                });
                *things.entry(name).or_insert(0.0) += value;
            }
        }
        if time_wait == TimeWait::Lasts {
            things.remove(TIME_WAIT).expect("the state is listed");
        }
        things
    }
}
