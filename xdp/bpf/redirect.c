// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which frames become weir's. It redirects to the AF_XDP socket of the queue a frame came from:
//   - TCP to a configured destination (address and port; port 0 stands for every port);
//   - ICMP and ICMPv6 errors that quote a segment sent from such a destination;
//   - for an address that weir owns: ARP, neighbour discovery and echo requests for it.
// Everything else, fragments and queues without a socket included, goes on to the kernel.
// One VLAN tag is looked through. A frame is never changed and never dropped here.

#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// What became of a frame; the order is that of `Reason` in program.rs.
enum reason {
	REDIRECT_TCP,
	REDIRECT_ICMP_ERROR,
	REDIRECT_ARP,
	REDIRECT_NEIGHBOR,
	REDIRECT_ECHO,
	PASS_ETHERTYPE,
	PASS_PROTOCOL,
	PASS_DESTINATION,
	PASS_FRAGMENT,
	PASS_MALFORMED,
	PASS_NO_SOCKET,
	REASONS,
};

// IPv4 addresses are written as IPv4-mapped ones (RFC 4291 section 2.5.5.2), so one map has both.
struct address {
	__u32 words[4];
};

struct destination {
	struct address address;
	__be16 port;
	__u16 zero;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct destination);
	__type(value, __u32);
} destinations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address);
	__type(value, __u32);
} owned SEC(".maps");

// The loader sets the number of entries to that of the interface's queues.
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct vlan_tag {
	__be16 control;
	__be16 inner_type;
};

// RFC 826, with the address lengths of Ethernet and IPv4.
struct arp_ipv4 {
	__be16 hardware_type;
	__be16 protocol_type;
	__u8 hardware_len;
	__u8 protocol_len;
	__be16 operation;
	__u8 sender_mac[6];
	__u8 sender_ip[4];
	__u8 target_mac[6];
	__u8 target_ip[4];
} __attribute__((packed));

// The first octets of a TCP header: all that an ICMP error is sure to quote (RFC 792).
struct ports {
	__be16 source;
	__be16 destination;
};

// RFC 4861 sections 4.3 and 4.4: both solicitation and advertisement carry the target here.
struct neighbor {
	struct icmp6hdr icmp;
	struct in6_addr target;
};

// <linux/icmp.h> draws in glibc's headers, which have no BPF flavour. RFC 792.
struct icmp {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__u32 rest;
};

#define ICMP_DEST_UNREACH 3
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12

#define IPV4_FRAGMENT 0x3fff // More Fragments or an offset
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136

static __always_inline void count(__u32 reason)
{
	__u64 *counter = bpf_map_lookup_elem(&counters, &reason);

	if (counter)
		*counter += 1;
}

static __always_inline int pass(__u32 reason)
{
	count(reason);
	return XDP_PASS;
}

static __always_inline int redirect(struct xdp_md *ctx, __u32 reason)
{
	// The last argument is the verdict for a queue without a socket.
	int verdict = bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);

	count(verdict == XDP_REDIRECT ? reason : PASS_NO_SOCKET);
	return verdict;
}

static __always_inline void map_ipv4(struct address *out, __be32 ipv4)
{
	out->words[0] = 0;
	out->words[1] = 0;
	out->words[2] = bpf_htonl(0xffff);
	out->words[3] = ipv4;
}

static __always_inline void copy_ipv6(struct address *out, const struct in6_addr *ipv6)
{
	out->words[0] = ipv6->in6_u.u6_addr32[0];
	out->words[1] = ipv6->in6_u.u6_addr32[1];
	out->words[2] = ipv6->in6_u.u6_addr32[2];
	out->words[3] = ipv6->in6_u.u6_addr32[3];
}

static __always_inline int is_destination(struct destination *key, __be16 port)
{
	key->port = port;
	key->zero = 0;
	if (bpf_map_lookup_elem(&destinations, key))
		return 1;
	key->port = 0;
	return bpf_map_lookup_elem(&destinations, key) != 0;
}

