//! Query plans: no statement of the request path or of a dispatcher walks a whole table.

use model::{Bucket, ImageId, SessionId, UserId};
use store::{
    BoxFuture, Query, Read, Result, Row, Value,
    tables::{
        bucket_owner, change_log, credentials, email_claims, idempotency, images, inbox, outbox, sessions, users,
    },
};
use tempfile::TempDir;

use super::{NOW, options, shard};

/// Runs every statement and keeps its text and values.
struct Recorder {
    read: Read,
    asked: Vec<(&'static str, Vec<Value>)>,
}

impl Query for Recorder {
    fn query<'a>(&'a mut self, sql: &'static str, params: &'a [Value]) -> BoxFuture<'a, Result<Vec<Row>>> {
        self.asked.push((sql, params.to_vec()));
        self.read.query(sql, params)
    }
}

#[tokio::test]
async fn no_statement_walks_a_whole_table() {
    let dir = TempDir::new().unwrap();
    let (engine, shard) = shard(&options(&dir)).await;
    let mut recorder = Recorder { read: shard.read_all(), asked: Vec::new() };
    let q = &mut recorder;
    let (bucket, user) = (Bucket(12), UserId::new(12).unwrap());
    let image = ImageId::from_bytes([1; 16]);
    bucket_owner::get(q, bucket).await.unwrap();
    users::get(q, bucket, user).await.unwrap();
    users::get_many(q, &[(bucket, user); 5]).await.unwrap();
    users::get_many(q, &[(bucket, user); 60]).await.unwrap();
    users::page(q, (0, bucket), 50).await.unwrap();
    credentials::for_sign_in(q, bucket, user).await.unwrap();
    email_claims::get(q, bucket, "a@example.com").await.unwrap();
    email_claims::overdue(q, NOW, 10).await.unwrap();
    sessions::get(q, bucket, user, SessionId([1; 16])).await.unwrap();
    sessions::live_of_user(q, bucket, user, NOW).await.unwrap();
    sessions::expired(q, NOW, 10).await.unwrap();
    images::get(q, bucket, user, &image).await.unwrap();
    images::page(q, bucket, user, Some(&image), false, 50).await.unwrap();
    images::page(q, bucket, user, None, true, 50).await.unwrap();
    images::any_done(q, bucket, user).await.unwrap();
    images::count(q, bucket, user).await.unwrap();
    images::newest_done(q, Some(&(bucket, image.clone())), 50).await.unwrap();
    images::find(q, &[image]).await.unwrap();
    outbox::due_of(q, "job", NOW, 10).await.unwrap();
    outbox::due_but(q, "job", NOW, 10).await.unwrap();
    inbox::contains(q, bucket, "m").await.unwrap();
    inbox::expired(q, NOW, 10).await.unwrap();
    idempotency::get(q, bucket, "s", &[1; 32]).await.unwrap();
    idempotency::expired(q, NOW, 10).await.unwrap();
    change_log::page(q, bucket, 10).await.unwrap();
    let asked = std::mem::take(&mut recorder.asked);
    store::Engine::close(&*engine).await;

    let file = rusqlite::Connection::open(options(&dir).path).unwrap();
    for (sql, params) in asked {
        let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.replace('$', "?"))).unwrap();
        for (index, param) in params.iter().enumerate() {
            match param {
                Value::Int(int) => plan.raw_bind_parameter(index + 1, int).unwrap(),
                Value::Text(text) => plan.raw_bind_parameter(index + 1, text).unwrap(),
                Value::Blob(bytes) => plan.raw_bind_parameter(index + 1, bytes).unwrap(),
            }
        }
        let mut rows = plan.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get(3).unwrap();
            let harmless = step.contains("CONSTANT ROW") || step.contains("-ROW VALUES CLAUSE");
            assert!(!step.starts_with("SCAN") || harmless, "{sql}\n{step}");
        }
    }
}
