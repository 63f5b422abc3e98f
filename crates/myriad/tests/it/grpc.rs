//! The services as grpcurl finds them: listed, described, healthy, with rich errors.

use api::user::v1::{GetUserRequest, user_service_client::UserServiceClient};
use futures::StreamExt as _;
use model::Code;
use runtime::grpc::Client;
use testkit::{Options, Server};
use tonic::Request;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::{v1, v1alpha};

use crate::target::options;

const SERVICES: [&str; 7] = [
    "grpc.health.v1.Health",
    "myriad.directory.v1.DirectoryService",
    "myriad.feed.v1.FeedService",
    "myriad.image.v1.ImageService",
    "myriad.session.v1.SessionService",
    "myriad.topology.v1.TopologyService",
    "myriad.user.v1.UserService",
];

/// `--grpc` takes an address, not a promise of one: a free port is looked for first.
async fn open() -> (Server, Client) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let options: Options = options().set(&format!("grpc={address}"));
    let server = Server::start(options).await.unwrap();
    (server, runtime::grpc::connect(&format!("http://{address}")).unwrap())
}

// R75
pub async fn services_can_be_listed_described_and_called() {
    let (_server, channel) = open().await;
    let ask = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let mut answers =
        client.server_reflection_info(futures::stream::iter([ask])).await.unwrap().into_inner().map(Result::unwrap);
    let answer = answers.next().await.unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}");
    };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(names, SERVICES, "what is not served here is not listed");

    // The older reflection, which older tools speak. Details of errors are described as well, or grpcurl shows raw bytes.
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel.clone());
    for symbol in ["myriad.user.v1.UserService", "google.rpc.ErrorInfo", "google.rpc.BadRequest"] {
        let ask = v1alpha::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                symbol.to_owned(),
            )),
        };
        let mut answers = client.server_reflection_info(futures::stream::iter([ask])).await.unwrap().into_inner();
        let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
        assert!(
            matches!(answer, v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_)),
            "{symbol}: {answer:?}"
        );
    }

    for service in ["", "myriad.user.v1.UserService", "myriad.session.v1.SessionService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let health = HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner();
        assert_eq!(health.status(), ServingStatus::Serving, "{service}");
    }
    let refused = UserServiceClient::new(channel).get_user(Request::new(GetUserRequest { user_id: 99 })).await;
    let status = refused.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
    assert_eq!(api::status::from_status(&status).code, Code::NotFound, "ErrorInfo names the public code");
}