static __always_inline int is_owned(struct address *key)
{
	return bpf_map_lookup_elem(&owned, key) != 0;
}

static __always_inline int on_tcp(struct xdp_md *ctx, void *tcp, struct destination *key)
{
	void *end = (void *)(long)ctx->data_end;
	struct tcphdr *header = tcp;

	if ((void *)(header + 1) > end)
		return pass(PASS_MALFORMED);
	if (!is_destination(key, header->dest))
		return pass(PASS_DESTINATION);
	return redirect(ctx, REDIRECT_TCP);
}

static __always_inline int on_icmp_error(struct xdp_md *ctx, void *quoted)
{
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = quoted;
	struct destination key = {};
	struct ports *ports;
	__u32 header_len;

	if ((void *)(ip + 1) > end)
		return pass(PASS_MALFORMED);
	header_len = ip->ihl * 4;
	if (ip->version != 4 || header_len < sizeof(*ip))
		return pass(PASS_MALFORMED);
	if (ip->protocol != IPPROTO_TCP)
		return pass(PASS_PROTOCOL);
	// Only a first fragment has the ports.
	if (ip->frag_off & bpf_htons(0x1fff))
		return pass(PASS_FRAGMENT);
	ports = quoted + header_len;
	if ((void *)(ports + 1) > end)
		return pass(PASS_MALFORMED);
	map_ipv4(&key.address, ip->saddr);
	if (!is_destination(&key, ports->source))
		return pass(PASS_DESTINATION);
	return redirect(ctx, REDIRECT_ICMP_ERROR);
}

static __always_inline int on_icmp(struct xdp_md *ctx, void *icmp, struct address *to)
{
	void *end = (void *)(long)ctx->data_end;
	struct icmp *header = icmp;

	if ((void *)(header + 1) > end)
		return pass(PASS_MALFORMED);
	switch (header->type) {
	case ICMP_DEST_UNREACH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return on_icmp_error(ctx, header + 1);
	case ICMP_ECHO:
		if (!is_owned(to))
			return pass(PASS_DESTINATION);
		return redirect(ctx, REDIRECT_ECHO);
	default:
		return pass(PASS_PROTOCOL);
	}
}

static __always_inline int on_ipv4(struct xdp_md *ctx, void *packet)
{
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = packet;
	struct destination key = {};
	__u32 header_len;

	if ((void *)(ip + 1) > end)
		return pass(PASS_MALFORMED);
	header_len = ip->ihl * 4;
	if (ip->version != 4 || header_len < sizeof(*ip))
		return pass(PASS_MALFORMED);
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_ICMP)
		return pass(PASS_PROTOCOL);
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT))
		return pass(PASS_FRAGMENT);
	map_ipv4(&key.address, ip->daddr);
	if (ip->protocol == IPPROTO_TCP)
		return on_tcp(ctx, packet + header_len, &key);
	return on_icmp(ctx, packet + header_len, &key.address);
}

static __always_inline int on_icmpv6_error(struct xdp_md *ctx, void *quoted)
{
	void *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip = quoted;
	struct destination key = {};
	struct ports *ports = quoted + sizeof(*ip);

	if ((void *)(ports + 1) > end)
		return pass(PASS_MALFORMED);
	if (ip->version != 6)
		return pass(PASS_MALFORMED);
	if (ip->nexthdr != IPPROTO_TCP)
		return pass(PASS_PROTOCOL);
	copy_ipv6(&key.address, &ip->saddr);
	if (!is_destination(&key, ports->source))
		return pass(PASS_DESTINATION);
	return redirect(ctx, REDIRECT_ICMP_ERROR);
}

static __always_inline int on_neighbor(struct xdp_md *ctx, void *icmp, struct address *to)
{
	void *end = (void *)(long)ctx->data_end;
	struct neighbor *message = icmp;
	struct address target;

	if ((void *)(message + 1) > end)
		return pass(PASS_MALFORMED);
	// A solicitation asks for the target; an advertisement answers the address it is sent to.
	copy_ipv6(&target, &message->target);
	if (message->icmp.icmp6_type == ND_ADVERTISEMENT)
		target = *to;
	if (!is_owned(&target))
		return pass(PASS_DESTINATION);
	return redirect(ctx, REDIRECT_NEIGHBOR);
}

