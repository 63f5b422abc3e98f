//! The suite that judges a running Myriad from outside: the same cases on every shape, and drills on processes of their own.
//!
//! `cargo test -p myriad --test it -- four_shards::pictures` runs a part of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and its tasks end with it"
)]

mod accounts;
mod conditional;
mod crash;
mod feed;
mod framing;
mod growth;
mod grpc;
mod housekeeping;
mod idempotency;
mod input;
mod ladder;
mod operators;
mod pages;
mod partitions;
mod photos;
mod pictures;
mod process;
mod replicas;
mod sessions;
mod sharding;
mod target;

use std::{process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Trial};
use target::{Shape, Target};

/// Cases that need nothing but a target; each runs once on every shape.
macro_rules! cases {
    ($($module:ident :: $name:ident),* $(,)?) => {
        [$((concat!(stringify!($module), "::", stringify!($name)), case(|target| Box::pin($module::$name(target))))),*]
    };
}

/// Drills that start processes of their own.
macro_rules! drills {
    ($($module:ident :: $name:ident),* $(,)?) => {
        [$((concat!(stringify!($module), "::", stringify!($name)), drill(|| Box::pin($module::$name())))),*]
    };
}

type Work = futures::future::BoxFuture<'static, ()>;
type Case = fn(Target) -> Work;
type Drill = fn() -> futures::future::LocalBoxFuture<'static, ()>;

fn case(run: Case) -> Case {
    run
}

fn drill(run: Drill) -> Drill {
    run
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => {
            eprintln!("cannot start threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let shapes = Shape::all();
    let mut trials = Vec::new();
    for shape in &shapes {
        for (name, run) in cases() {
            let (shape, runtime) = (shape.clone(), runtime.clone());
            trials.push(Trial::test(format!("{}::{name}", shape.name()), move || {
                runtime.block_on(async { run(shape.target().await).await });
                Ok(())
            }));
        }
    }
    for (name, run) in drills() {
        let runtime = runtime.clone();
        trials.push(Trial::test(name, move || {
            runtime.block_on(run());
            Ok(())
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The servers are children: they must be gone before the process ends without unwinding.
    runtime.block_on(async {
        for shape in &shapes {
            shape.stop().await;
        }
    });
    conclusion.exit_code()
}

fn cases() -> Vec<(&'static str, Case)> {
    cases![
        accounts::a_user_is_answered_as_the_contract_has_it,
        accounts::a_postal_code_keeps_its_text,
        accounts::a_taken_email_is_refused_however_it_is_spelt,
        accounts::of_twenty_racing_sign_ups_one_wins,
        accounts::others_see_the_public_part_only,
        accounts::a_merge_patch_changes_what_it_names,
        accounts::an_email_change_frees_the_old_address,
        accounts::a_deleted_user_is_gone_and_the_email_is_free,
        accounts::nobody_may_touch_anothers_account,
        conditional::forms_have_tags_of_their_own,
        conditional::a_stale_tag_is_refused,
        conditional::a_patch_that_changes_nothing_keeps_the_version,
        conditional::a_fresh_tag_spares_the_body,
        conditional::cache_headers_are_those_of_the_contract,
        idempotency::a_repeated_sign_up_gets_the_recorded_answer,
        idempotency::a_repeated_conflict_is_recorded_too,
        idempotency::a_repeated_sign_in_gets_the_same_token,
        idempotency::another_body_under_the_same_key_is_refused,
        idempotency::a_repeated_upload_makes_one_image,
        idempotency::a_key_out_of_shape_is_refused,
        input::every_field_error_is_told_at_once,
        input::malformed_bodies_are_refused,
        input::wrong_types_and_unknown_fields_are_refused,
        input::numbers_out_of_range_are_refused,
        input::bodies_over_the_limit_are_refused,
        input::wrong_methods_types_and_ids_are_refused,
        input::weak_passwords_are_refused,
        input::lists_refuse_bad_limits_and_cursors,
        feed::a_finished_picture_is_shown_with_its_owners_names,
        feed::the_feed_follows_names_and_deletions,
        feed::pages_of_the_feed_neither_repeat_nor_miss,
        feed::an_operator_checks_and_rebuilds_the_feed,
        framing::doubtful_framing_is_refused_and_closed,
        framing::connections_are_kept_and_requests_may_be_pipelined,
        housekeeping::request_ids_and_traces_are_honoured,
        housekeeping::every_get_answers_head,
        housekeeping::writes_give_a_consistency_token,
        operators::operators_calls_are_not_public,
        operators::health_and_metrics_are_on_their_port,
        operators::an_administrator_sees_everybody_once,
        pages::the_same_address_answers_by_accept,
        pages::the_contract_describes_itself,
        pages::every_problem_has_a_page,
        pages::the_page_is_locked_down,
        pictures::a_photograph_is_cropped_sharpened_and_blurred,
        pictures::progress_is_streamed_until_done,
        pictures::parts_may_come_in_any_order,
        pictures::a_profile_wears_a_finished_picture,
        pictures::a_deleted_picture_is_gone_everywhere,
        pictures::media_can_be_read_in_ranges_and_never_changes,
        pictures::what_is_no_picture_is_refused_at_once,
        pictures::bombs_are_refused_at_once,
        pictures::bad_operations_are_refused_with_their_place,
        pictures::a_broken_photograph_fails_and_says_so,
        pictures::unfinished_pictures_are_the_owners_affair,
        sessions::a_session_can_be_listed_and_ended,
        sessions::the_cookie_is_as_the_contract_has_it,
        sessions::a_write_by_cookie_from_another_site_is_refused,
        sessions::a_wrong_password_and_an_unknown_email_look_alike,
        sessions::forged_tokens_are_refused_everywhere,
        sessions::signing_out_everywhere_ends_every_session,
        sessions::a_password_change_ends_the_other_sessions,
        sessions::the_twenty_first_session_ends_the_oldest,
        sessions::ten_wrong_passwords_are_enough,
    ]
    .into()
}

fn drills() -> Vec<(&'static str, Drill)> {
    drills![
        crash::acknowledged_writes_survive_kill_9,
        crash::a_server_that_acknowledges_too_early_is_caught,
        crash::a_sign_up_killed_between_any_two_steps_can_be_repeated,
        crash::an_email_change_killed_between_any_two_steps_loses_no_email,
        crash::queued_pictures_survive_kill_9,
        feed::a_feed_that_drifted_is_named_and_mended,
        grpc::services_can_be_listed_described_and_called,
        growth::a_laptop_grows_into_postgres_and_back_and_no_request_fails,
        growth::a_celebrity_is_found_lives_alone_and_returns_and_no_request_fails,
        partitions::a_celebritys_pictures_are_read_from_partitions_and_no_request_fails,
        ladder::the_ladder_names_only_tests_that_exist,
        process::an_empty_directory_is_enough,
        process::a_signal_drains_and_ends_with_zero,
        process::mistakes_in_the_configuration_name_the_key,
        process::a_directory_that_cannot_be_used_is_said_at_start,
        process::another_number_of_shards_is_refused,
        process::the_demo_does_the_main_job,
        process::dependencies_point_one_way,
        process::the_documented_configuration_is_the_default,
        replicas::reads_go_to_replicas_and_never_hide_an_own_write,
        sharding::users_lie_on_the_shard_their_id_names,
    ]
    .into()
}
