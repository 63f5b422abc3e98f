//! The suite that every engine passes: one law, one function, given a fresh and empty database. `contract_tests!` makes a
//! test of each, so that no engine can leave one out.

#![expect(missing_docs, reason = "the names of laws are sentences")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "laws are tests")]

pub mod accounts;
pub mod copies;
pub mod ownership;
pub mod rebuckets;
pub mod schema;
pub mod transactions;
pub mod transfers;
pub mod work;

use std::{future::poll_fn, sync::Arc, task::Poll};

use model::{
    Bucket, Epoch, ImageId, SessionId, ShardId, UserId,
    image::{Image, ImageStatus, Source},
    profile::{Role, User},
};

use crate::{
    Cluster, Engine, Identity, Ownership, SHARD, Shard, Transaction, prepare,
    tables::{
        bucket_owner::{self, OwnerRow, State},
        idempotency,
        images::ImageRow,
        sessions::SessionRow,
        users,
    },
    transact,
};

/// Makes a test of every law. `$open` is a function that gives a fresh, empty engine and a guard that keeps it.
#[macro_export]
macro_rules! contract_tests {
    ($open:path) => {
        $crate::contract_tests!(@laws $open;
            ownership::a_stale_epoch_is_refused_by_the_shard,
            ownership::a_bucket_in_any_other_state_takes_no_writes,
            ownership::adopting_twice_changes_nothing_and_a_foreign_epoch_is_refused,
            ownership::an_owner_changes_as_is_decided_by_the_row_that_is_there,
            ownership::no_write_straddles_a_change_of_owner,
            ownership::every_change_is_logged_while_logging_and_none_before,
            ownership::a_change_of_another_bucket_is_refused,
            ownership::a_read_can_ask_whether_it_was_still_owned,
            schema::the_live_schema_is_the_one_the_mover_knows,
            schema::migrations_run_once_and_a_second_start_writes_nothing,
            schema::starts_at_the_same_time_migrate_once,
            schema::a_database_of_another_cluster_or_member_is_refused_with_both_named,
            schema::a_newer_database_is_refused_with_both_versions_named,
            schema::a_newer_database_that_serves_this_version_is_used_and_left_as_it_is,
            schema::a_database_of_another_program_is_refused,
            accounts::an_email_is_claimed_once_and_by_its_operation_only,
            accounts::of_twenty_that_race_for_an_email_one_gets_it,
            accounts::a_user_changes_by_its_version_only_and_a_void_id_stays_barred,
            accounts::many_users_come_in_few_statements_and_none_twice,
            accounts::users_are_listed_in_the_order_of_ids_over_all_buckets,
            accounts::a_session_is_made_only_in_the_epoch_of_its_credentials,
            accounts::the_oldest_sessions_end_and_others_stay,
            accounts::a_change_of_a_profile_brings_no_ended_session_back,
            transfers::every_row_of_a_bucket_is_read_page_by_page_and_put_back_as_it_was,
            transfers::a_row_is_read_as_it_is_now_and_removed_where_it_is_gone,
            transfers::a_mover_without_the_token_is_refused,
            transfers::a_digest_tells_rows_apart,
            rebuckets::a_user_gets_a_bucket_of_its_own_and_gives_it_up_with_all_that_came_meanwhile,
            copies::a_copy_of_what_was_removed_does_not_come_back,
            transactions::writers_of_one_user_each_see_what_the_one_before_did,
            transactions::writers_of_one_bucket_are_held_up_by_no_other_user,
            work::a_request_is_begun_once_resumed_after_its_deadline_and_answered_once,
            work::messages_are_due_from_owned_buckets_only_and_wait_after_a_failure,
            work::a_job_ends_once_and_pictures_are_listed_newest_first,
            work::a_message_is_consumed_once,
            transactions::each_of_many_at_once_succeeds_or_fails_alone,
            transactions::a_failed_statement_dooms_its_transaction,
            transactions::a_panic_harms_nobody_else,
            transactions::a_transaction_sees_its_own_writes_and_others_see_them_after_it,
            transactions::a_reading_call_cannot_write,
            transactions::positions_rise_with_every_commit,
            transactions::every_value_comes_back_as_it_went_in,
            transactions::parameters_are_taken_by_their_number,
            transactions::ten_thousand_callers_that_leave_at_any_await_leave_no_stale_transaction,
            transactions::a_closed_engine_refuses_and_finishes_what_it_had_taken,
        );
    };
    (@laws $open:path; $($module:ident::$law:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                let (engine, _guard) = $open();
                $crate::contract::$module::$law(engine).await;
            }
        )*
    };
}

