//! What the service manager is told.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use hosts::Signal;

use crate::edge::{Edge, LIMIT, Plan, Site};

#[test]
fn service_manager_hears_of_readiness_reloads_and_the_end() {
    // Abstract names belong to the network namespace, which is the test's own.
    let environment = vec![("NOTIFY_SOCKET", "@service-manager")];
    let plan = Plan { environment, ..Plan::default() };
    let site = Site::make(&plan);
    let address = SocketAddr::from_abstract_name("service-manager").expect("a name");
    let socket = site.host.enter(|| UnixDatagram::bind_addr(&address));
    let socket = socket.expect("the host is there").expect("a socket");
    socket.set_read_timeout(Some(LIMIT)).expect("a timeout");
    let hear = || {
        let mut datagram = [0; 512];
        let length = socket.recv(&mut datagram).expect("a word");
        String::from_utf8_lossy(&datagram[..length]).into_owned()
    };

    let mut edge = Edge::on(site, &plan);
    assert_eq!(hear(), "READY=1\nSTATUS=Serving");

    edge.signal(Signal::HUP);
    assert!(hear().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(hear(), "READY=1\nSTATUS=Serving");

    fs::write(edge.path("weir.toml"), "nonsense").expect("written");
    edge.signal(Signal::HUP);
    assert!(hear().starts_with("RELOADING=1\n"));
    let refused = hear();
    assert!(refused.starts_with("READY=1\n") && refused.contains("refused"), "{refused}");

    edge.signal(Signal::TERM);
    assert!(hear().starts_with("STOPPING=1\n"));
    let status = edge.weir.wait(LIMIT).expect("weir ends");
    assert_eq!(status.code(), Some(0), "{}", edge.log());
}
