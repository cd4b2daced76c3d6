//! What arrives at a real socket.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use super::{Notifier, Reload};

fn received(socket: &UnixDatagram) -> String {
    let mut datagram = [0; 512];
    let length = socket.recv(&mut datagram).expect("a datagram");
    String::from_utf8_lossy(&datagram[..length]).into_owned()
}

#[test]
fn states_arrive_at_a_path_one_datagram_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let notifier = Notifier::to(path.as_os_str()).expect("a path");
    notifier.ready();
    assert_eq!(received(&socket), "READY=1\nSTATUS=Serving");
    notifier.reloading();
    let reloading = received(&socket);
    let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("a time");
    assert!(time.parse::<u64>().expect("microseconds") > 0);
    notifier.reloaded(Reload::Refused);
    let refused = received(&socket);
    assert!(refused.starts_with("READY=1\n") && refused.contains("refused"), "{refused}");
    notifier.reloaded(Reload::Done);
    assert_eq!(received(&socket), "READY=1\nSTATUS=Serving");
    notifier.stopping();
    assert_eq!(received(&socket), "STOPPING=1\nSTATUS=Draining");
}

#[test]
fn abstract_name_begins_with_an_at_sign() {
    let name = format!("weir-notify-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = UnixDatagram::bind_addr(&address).expect("a socket");
    Notifier::to(OsStr::new(&format!("@{name}"))).expect("a name").ready();
    assert!(received(&socket).starts_with("READY=1"));
}

#[test]
fn other_names_are_refused_and_a_socket_that_is_gone_does_no_harm() {
    for name in ["relative", "vsock:2:1234"] {
        assert!(Notifier::to(OsStr::new(name)).is_err(), "{name}");
    }
    Notifier::to(OsStr::new("/nonexistent/notify")).expect("a path").ready();
    Notifier::default().ready();
}
