//! Kernel, capabilities, limits.

use caps::{CapSet, Capability};
use rustix::process::{Resource, getrlimit};

use super::{Finding, State};

/// Debian 12's kernel, the oldest that weir runs on.
const KERNEL_MIN: (u32, u32) = (6, 1);

/// Open files below which a proxy soon runs out: a backend connection costs one.
const OPEN_FILES_ENOUGH: u64 = 16_384;

/// Locked memory that one queue's UMEM needs at least, in bytes.
const MEMLOCK_ENOUGH: u64 = 64 << 20;

/// What weir needs at start, and what for.
const CAPABILITIES: [(Capability, &str); 4] = [
    (Capability::CAP_NET_ADMIN, "attaches the XDP program to an interface"),
    (Capability::CAP_NET_RAW, "opens AF_XDP and AF_PACKET sockets"),
    (Capability::CAP_BPF, "loads the XDP program"),
    (Capability::CAP_IPC_LOCK, "locks the frames in memory"),
];

/// All of it.
pub(super) fn findings() -> Vec<Finding> {
    let mut findings = vec![kernel()];
    findings.extend(CAPABILITIES.map(|(capability, purpose)| held(capability, purpose)));
    findings.extend([memory_lock(), open_files(), huge_pages()]);
    findings
}

fn kernel() -> Finding {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy().into_owned();
    let good = version(&release).is_some_and(|version| version >= KERNEL_MIN);
    let (major, minor) = KERNEL_MIN;
    Finding {
        what: "kernel".to_owned(),
        state: if good { State::Good } else { State::Missing },
        detail: release,
        advice: (!good).then(|| format!("weir needs Linux {major}.{minor} or newer")),
    }
}

/// Major and minor number of a release such as `6.1.0-18-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// How to get every capability that weir starts with.
const GIVE: &str = "run as root, by weir.service, or after: setcap \
                    cap_net_admin,cap_net_raw,cap_bpf,cap_ipc_lock+ep PATH-OF-WEIR";

fn held(capability: Capability, purpose: &str) -> Finding {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    // CAP_SYS_ADMIN includes CAP_BPF.
    let held =
        has(capability) || (capability == Capability::CAP_BPF && has(Capability::CAP_SYS_ADMIN));
    // A large enough memory lock serves as well: see there.
    let needed = capability != Capability::CAP_IPC_LOCK;
    Finding {
        what: capability.to_string(),
        state: match (held, needed) {
            (true, _) => State::Good,
            (false, true) => State::Missing,
            (false, false) => State::Fallback,
        },
        detail: purpose.to_owned(),
        advice: (!held).then(|| GIVE.to_owned()),
    }
}

fn memory_lock() -> Finding {
    let limit = getrlimit(Resource::Memlock).current;
    let unlimited =
        caps::has_cap(None, CapSet::Effective, Capability::CAP_IPC_LOCK).unwrap_or(false);
    let good = unlimited || limit.is_none_or(|bytes| bytes >= MEMLOCK_ENOUGH);
    let detail = match limit {
        None => "unlimited".to_owned(),
        Some(bytes) if unlimited => format!("{bytes} bytes, lifted by CAP_IPC_LOCK"),
        Some(bytes) => format!("{bytes} bytes"),
    };
    Finding {
        what: "memory lock".to_owned(),
        state: if good { State::Good } else { State::Missing },
        detail,
        advice: (!good).then(|| "ulimit -l unlimited, or LimitMEMLOCK=infinity".to_owned()),
    }
}

/// What to do about few of them.
const FILES: &str = "each backend connection is one, clients cost none: ulimit -n 16384, or \
                     LimitNOFILE=16384";

fn open_files() -> Finding {
    let limit = getrlimit(Resource::Nofile);
    let good = limit.maximum.is_none_or(|files| files >= OPEN_FILES_ENOUGH);
    Finding {
        what: "open files".to_owned(),
        state: if good { State::Good } else { State::Fallback },
        detail: limit.maximum.map_or_else(|| "unlimited".to_owned(), |files| files.to_string()),
        advice: (!good).then(|| FILES.to_owned()),
    }
}

fn huge_pages() -> Finding {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("HugePages_Free:"))
        .and_then(|pages| pages.trim().parse::<u64>().ok())
        .unwrap_or(0);
    Finding {
        what: "huge pages".to_owned(),
        state: if free > 0 { State::Good } else { State::Fallback },
        detail: format!("{free} free"),
        advice: (free == 0)
            .then(|| "normal pages are used; for huge ones: sysctl vm.nr_hugepages=64".to_owned()),
    }
}
