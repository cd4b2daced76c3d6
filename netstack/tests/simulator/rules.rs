//! Every rule of the model has something to say about these simulations: one that never fires judges
//! nothing.

use netstack_model::Rule;
use netstack_simulator::{Random, rules_fired};

use crate::{
    baseline, closing, congestion, corners, ecn, flood, hostile, judge, limits, opening, path_mtu,
    sequence, transfer, window,
};

/// The simulations.
const SUITE: &[fn()] = &[
    baseline::equal_seeds_give_equal_runs,
    baseline::hundreds_of_connections_that_end_in_every_way_leave_nothing,
    closing::a_half_closed_client_gets_its_whole_answer,
    closing::a_half_closed_server_gets_the_whole_upload,
    closing::a_peer_that_is_gone_is_given_up,
    closing::a_reset_ends_both_sides_wherever_it_comes,
    closing::a_reset_on_a_bad_link_leaves_nothing_behind,
    closing::a_silent_peer_that_is_gone_is_found_by_keepalive,
    closing::both_finish_at_once,
    closing::one_that_is_let_go_while_the_peer_is_gone_ends,
    closing::one_that_lets_go_resets_what_comes_later,
    closing::the_client_finishes_and_the_server_lets_go,
    closing::the_client_finishes_first,
    closing::the_server_finishes_and_the_client_lets_go,
    closing::the_server_finishes_first,
    congestion::a_narrow_path_is_filled,
    congestion::duplication_alone_is_no_loss,
    congestion::reordering_alone_is_no_loss,
    congestion::scattered_loss_needs_few_timeouts,
    corners::a_closed_window_still_takes_acknowledgments,
    corners::a_reset_ends_an_open_whose_syn_has_crossed_another,
    corners::a_syn_ack_of_another_connection_is_reset_and_the_open_goes_on,
    corners::with_nagle_the_short_end_waits_for_what_is_in_flight,
    ecn::a_queue_that_marks_is_filled_without_loss,
    ecn::bytes_are_told_by_the_field_that_they_came_with,
    ecn::marks_and_every_impairment_together_lose_no_byte,
    ecn::who_is_not_asked_sends_nothing_that_can_be_marked,
    flood::a_flood_of_syns_holds_no_memory_and_lets_honest_clients_through,
    flood::a_worker_with_the_same_secret_takes_the_answer_to_anothers_cookie,
    flood::cookies_on_a_bad_link_leave_nothing_behind,
    flood::streams_that_began_with_a_cookie_cross_the_wrap,
    hostile::forged_segments_break_no_handshake_of_two_openers,
    hostile::forged_segments_break_no_rule,
    judge::a_judge_sees_every_step,
    limits::connections_beyond_the_limit_wait_or_fail_and_the_others_do_not_notice,
    limits::every_mtu_works_and_is_kept_to,
    limits::few_ranges_and_bytes_out_of_order_only_cost_time,
    limits::half_open_connections_stay_within_their_limit,
    limits::payload_beyond_the_frames_of_a_connection_is_copied_out,
    limits::records_of_time_wait_stay_within_their_limit,
    opening::a_client_that_is_gone_leaves_no_half_open_connection,
    opening::a_host_that_is_not_there_times_out,
    opening::a_port_where_nobody_listens_refuses,
    opening::both_may_open_at_once,
    opening::engines_under_a_kernel_that_owns_the_addresses_say_nothing_but_tcp,
    opening::the_same_two_ends_can_be_used_again_at_once,
    path_mtu::a_black_hole_is_found_and_the_search_ends_below_it,
    path_mtu::a_path_that_still_takes_no_more_is_asked_by_probes,
    path_mtu::a_path_that_takes_more_again_is_noticed_when_its_mtu_has_aged,
    path_mtu::a_router_that_tells_is_believed_at_once,
    path_mtu::a_search_from_below_reaches_the_link_without_a_loss,
    path_mtu::paths_that_change_under_every_impairment_lose_no_byte,
    path_mtu::searches_cross_the_wrap_of_sequence_numbers,
    sequence::streams_cross_the_wrap_of_sequence_numbers,
    sequence::streams_cross_the_wrap_of_timestamps,
    transfer::a_good_link_needs_no_retransmission,
    transfer::both_directions_survive_every_impairment,
    transfer::heavy_loss_does_not_end_a_connection,
    transfer::several_connections_share_a_bad_link,
    transfer::small_buffers_and_odd_sizes_survive_every_impairment,
    window::a_closed_window_is_probed_and_holds_what_it_promised,
    window::a_connection_holds_few_frames_however_small_the_segments,
    window::a_sender_without_room_is_always_told_when_there_is_some,
    window::a_slow_reader_slows_the_sender,
    window::a_window_that_was_closed_opens_again,
];

/// How many seeds each of them runs for this.
const SEEDS: u64 = 2;
/// Runs among forged segments in which is what two engines never say to each other, such as a SYN
/// without SACK permitted.
const FORGED: [u64; 11] = [129, 256, 363, 598, 621, 623, 896, 1_145, 1_255, 1_683, 1_775];

#[test]
fn every_rule_fires() {
    let mut fired = rules_fired(SEEDS, || SUITE.iter().for_each(|test| test()));
    fired.add(&rules_fired(SEEDS, || {
        FORGED.iter().for_each(|seed| hostile::suffer(&mut Random::new(*seed)));
    }));
    let silent = Rule::ALL.iter().filter(|rule| fired.count(**rule) == 0);
    let silent: Vec<&str> = silent.map(|rule| rule.name()).collect();
    assert!(silent.is_empty(), "these were never asked: {silent:#?}");
}
