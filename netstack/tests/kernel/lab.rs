//! The engine, the kernel, and the path between them.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use forwarder::{PacketSocket, Path, PathConfig};
use hosts::Host;
use netstack::Span;
use netstack_simulator::Host as Simulated;
use netstack_simulator::{Family, HostConfig, Impairments, Outcome, PORT, Plan};
use rustix::net::sockopt::set_tcp_congestion;

use crate::engine::RealHost;
use crate::peer;

/// How long anything may take.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A path without faults, and short.
pub(crate) const GOOD: Impairments =
    Impairments { delay: Span::from_micros(200), ..Impairments::NONE };

/// Who sends the first SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opener {
    Engine,
    Kernel,
}

/// Both families, and who opens.
pub(crate) const OPENINGS: [(Family, Opener); 4] = [
    (Family::V4, Opener::Engine),
    (Family::V6, Opener::Kernel),
    (Family::V6, Opener::Engine),
    (Family::V4, Opener::Kernel),
];

/// The two, joined.
pub(crate) struct Lab {
    pub(crate) engine: RealHost,
    // Before the hosts: nothing is sent to devices that are gone.
    pub(crate) path: Path,
    pub(crate) peer: Host,
    _edge: Host,
}

impl Lab {
    /// `ways`: what frames meet on their way to the engine, and on their way to the kernel.
    pub(crate) fn new(hint: &str, config: HostConfig, ways: [Impairments; 2], seed: u64) -> Self {
        let peer = Host::new(&format!("{hint}-kernel")).expect("a host");
        let edge = Host::new(&format!("{hint}-engine")).expect("a host");
        // The kernel there has no part in it.
        edge.set_sysctl("net.ipv6.conf.default.disable_ipv6", "1").expect("a kernel with IPv6");
        let path = Path::new(&peer, &edge, &PathConfig { ways, seed, ..PathConfig::default() });
        let path = path.expect("a path");
        peer.add_address("eth0", "192.0.2.2/24").expect("an address");
        peer.add_address("eth0", "2001:db8::2/64").expect("an address");
        let socket = PacketSocket::open(&edge, "eth0").expect("a device");
        let engine = RealHost::new(config, Plan::sending(0), socket, seed);
        Self { engine, path, peer, _edge: edge }
    }

    /// Opens a connection on which the engine follows `plan`; gives the kernel's end.
    pub(crate) fn open(&mut self, family: Family, opener: Opener, plan: Plan) -> TcpStream {
        let known = |host: &Simulated| host.living().count() + host.outcomes.len();
        let before = known(&self.engine.host);
        let stream = match opener {
            Opener::Kernel => {
                self.engine.host.server_plan = plan;
                let to = SocketAddr::new(address(family, 1), PORT);
                self.kernel(|| TcpStream::connect_timeout(&to, SOON)).expect("an answer")
            }
            Opener::Engine => {
                let at = SocketAddr::new(address(family, 2), 0);
                let listener = self.kernel(|| TcpListener::bind(at)).expect("a port");
                let port = listener.local_addr().expect("it is bound").port();
                self.engine.connect(family, port, plan);
                self.kernel(|| peer::accept(&listener, SOON))
            }
        };
        // The kernel's connect is over before its last ACK has arrived.
        self.engine.run_until(SOON, "the engine's end", |host| known(host) > before);
        // Whatever this machine prefers.
        set_tcp_congestion(&stream, "cubic").expect("every kernel has it");
        stream
    }

    /// Runs the engine while the kernel's side does `work`, inside its namespace.
    pub(crate) fn kernel<T: Send>(&mut self, work: impl FnOnce() -> T + Send) -> T {
        let Self { engine, peer, .. } = self;
        thread::scope(|scope| {
            let thread = scope.spawn(|| peer.enter(work).expect("the namespace is there"));
            engine.run_until(2 * SOON, "the kernel's side", |_| thread.is_finished());
            thread.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
        })
    }

    /// Runs until the engine's connections are over, and takes what became of them.
    pub(crate) fn outcomes(&mut self, count: usize) -> Vec<Outcome> {
        let over = |host: &Simulated| host.outcomes.len() >= count;
        self.engine.run_until(SOON, "the connections' end", over);
        std::mem::take(&mut self.engine.host.outcomes)
    }

    /// The kernel's sockets in `state`, as `ss` calls it.
    pub(crate) fn kernel_sockets(&self, state: &str) -> usize {
        let said = self.peer.run("ss", &["-Htan", "state", state]).expect("ss runs");
        said.lines().count()
    }
}

/// The address of host `number`: the engine is 1, the kernel is 2.
pub(crate) fn address(family: Family, number: u8) -> IpAddr {
    match family {
        Family::V4 => IpAddr::from([192, 0, 2, number]),
        Family::V6 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(number)]),
    }
}
