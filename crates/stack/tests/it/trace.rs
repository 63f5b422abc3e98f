//! One request, found again in every process it touched.

use std::time::Duration;

use serde_json::json;
use stack::Role;
use testkit::{Person, eventually, unique};

use crate::{World, collector::Span, photos};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Uploads a picture under a trace and a request id and waits until it is done.
async fn upload(world: &World, trace: &str, request: &str) {
    let api = testkit::Api::new(&world.stack.url()).unwrap();
    let john = Person::new(&api).await;
    let call = api
        .post(&format!("{}/images", john.path()))
        .bearer(&john.token)
        .header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"))
        .header("x-request-id", request)
        .upload(photos::DEMO.to_vec(), "operations", &json!([{"op": "resize", "width": 64}]));
    let image = call.send().await.expect(202);
    let path = format!("{}/images/{}", john.path(), image["id"].as_str().unwrap());
    eventually("the picture is done", Duration::from_mins(1), async || {
        (api.get(&path).bearer(&john.token).send().await.expect(200)["status"] == "done").then_some(())
    })
    .await;
}

// R75: HTTP → gateway → user-service → RabbitMQ → worker → user-service, one trace, each span the child of the one before.
pub async fn one_trace_goes_through_every_service(world: &mut World) {
    upload(world, TRACE, &unique("traced")).await;
    let spans = eventually("every span has come", Duration::from_secs(30), async || {
        let spans = world.collector.trace(TRACE);
        let report = spans.iter().any(|span| span.service == "user-service" && span.name.ends_with("ReportDone"));
        let edge = spans.iter().any(|span| span.service == "gateway");
        (report && edge).then_some(spans)
    })
    .await;
    let report = spans.iter().find(|span| span.name.ends_with("ReportDone") && span.service == "user-service").unwrap();
    let chain = ancestors(&spans, report);
    println!(
        "{}",
        chain.iter().map(|span| format!("{} {}", span.service, span.name)).collect::<Vec<_>>().join("\n  of ")
    );
    let mut services: Vec<&str> = chain.iter().map(|span| span.service.as_str()).collect();
    services.dedup();
    assert_eq!(services, ["user-service", "image-worker", "user-service", "gateway"], "{chain:#?}");
    assert_eq!(chain.last().unwrap().parent, "00f067aa0ba902b7", "the client's span is the root's parent");
}

/// A span and those it hangs from, up to the root.
fn ancestors(spans: &[Span], from: &Span) -> Vec<Span> {
    let mut chain = vec![from.clone()];
    while let Some(parent) = spans.iter().find(|span| span.id == chain.last().unwrap().parent) {
        chain.push(parent.clone());
    }
    chain
}

// R57: one request id is found in the log of every service that had to do with it.
pub async fn one_request_id_is_in_every_log(world: &mut World) {
    let request = unique("found");
    upload(world, "5bf92f3577b34da6a3ce929d0e0e4737", &request).await;
    for role in [Role::Gateway, Role::UserService, Role::ImageWorker] {
        eventually(&format!("{} logs the request", role.name()), Duration::from_secs(10), async || {
            let logs = world.stack.layout().of(role).map(|place| {
                let log = world.stack.layout().folder(&place.name).join(format!("{}.log", place.name));
                std::fs::read_to_string(log).unwrap()
            });
            let mut lines = logs.flat_map(|log| log.lines().map(str::to_owned).collect::<Vec<_>>());
            lines.any(|line| line.contains(&request)).then_some(())
        })
        .await;
    }
}
