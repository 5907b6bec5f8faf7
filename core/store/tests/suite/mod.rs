//! What every store has to do, written once. A driver's test file makes a [`Place`] and calls [`exercise!`]; a promise
//! or fault that a test proves is in its name.

pub(crate) mod approvals;
pub(crate) mod attention;
pub(crate) mod audit;
pub(crate) mod claims;
pub(crate) mod effects;
pub(crate) mod fixture;
pub(crate) mod giving;
pub(crate) mod items;
pub(crate) mod keeping;
pub(crate) mod machine;
pub(crate) mod messages;
pub(crate) mod pausing;
pub(crate) mod people;
pub(crate) mod registering;
pub(crate) mod restoring;
pub(crate) mod settling;
pub(crate) mod signing_in;
pub(crate) mod stopping;
pub(crate) mod sweeping;
pub(crate) mod telling;
pub(crate) mod workers;

use std::sync::Arc;

use juzhen_store::Store;

/// Where a store keeps its things: it can be opened, left, and opened again.
pub(crate) trait Place: Send + Sync {
    fn open(&self) -> Arc<dyn Store>;

    /// Of the drawn histories one in so many is played here: more where opening and committing take long.
    fn one_in(&self) -> u32 {
        1
    }
}

/// One test for every behaviour.
#[macro_export]
macro_rules! exercise {
    ($place:expr) => {
        $crate::exercise! { @ $place;
            approvals {
                f104_an_approval_outlives_the_role_of_who_gave_it
            }
            attention {
                what_waits_is_listed_oldest_first_and_counted_by_reason
            }
            items {
                submitting_keeps_everything
                p21_a_repeated_request_has_its_effect_once
                p02_the_hash_has_to_be_that_of_the_bytes
                changing_reads_decides_and_writes_together
                f101_only_what_the_state_allows_is_written
                p02_an_edit_raises_the_version_and_keeps_old_decisions
                f103_withdrawing_and_cancelling
                an_item_is_what_its_deliveries_make_of_it
                lists_are_newest_first_and_filtered
            }
            registering {
                numbers_of_the_register_have_no_gap_whoever_asks_at_once
                a_number_of_the_register_is_kept_whatever_becomes_of_the_item
                p02_every_text_of_an_item_is_kept_and_approvals_are_carried_with_it
                r42_a_stage_of_an_event_is_told_once_and_knows_those_before_it
                an_item_is_merged_only_into_one_that_is_there
            }
            claims {
                what_is_due_is_claimed_once
                p06_nothing_is_claimed_before_its_time
                p06_ahead_of_time_means_for_its_time
                p07_what_is_too_late_is_missed
                p02_what_is_not_approved_is_held
                p09_what_the_settings_lost_is_held
                p20_caps_of_delivery_hour_and_gap
                order_of_an_account_is_kept
                a_backlog_of_one_account_does_not_hide_the_others
                f36_two_claims_at_once_never_share_a_delivery
            }
            settling {
                published_with_a_receipt
                f08_forwards_are_made_in_the_same_commit
                p23_an_account_gets_an_item_once
                each_outcome_leads_where_it_should
                f37_late_news_is_evidence_and_nothing_else
                f67_one_post_is_evidence_for_one_delivery
                f06_a_doubt_is_looked_at_until_it_is_closed
                what_is_waiting_for_a_look_comes_with_all_it_needs
                what_the_machine_forbids_is_refused
                p07_what_was_broken_off_is_neither_missed_nor_sent_late
                f63_what_a_platform_takes_down_after_its_success_is_told_once_and_never_sent_again
                what_a_person_saw_published_is_forwarded
                waiting_for_a_sign_in_uses_up_no_attempt
                a_person_takes_it_on_anew
                the_commit_that_settles_claims_what_the_account_has_next
                p02_p18_p26_what_follows_a_settled_one_is_asked_the_same_as_any
                a_claim_that_fails_takes_the_news_back_with_it
            }
            effects {
                the_first_effect_marks_the_delivery_as_sending
                an_answer_is_given_out_again
                f04_only_the_live_claim_may_send
                p26_nothing_leaves_under_stop
                p07_a_claim_that_slept_past_its_time_may_not_send
                f11_a_resumed_call_goes_on_where_it_stopped
                f37_an_attempt_whose_call_goes_on_elsewhere_begins_nothing_more
                another_way_than_before_is_a_mismatch
                what_never_left_may_leave_again_unless_the_call_went_on
                r04_an_unanswered_request_is_in_doubt_whatever_the_caller_says
                p01_f37_a_try_that_was_kept_back_says_nothing_of_another_one
                p01_f29_an_attempt_that_ended_before_it_read_the_old_answers_knows_nothing
                a_long_answer_is_kept_in_part_and_incomplete
            }
            sweeping {
                f03_f04_recovering_what_was_only_claimed
                f05_f06_recovering_what_may_be_out
                f11_recovering_between_two_requests
                f12_what_goes_on_to_end_the_daemon_is_held_and_in_doubt_where_it_may_be_out
                p07_sweeping_misses_what_is_late
                waiting_ones_come_back_at_their_time
                p14_what_a_clock_that_ran_ahead_put_off_for_years_is_due_now
                f42_p06_a_try_under_a_clock_that_was_set_back_is_not_due_before_its_time
                p14_p20_what_began_under_a_clock_that_ran_ahead_does_not_hold_its_account_up
                p09_holding_and_releasing_with_the_settings
                counting
            }
            workers {
                p18_claims_of_a_worker_are_its_own_until_it_leaves
                p18_a_renewal_tells_how_much_is_under_way_and_how_much_of_it_is_ours
                workers_at_work_are_listed_first
                f39_a_turn_is_held_by_one
            }
            signing_in {
                f10_a_sign_in_in_a_browser_is_taken_once_in_time_by_whoever_began_it
                f61_a_warning_is_told_once_for_each_end_and_day_over_restarts
                f39_what_is_handed_out_is_kept_whole_by_whoever_has_the_turn
                f10_f61_an_account_that_has_to_sign_in_is_held_and_told_once_and_goes_on_in_its_order
                f61_a_new_token_ends_every_doubt_in_the_sign_in
                p11_everything_is_sealed_under_one_key_until_it_is_given_up
            }
            giving {
                p11_what_is_given_is_kept_whole_and_who_gave_it_is_in_the_audit
                p11_what_is_sealed_under_another_key_than_the_databases_is_refused
                p11_a_new_key_takes_everything_along_or_nothing
                p11_what_a_lost_key_sealed_is_still_seen
            }
            people {
                c07_a_code_is_used_with_the_session_that_it_begins_and_a_repeated_look_sees_it
                f105_what_is_ended_is_gone_for_every_reader_and_others_keep_theirs
                c09_a_refusal_is_answered_when_its_count_is_kept
                p11_seeds_go_along_to_a_new_key_and_none_is_kept_under_another
                c02_a_delegation_is_with_the_item_as_long_as_it_may_hold
            }
            stopping {
                p26_stop_survives_a_restart_and_two_people_lift_it
                p26_stop_holds_what_becomes_due_and_lifting_releases_it
            }
            restoring {
                f27_f28_f31_a_history_that_was_cut_off_and_another_one_are_told_apart
                p19_a_loss_that_one_daemon_looked_after_is_no_news_from_another
                p19_what_may_have_been_sent_since_is_in_doubt_and_everything_stops
                p19_evidence_closes_a_suspect_and_is_looked_for_from_where_the_history_ends
                p19_f41_the_mark_keeps_the_latest_time_that_any_clock_showed
                p19_f42_what_was_due_before_the_clock_was_set_back_may_be_out
                p19_forwards_of_what_was_open_already_may_be_out
                p19_f43_the_lost_time_does_not_begin_at_the_start_or_in_the_future
            }
            pausing {
                p20_an_account_that_never_ends_well_pauses_and_a_person_lifts_it
                p20_a_good_end_begins_the_count_anew_and_other_accounts_are_not_asked
                f60_a_barred_account_pauses_at_once_and_its_delivery_goes_on_when_that_is_lifted
                p20_nothing_begins_on_an_account_that_a_person_has_paused
            }
            telling {
                f08_what_waits_for_people_is_told_by_the_commit_that_makes_it_wait
                f08_a_notice_is_handed_out_in_order_until_somebody_says_that_it_went_out
                f08_a_notice_goes_outside_until_it_arrives_whatever_becomes_of_the_others
                p27_a_strange_post_is_told_once_and_our_own_never
                p27_a_person_says_once_what_a_strange_post_is_about
                p27_a_look_is_one_daemons_turn_and_the_first_one_takes_stock
                f40_what_a_person_posted_by_hand_is_held_and_told
            }
            messages {
                p22_a_message_is_one_row_however_often_and_in_whatever_order_it_comes
                p22_f99_a_request_that_comes_again_is_a_replay_and_keeps_nothing
                p22_what_comes_later_than_the_platform_waits_is_not_kept
                f19_a_push_is_kept_whole_or_not_at_all
                what_the_platform_says_it_has_decided_is_looked_at_now
                what_a_later_look_sees_otherwise_is_written_and_a_repeated_push_changes_nothing
                a_poll_is_one_daemons_turn_and_goes_on_where_the_last_one_ended
                messages_are_listed_newest_first_and_filtered
            }
            audit {
                p12_the_chain_is_whole_and_lists_by_subject
                f19_a_change_that_fails_leaves_no_audit_row_and_no_change
            }
            keeping {
                values_and_blobs
                the_last_settings
                p04_what_was_answered_is_there_after_a_restart
                closing
            }
        }
        #[test]
        fn p02_nothing_unapproved_leaves() {
            $crate::suite::approvals::nothing_unapproved_leaves(|| $place, 3_000);
        }

        #[test]
        fn machine() {
            $crate::suite::machine::any_history_keeps_the_promises(|| $place);
        }
    };
    (@ $place:expr; $($group:ident { $($name:ident)+ })+) => {
        $(mod $group {
            use super::*;

            $(#[tokio::test]
            async fn $name() {
                $crate::suite::$group::$name(&$place).await;
            })+
        })+
    };
}