const NOW: i64 = 1_700_000_000_000;

fn identity() -> Identity {
    Identity { cluster: Cluster::Known("c1".to_owned()), member: "shard-0".to_owned() }
}

/// A prepared shard that owns the first `buckets` buckets in epoch 1.
async fn shard(engine: &Arc<dyn Engine>, buckets: u32) -> Shard {
    prepare(&**engine, &SHARD, identity()).await.unwrap();
    let shard = Shard::new(ShardId(0), Arc::clone(engine));
    shard.adopt((0..buckets).map(|bucket| (Bucket(bucket), Epoch(1))).collect()).await.unwrap();
    shard
}

const fn own(bucket: u32) -> Ownership {
    Ownership { bucket: Bucket(bucket), epoch: Epoch(1) }
}

/// Sets a bucket's owner row, whatever it was.
async fn set_owner(engine: &Arc<dyn Engine>, bucket: u32, epoch: u64, state: State) {
    let to = OwnerRow { bucket: Bucket(bucket), epoch: Epoch(epoch), state, mover: None };
    let ((), _) = transact(&**engine, move |tx: &mut dyn Transaction| {
        Box::pin(async move { bucket_owner::change(tx, to.bucket, |_| Ok(Some(to))).await })
    })
    .await
    .unwrap();
}

/// A live user whose bucket is `id % 4096`.
fn user(id: u64) -> users::UserRow {
    users::UserRow {
        state: users::State::Live,
        session_epoch: 1,
        email_normal: format!("user{id}@example.com"),
        picture_version: 0,
        user: User {
            id: user_id(id),
            version: 1,
            email: format!("User{id}@example.com"),
            first_name: "John".to_owned(),
            last_name: "Smith".to_owned(),
            address: None,
            phone_numbers: vec!["212 555-1234".to_owned()],
            picture: None,
            role: Role::User,
            created_at_ms: NOW,
            updated_at_ms: NOW,
        },
    }
}

fn user_id(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

async fn add_user(shard: &Shard, id: u64) {
    let bucket = Bucket::of_user(user_id(id));
    let row = user(id);
    let made = shard
        .write(Ownership { bucket, epoch: Epoch(1) }, move |tx| Box::pin(async move { users::insert(tx, &row).await }))
        .await
        .unwrap();
    assert!(made.value);
}

fn session(user: u64, id: u8, created_at_ms: i64) -> SessionRow {
    SessionRow {
        user_id: user_id(user),
        id: SessionId([id; 16]),
        session_epoch: 1,
        created_at_ms,
        last_seen_at_ms: created_at_ms,
        expires_at_ms: NOW + 1_000_000,
        ip: "192.0.2.7".to_owned(),
        user_agent: "curl/8".to_owned(),
        revoked_at_ms: None,
    }
}

fn image(user: u64, number: u8) -> ImageRow {
    ImageRow {
        version: 1,
        image: Image {
            id: ImageId::from_bytes([number; 16]),
            user_id: user_id(user),
            status: ImageStatus::Queued,
            attempts: 0,
            error: None,
            source: Source {
                width: 4000,
                height: 3000,
                bytes: 2_000_000,
                format: "jpeg".to_owned(),
                key: "k".to_owned(),
            },
            variants: Vec::new(),
            created_at_ms: NOW,
            finished_at_ms: None,
            request_json: "{}".to_owned(),
        },
    }
}

fn request(number: u8) -> idempotency::RequestRow {
    idempotency::RequestRow {
        scope: "scope".to_owned(),
        key_hash: [number; 32],
        request_hash: [1; 32],
        operation: "op-1".to_owned(),
        subject: "12".to_owned(),
        deadline_ms: NOW + 10_000,
        answer: None,
        expires_at_ms: NOW + 86_400_000,
    }
}

/// Lets other tasks run once.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
