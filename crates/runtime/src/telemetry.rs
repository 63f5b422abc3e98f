//! Logs to stderr (JSON or pretty), metrics for `/metrics`, traces over OTLP where an endpoint is set.

use anyhow::{Context as _, Result};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{TraceContextExt, TracerProvider},
};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use serde::{Deserialize, Serialize};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::context::RequestContext;

/// How to log and trace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `json` or `pretty`.
    pub format: Format,
    /// Filter directives such as `info,user_service=debug`; a release build has nothing below info.
    pub filter: String,
    /// OTLP/gRPC endpoint such as `http://127.0.0.1:4317`; empty means no traces.
    pub otlp_endpoint: String,
    /// Share of new traces that is kept, 0 to 1. A caller's decision is honoured.
    pub sample_ratio: f64,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

impl Default for Settings {
    fn default() -> Self {
        Self { format: Format::Json, filter: "info".to_owned(), otlp_endpoint: String::new(), sample_ratio: 0.1 }
    }
}

/// Upper bounds of every histogram, in seconds. Buckets and not quantiles: those of many instances cannot be put together.
const BUCKETS_S: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// What must be flushed at the end of the process.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
    metrics: PrometheusHandle,
}

/// Installs logging, metrics and tracing for the whole process. Once a process.
///
/// # Errors
/// A filter or an endpoint that cannot be read.
pub fn install(service: &'static str, settings: &Settings) -> Result<Telemetry> {
    let filter = EnvFilter::try_new(&settings.filter)
        .with_context(|| format!("telemetry.filter cannot be read: {:?}", settings.filter))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.format {
        Format::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        Format::Pretty => lines.with_target(false).boxed(),
    };
    let provider = provider(service, settings)?;
    let traces =
        provider.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("myriad")));
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(traces)
        .try_init()
        .context("logging is already set up")?;
    let recorder =
        PrometheusBuilder::new().set_buckets(&BUCKETS_S).context("buckets of histograms")?.install_recorder();
    let metrics = recorder.context("metrics are already set up")?;
    Ok(Telemetry { provider, metrics })
}

fn provider(service: &'static str, settings: &Settings) -> Result<Option<SdkTracerProvider>> {
    if settings.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&settings.otlp_endpoint)
        .build()
        .with_context(|| format!("telemetry.otlp_endpoint cannot be used: {:?}", settings.otlp_endpoint))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio)));
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.namespace", "myriad"))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(resource)
        .build();
    Ok(Some(provider))
}

impl Telemetry {
    /// The handle that renders `/metrics`.
    pub fn metrics(&self) -> PrometheusHandle {
        self.metrics.clone()
    }

    /// Sends what is buffered. Blocking: its own thread waits for the exporter.
    pub async fn flush(self) {
        if let Some(provider) = self.provider {
            let flushed = tokio::task::spawn_blocking(move || provider.shutdown()).await;
            if !matches!(flushed, Ok(Ok(()))) {
                tracing::warn!("the last spans could not be sent");
            }
        }
    }
}

/// A span for one request or job, its parent attached before it is ever entered.
pub fn span(kind: &'static str, name: &str, context: &RequestContext) -> Span {
    let span = tracing::info_span!(
        "request",
        otel.name = name,
        kind,
        request.id = context.request_id,
        trace.id = context.trace_id()
    );
    if context.trace_id().is_some() && !span.is_disabled() {
        let parent = TraceContextPropagator::new().extract(&Carrier(context.traceparent.clone()));
        // Refused only where no OTLP layer is installed, and then there is nothing to attach to.
        let _ = span.set_parent(parent);
    }
    span
}

/// The `traceparent` of the span this task is in, where traces are on.
pub fn current_traceparent() -> Option<String> {
    let context: Context = Span::current().context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = Carrier(String::new());
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    Some(carrier.0)
}

/// Holds a single `traceparent`.
struct Carrier(String);

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        (key == crate::context::TRACEPARENT).then_some(self.0.as_str())
    }

    fn keys(&self) -> Vec<&str> {
        vec![crate::context::TRACEPARENT]
    }
}

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if key == crate::context::TRACEPARENT {
            self.0 = value;
        }
    }
}
