//! One broker for all tests, one test at a time: some of them kill it.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
    uri::{AMQPUri, AMQPUserInfo},
};
use queue_rabbitmq::{Consumer, Publisher, Settings};
use testkit::{engines::Rabbitmq, eventually};
use tokio::{runtime::Runtime, sync::Mutex};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Lives as long as the process, for the broker's process is bound to it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static BROKER: Mutex<Option<Rabbitmq>> = Mutex::const_new(None);
static QUEUES: AtomicU32 = AtomicU32::new(0);

/// Long enough for a restart on a busy machine.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Runs a test alone on the broker, with a queue of its own.
pub fn on_broker(test: impl AsyncFnOnce(World, &mut Rabbitmq)) {
    RUNTIME.block_on(async {
        let mut broker = BROKER.lock().await;
        if broker.is_none() {
            let directory = tempfile::Builder::new().prefix("rabbitmq-").tempdir().unwrap().keep();
            *broker = Some(Rabbitmq::start_for_process(&directory).await.unwrap());
        }
        let broker = broker.as_mut().unwrap();
        let world = World::new(broker);
        let ended = world.soft.clone().drop_guard();
        test(world, broker).await;
        drop(ended);
    });
}

/// One test's queue and what runs on it.
#[derive(Clone)]
pub struct World {
    pub settings: Settings,
    pub soft: CancellationToken,
    pub tasks: TaskTracker,
}

impl World {
    fn new(broker: &Rabbitmq) -> Self {
        let settings = Settings {
            url: broker.url(),
            user: broker.user().to_owned(),
            password: Some(broker.password().into()),
            queue: format!("test-{}", QUEUES.fetch_add(1, Ordering::Relaxed)),
            heartbeat_s: 2,
            confirm_ms: 2_000,
            reconnect_max_ms: 500,
            retry_base_ms: 20,
            retry_max_ms: 100,
            ..Settings::default()
        };
        Self { settings, soft: CancellationToken::new(), tasks: TaskTracker::new() }
    }

    pub fn publisher(&self) -> Publisher {
        Publisher::start(&self.settings, &self.soft, &self.tasks).unwrap()
    }

    /// A publisher that has found the broker.
    pub async fn connected(&self) -> Publisher {
        let publisher = self.publisher();
        until("the publisher is connected", async || publisher.is_connected()).await;
        publisher
    }

    pub fn consumer(&self, prefetch: u16) -> Consumer {
        Consumer::start(&self.settings, prefetch, &self.soft, &self.tasks).unwrap()
    }

    /// Messages that wait for a worker.
    pub async fn waiting(&self, queue: &str) -> u32 {
        let (_connection, channel) = self.channel().await;
        let passive = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), passive, FieldTable::default()).await.unwrap().message_count()
    }

    pub async fn until_waiting(&self, queue: &str, count: u32) {
        until(&format!("{count} wait in {queue}"), async || self.waiting(queue).await == count).await;
    }

    /// Workers of the queue; none where it is not there.
    pub async fn workers(&self) -> Option<u32> {
        let (_connection, channel) = self.channel().await;
        let passive = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare(self.settings.queue.as_str().into(), passive, FieldTable::default()).await;
        queue.ok().map(|queue| queue.consumer_count())
    }

    pub fn dead(&self) -> String {
        format!("{}.dead", self.settings.queue)
    }

    pub async fn delete_queue(&self) {
        let (_connection, channel) = self.channel().await;
        channel.queue_delete(self.settings.queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    }

    /// Sends a message as a stranger would.
    pub async fn send(&self, body: &[u8]) {
        let (_connection, channel) = self.channel().await;
        let (exchange, options) = (self.settings.queue.as_str().into(), BasicPublishOptions::default());
        channel.basic_publish(exchange, "job".into(), options, body, BasicProperties::default()).await.unwrap();
    }

    pub async fn channel(&self) -> (Connection, Channel) {
        let mut uri: AMQPUri = self.settings.url.parse().unwrap();
        let password = secrecy::ExposeSecret::expose_secret(self.settings.password.as_ref().unwrap()).to_owned();
        uri.authority.userinfo = AMQPUserInfo { username: self.settings.user.clone(), password };
        let connection = Connection::connect_uri(uri, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }
}

pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    eventually(what, LIMIT, async || is_so().await.then_some(())).await;
}
