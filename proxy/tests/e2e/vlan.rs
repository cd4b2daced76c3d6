//! Frames with a VLAN tag: weir answers in the VLAN that it was asked in.

use hosts::{Child, Host, Offloads, Output, Pair, PairConfig, wait_until};

use crate::edge::{CLIENT_DEVICE, EDGE_DEVICE, Edge, LIMIT, Plan, V4, V6, nginx};

/// Puts a tag into every frame that comes from one device and sends it to the other; the other way,
/// takes it out of those that have it, and drops the rest. Arguments: the device without tags, the
/// one with them, the tag. A kernel with the module 8021q does the same, but not every one has it.
const TAGGER: &str = r#"
import select, socket, struct, sys
plain, tagged = (socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) for _ in range(2))
tag, SOL_PACKET, PACKET_AUXDATA, OUTGOING, HAS_TAG = int(sys.argv[3]), 263, 8, 4, 0x10
for end, device in ((plain, sys.argv[1]), (tagged, sys.argv[2])):
    end.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    end.bind((device, 3))
print("ready", flush=True)
while True:
    for end in select.select([plain, tagged], [], [])[0]:
        frame, (auxiliary,), _, (_, _, kind, _, _) = end.recvmsg(2048, 64)
        if kind == OUTGOING:
            continue
        # The kernel has taken the tag out of the frame.
        status, _, _, _, _, found, _ = struct.unpack("IIIHHHH", auxiliary[2])
        if end is plain:
            tagged.send(frame[:12] + struct.pack("!HH", 0x8100, tag) + frame[12:])
        elif status & HAS_TAG and found == tag:
            plain.send(frame)
"#;

/// VLAN 5 with priority 1.
const TAG: &str = "8197";

/// Beyond what fits into a window at first.
const BODY_BYTES: usize = 1 << 20;

#[test]
fn one_vlan_tag_is_answered_with_the_same() {
    let edge = Edge::start(&Plan::default());
    let server = nginx(&edge.host, &["listen 127.0.0.1:8080; root .;"]);
    let body = "0123456789abcdef".repeat(BODY_BYTES / 16);
    std::fs::write(server.directory().join("file"), &body).expect("written");

    // The client's host of this edge is the switch between another client and weir.
    let client = Host::new("tagged").expect("a host");
    let wire = PairConfig { offloads: Offloads::Wire, ..PairConfig::default() };
    let _cable = Pair::new(&client, "port0", &edge.client, "port1", &wire).expect("a veth pair");
    let mac = edge.host.mac(EDGE_DEVICE).expect("weir's interface");
    let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
    for (own, weirs) in [("192.0.2.3/24", V4), ("2001:db8::3/64", V6)] {
        client.add_address("port0", own).expect("an address");
        // The kernel beside weir knows nothing of the VLAN, and would not answer.
        let neighbour = ["neighbour", "add", weirs, "lladdr", &mac, "dev", "port0"];
        client.ip(&neighbour).expect("a neighbour");
    }
    let mut tagger = edge.client.command("python3");
    tagger.args(["-c", TAGGER, "port1", CLIENT_DEVICE, TAG]);
    let tagger = Child::spawn(tagger, Output::Capture).expect("python3");
    let ready = wait_until(LIMIT, "the tagger", || tagger.output().contains("ready"));
    assert!(ready.is_ok(), "{}", tagger.output());

    let ca = edge.ca().display().to_string();
    for address in [V4.to_owned(), format!("[{V6}]")] {
        let resolve = format!("www.example:443:{address}");
        let arguments = ["--silent", "--show-error", "--max-time", "60", "--cacert", &ca];
        let place = ["--resolve", &resolve, "https://www.example/file"];
        let answer = client.run("curl", &[&arguments[..], &place].concat());
        let answer = answer.unwrap_or_else(|error| panic!("{error}\n{}", tagger.output()));
        assert!(answer == body, "{address}: the file came down changed");
    }
}
