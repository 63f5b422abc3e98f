//! Services know one another by their key.

use runtime::{
    grpc::{ServiceKey, guarded, serve},
    shutdown::Shutdown,
};
use tokio::net::TcpListener;
use tonic::{Code, Request, service::Routes};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

use crate::world::{Fake, Server, client, read, write};

const OLD: &str = "11111111111111111111111111111111";
const NEW: &str = "22222222222222222222222222222222";

fn key(text: &str) -> ServiceKey {
    text.parse().unwrap()
}

async fn keyed(text: &str) -> Server {
    Server::with(Fake::default(), ([127, 0, 0, 1], 0).into(), key(text)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_the_key_is_refused() {
    let server = keyed(OLD).await;
    let open = client(&[&server]);
    for stranger in [open.clone(), open.clone().identified("gateway", &key(NEW))] {
        for refused in [read(&stranger).await, write(&stranger).await] {
            let status = refused.unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated);
            assert!(!status.message().contains(OLD), "{status:?}");
            // Not the user's fault: no 401 comes of it, and no session is taken for ended.
            assert_eq!(api::status::from_status(&status).code, model::Code::Internal);
        }
    }
    assert_eq!(server.fake.calls(), 0);
    read(&open.identified("gateway", &key(OLD))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_replaced_while_services_run() {
    let server = keyed(&format!("{NEW},{OLD}")).await;
    for shown in [OLD, NEW, &format!("{NEW},{OLD}")] {
        read(&client(&[&server]).identified("gateway", &key(shown))).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_need_no_key() {
    let server = keyed(OLD).await;
    let open = client(&[&server]);
    let health = HealthClient::new(open.clone()).check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(health.get_ref().status(), ServingStatus::Serving);
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let asked = Request::new(futures::stream::iter([ask]));
    let mut answers = ServerReflectionClient::new(open).server_reflection_info(asked).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_only_loopback_is_listened_on() {
    for (address, allowed) in [("0.0.0.0:0", false), ("[::]:0", false), ("127.0.0.1:0", true)] {
        let listener = TcpListener::bind(address).await.unwrap();
        let at = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let open = [
            guarded(Routes::default(), &ServiceKey::default(), at).map(drop),
            serve(Routes::default(), listener, &ServiceKey::default(), &shutdown),
        ];
        for open in open {
            assert_eq!(open.is_ok(), allowed, "{address}");
            assert!(open.err().is_none_or(|error| error.to_string().contains("service_key")));
        }
        assert!(guarded(Routes::default(), &key(OLD), at).is_ok());
        let listener = TcpListener::bind(address).await.unwrap();
        serve(Routes::default(), listener, &key(OLD), &shutdown).unwrap();
    }
}
