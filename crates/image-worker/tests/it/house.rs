//! A worker with everything around it, in a directory of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use api::image::v1::{self as proto, image_service_server::ImageServiceServer};
use bytes::Bytes;
use futures::TryStreamExt as _;
use image_worker::{App, Collaborators, Settings};
use model::ImageId;
use objects::{Class, Key, Objects};
use queue::{InProcess, Job, JobQueue as _};
use runtime::shutdown::Shutdown;
use tempfile::TempDir;

use crate::fake::Fake;

/// The real executable.
pub const WORKER: &str = env!("CARGO_BIN_EXE_image-worker");

pub struct House {
    pub fake: Fake,
    pub objects: Objects,
    pub queue: InProcess,
    pub shutdown: Shutdown,
    pub dir: TempDir,
}

impl House {
    /// A running worker; `adapt` changes its settings.
    pub fn open(adapt: impl FnOnce(&mut Settings, &Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            transformer: Some(WORKER.into()),
            scratch_dir: Some(dir.path().join("scratch")),
            ..Settings::default()
        };
        adapt(&mut settings, dir.path());
        let (fake, shutdown) = (Fake::default(), Shutdown::new());
        let objects = Objects::local(&dir.path().join("objects")).unwrap();
        let (queue, consumer) = InProcess::new(64);
        let routes = tonic::service::Routes::new(ImageServiceServer::new(fake.clone()));
        let images = runtime::grpc::embedded(routes, &shutdown);
        let with = Collaborators { images, objects: objects.clone(), consumer: Box::new(consumer) };
        App::build(&settings, with).unwrap().run(&shutdown);
        Self { fake, objects, queue, shutdown, dir }
    }

    /// Uploads a picture and makes its row.
    pub async fn upload(&self, number: u8, picture: Bytes, size: (u32, u32), request: &str) -> Job {
        let id = ImageId::from_bytes([number; 16]);
        let bytes = picture.len() as u64;
        let key = self.objects.put(picture, |hash| Key::source(id.clone(), hash)).await.unwrap();
        let row = proto::Image {
            id: id.to_string(),
            user_id: 12,
            status: proto::Status::Queued.into(),
            source: Some(proto::Source { width: size.0, height: size.1, bytes, format: "png".into(), key: key.name() }),
            request_json: request.into(),
            ..proto::Image::default()
        };
        self.fake.state().images.insert(id.to_string(), row);
        Job::V1 {
            user_id: 12,
            image_id: id.to_string(),
            request_id: format!("request-{number}"),
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
        }
    }

    /// Uploads a small picture that is resized.
    pub async fn upload_small(&self, number: u8) -> Job {
        self.upload(number, png(60, 40), (60, 40), r#"{"variants":{"small":[{"op":"resize","width":30}]}}"#).await
    }

    pub async fn publish(&self, job: &Job) -> queue::Result<()> {
        soon(self.queue.publish(job.clone())).await
    }

    pub fn row(&self, job: &Job) -> proto::Image {
        self.fake.image(job.image().unwrap().1.as_str())
    }

    /// Names of all derived objects.
    pub async fn media(&self) -> Vec<String> {
        let listed: Vec<_> = self.objects.list(Class::Media).try_collect().await.unwrap();
        let mut names: Vec<String> = listed.into_iter().map(|listed| listed.key.name()).collect();
        names.sort();
        names
    }

    pub fn scratch_is_empty(&self) -> bool {
        fs::read_dir(self.dir.path().join("scratch")).unwrap().next().is_none()
    }
}

/// Fails where the future does not end in time.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(2), future).await.unwrap()
}

pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain until {what}");
}

/// An executable that runs these lines of shell before it becomes the real one.
///
/// A process of its own writes it: one that this process forks meanwhile would else hold it open for writing, and what is
/// open for writing cannot be executed.
pub fn script(dir: &Path, lines: &str) -> PathBuf {
    let path = dir.join("transformer");
    let text = format!("#!/bin/sh\n{lines}\nexec '{WORKER}' transform\n");
    let write = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let status = Command::new("/bin/sh").args(["-c", write, "sh"]).arg(text).arg(&path).status().unwrap();
    assert!(status.success());
    path
}

/// A picture with something to see in it.
pub fn png(width: u32, height: u32) -> Bytes {
    let row = |y: u32| (0..width).flat_map(move |x| [to_byte(x * 4), to_byte(y * 4), to_byte(x * y)]);
    encode(width, height, png::ColorType::Rgb, &(0..height).flat_map(row).collect::<Vec<u8>>())
}

/// Few bytes, many pixels.
pub fn bomb(width: u32, height: u32) -> Bytes {
    let pixels = usize::try_from(width * height).unwrap();
    encode(width, height, png::ColorType::Grayscale, &vec![7; pixels])
}

fn to_byte(value: u32) -> u8 {
    value.to_le_bytes()[0]
}

fn encode(width: u32, height: u32, color: png::ColorType, pixels: &[u8]) -> Bytes {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes.into()
}
