//! 5. RabbitMQ's pod is deleted with jobs queued and uploads going on: none refused, each done exactly once.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::Person;

use super::Context;

const PHOTO: &[u8] = include_bytes!("../../../myriad/assets/demo.jpg");
/// What a user may have queued or running.
const EACH: usize = 20;
const QUEUED: usize = 500;
const MEANWHILE: usize = 60;
const DONE: &str = "myriad_user_jobs_finished_total{outcome=\"done\"}";

/// R51 R52 R54
pub async fn broker_deleted(context: &Context) -> Result<String> {
    let kube = &context.kube;
    let before = kube.counters("user-service", DONE).await?;
    kube.scale("deployment/image-worker", 0).await?;
    let people = context.people((QUEUED + MEANWHILE).div_ceil(EACH)).await;
    let mut images = Vec::new();
    let mut put_off = 0;
    for number in 0..QUEUED + MEANWHILE {
        if number == QUEUED {
            kube.kill("rabbitmq-0").await?;
        }
        let (john, begun) = (&people[number / EACH], Instant::now());
        images.push((john.clone(), upload(context, john).await?));
        put_off += usize::from(begun.elapsed() > Duration::from_secs(2));
    }
    kube.rolled_out("statefulset/rabbitmq").await?;
    kube.scale("deployment/image-worker", 2).await?;
    let begun = Instant::now();
    for (john, image) in &images {
        let path = format!("{}/images/{image}", john.path());
        let done = testkit::eventually("every accepted picture is done", Duration::from_mins(5), async || {
            let image = context.api.get(&path).bearer(&john.token).try_send().await.ok()?.json();
            matches!(image["status"].as_str(), Some("done" | "failed")).then_some(image)
        })
        .await;
        ensure!(done["status"] == "done", "{path}: {done}");
        ensure!(done["variants"].as_array().is_some_and(|variants| variants.len() == 1), "{path}: {done}");
    }
    let took = begun.elapsed();
    let counted = kube.counters("user-service", DONE).await? - before;
    let expected = images.len();
    ensure!(counted.to_string() == expected.to_string(), "{counted} jobs counted as done, {expected} uploads");
    Ok(format!(
        "{QUEUED} queued + {MEANWHILE} uploaded meanwhile, 0 refused, {put_off} slower than 2 s; {counted} done once each in {} s",
        took.as_secs()
    ))
}

async fn upload(context: &Context, john: &Person) -> Result<String> {
    let call = context.api.post(&format!("{}/images", john.path())).bearer(&john.token);
    let answer = call.upload(PHOTO.to_vec(), "operations", &json!([{"op": "resize", "width": 48}])).try_send().await?;
    ensure!(answer.status == 202, "an upload was answered {}: {}", answer.status, answer.text());
    Ok(answer.json()["id"].as_str().unwrap_or_default().to_owned())
}