static __always_inline int on_icmpv6(struct xdp_md *ctx, void *icmp, struct address *to)
{
	void *end = (void *)(long)ctx->data_end;
	struct icmp6hdr *header = icmp;

	if ((void *)(header + 1) > end)
		return pass(PASS_MALFORMED);
	switch (header->icmp6_type) {
	case ICMPV6_DEST_UNREACH:
	case ICMPV6_PKT_TOOBIG:
	case ICMPV6_TIME_EXCEED:
	case ICMPV6_PARAMPROB:
		return on_icmpv6_error(ctx, header + 1);
	case ICMPV6_ECHO_REQUEST:
		if (!is_owned(to))
			return pass(PASS_DESTINATION);
		return redirect(ctx, REDIRECT_ECHO);
	case ND_SOLICITATION:
	case ND_ADVERTISEMENT:
		return on_neighbor(ctx, icmp, to);
	default:
		return pass(PASS_PROTOCOL);
	}
}

static __always_inline int on_ipv6(struct xdp_md *ctx, void *packet)
{
	void *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip = packet;
	struct destination key = {};

	if ((void *)(ip + 1) > end)
		return pass(PASS_MALFORMED);
	if (ip->version != 6)
		return pass(PASS_MALFORMED);
	copy_ipv6(&key.address, &ip->daddr);
	switch (ip->nexthdr) {
	case IPPROTO_TCP:
		return on_tcp(ctx, ip + 1, &key);
	case IPPROTO_ICMPV6:
		return on_icmpv6(ctx, ip + 1, &key.address);
	case IPPROTO_FRAGMENT:
		return pass(PASS_FRAGMENT);
	default:
		return pass(PASS_PROTOCOL);
	}
}

static __always_inline int on_arp(struct xdp_md *ctx, void *packet)
{
	void *end = (void *)(long)ctx->data_end;
	struct arp_ipv4 *arp = packet;
	struct address target;
	__be32 ipv4;

	if ((void *)(arp + 1) > end)
		return pass(PASS_MALFORMED);
	if (arp->protocol_type != bpf_htons(ETH_P_IP) || arp->protocol_len != 4 ||
	    arp->hardware_len != 6)
		return pass(PASS_PROTOCOL);
	// In a request and in the answer to ours alike, the target is us.
	__builtin_memcpy(&ipv4, arp->target_ip, sizeof(ipv4));
	map_ipv4(&target, ipv4);
	if (!is_owned(&target))
		return pass(PASS_DESTINATION);
	return redirect(ctx, REDIRECT_ARP);
}

static __always_inline int on_frame(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	void *packet = ethernet + 1;
	__be16 type;

	if (packet > end)
		return pass(PASS_MALFORMED);
	type = ethernet->h_proto;
	if (type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD)) {
		struct vlan_tag *tag = packet;

		if ((void *)(tag + 1) > end)
			return pass(PASS_MALFORMED);
		type = tag->inner_type;
		packet = tag + 1;
	}
	if (type == bpf_htons(ETH_P_IP))
		return on_ipv4(ctx, packet);
	if (type == bpf_htons(ETH_P_IPV6))
		return on_ipv6(ctx, packet);
	if (type == bpf_htons(ETH_P_ARP))
		return on_arp(ctx, packet);
	return pass(PASS_ETHERTYPE);
}

SEC("xdp")
int weir_redirect(struct xdp_md *ctx)
{
	return on_frame(ctx);
}

// The same for links whose frames do not fit one buffer; drivers may refuse this one.
SEC("xdp.frags")
int weir_redirect_sg(struct xdp_md *ctx)
{
	return on_frame(ctx);
}

// None of the helpers used asks for the GPL.
char weir_license[] SEC("license") = "MIT OR Apache-2.0";
