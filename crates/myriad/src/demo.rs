//! `myriad demo`: the main job against a running server, step by step, as a client would do it.

mod client;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{
    Method, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use client::Client;

/// The photograph that is sent without `--photo`; see assets/LICENSE.md.
const PHOTO: &[u8] = include_bytes!("../assets/demo.jpg");
/// How long the worker may take.
const JOB_LIMIT: Duration = Duration::from_mins(1);
/// How long a revocation may take to reach every server.
const REVOCATION_LIMIT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);

/// Arguments of `myriad demo`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "MYRIAD_URL")]
    url: String,
    /// A photograph of your own (JPEG, PNG, WebP or GIF).
    #[arg(long, value_name = "FILE")]
    photo: Option<PathBuf>,
    /// How often to do the whole job.
    #[arg(long, default_value_t = 1)]
    times: u32,
}

/// Does the main job and prints a table of steps and the pictures' URLs.
///
/// # Errors
/// The first step that fails, with what the server said.
pub async fn run(arguments: Arguments) -> Result<()> {
    let photo = match &arguments.photo {
        Some(path) => tokio::fs::read(path).await.with_context(|| format!("cannot read {}", path.display()))?,
        None => PHOTO.to_vec(),
    };
    let mut last = None;
    for round in 1..=arguments.times.max(1) {
        let mut client = Client::new(&arguments.url)?;
        let bar = progress();
        let urls = main_job(&mut client, &bar, photo.clone(), round).await;
        bar.finish_and_clear();
        last = Some((client, urls));
        if last.as_ref().is_some_and(|(_, urls)| urls.is_err()) {
            break;
        }
    }
    let Some((client, urls)) = last else { return Ok(()) };
    println!("{}", table(&client));
    for (name, url) in urls? {
        println!("{name:>10}  {url}");
    }
    Ok(())
}

async fn main_job(client: &mut Client, bar: &ProgressBar, photo: Vec<u8>, round: u32) -> Result<Vec<(String, String)>> {
    let email = format!("demo-{:x}-{round}@example.com", model::time::now_ms());
    let password = format!("a demo password {:x}", model::time::now_ms());

    bar.set_message("sign up");
    let sign_up = json!({
        "email": email, "password": password, "firstName": "John", "lastName": "Smith",
        "address": {"streetAddress": "21 2nd Street", "city": "New York", "state": "NY", "postalCode": 10021},
        "phoneNumbers": ["212 555-1234", "646 555-4567"]
    });
    let user = client.json("sign up", Method::POST, "/v1/users", Some(sign_up), 201).await?;
    let path = format!("/v1/users/{}", user["id"]);

    bar.set_message("sign in");
    let body = json!({"email": email, "password": password});
    let session = client.json("sign in", Method::POST, "/v1/sessions", Some(body), 201).await?;
    client.token = session["token"].as_str().map(ToOwned::to_owned);

    bar.set_message("edit the profile");
    let change = json!({"lastName": "Smythe", "address": {"city": "Brooklyn"}});
    let user = client.json("edit the profile", Method::PATCH, &path, Some(change), 200).await?;
    ensure!(user["address"]["city"] == "Brooklyn", "the profile was not changed: {user}");

    bar.set_message("upload a photograph");
    let form = Form::new().part("file", Part::bytes(photo).file_name("photo")).text("variants", variants().to_string());
    let image = client.form("upload a photograph", &format!("{path}/images"), form, 202).await?;
    let image_path = format!("{path}/images/{}", image["id"].as_str().unwrap_or_default());

    bar.set_message("crop, sharpen and blur");
    let image = finished(client, &image_path).await?;

    bar.set_message("wear it");
    let body = json!({"imageId": image["id"], "variant": "thumb"});
    let user = client.json("wear the picture", Method::PUT, &format!("{path}/picture"), Some(body), 200).await?;
    let worn = user["picture"]["url"].as_str().context("the profile has no picture")?;

    bar.set_message("fetch the pictures");
    let mut urls = Vec::new();
    for variant in image["variants"].as_array().into_iter().flatten() {
        let (name, url) = (text(variant, "name")?, text(variant, "url")?);
        let bytes = client.bytes(&format!("fetch {name}"), &url).await?;
        ensure!(Some(bytes) == variant["bytes"].as_u64(), "{url} has {bytes} bytes, not {}", variant["bytes"]);
        urls.push((if url == worn { format!("{name} (worn)") } else { name }, url));
    }

    bar.set_message("sign out");
    client.empty("sign out", Method::DELETE, "/v1/sessions/current", 204).await?;
    no_longer_let_in(client).await?;
    Ok(urls)
}

fn variants() -> Value {
    json!({
        "thumb": [{"op": "crop", "width": 400, "height": 400, "gravity": "attention"}, {"op": "resize", "width": 256},
                  {"op": "sharpen", "sigma": 1.0, "amount": 0.8}, {"op": "format", "format": "webp"}],
        "large": [{"op": "resize", "width": 1024, "height": 1024, "fit": "inside"}, {"op": "sharpen", "sigma": 0.8, "amount": 0.5}],
        "backdrop": [{"op": "resize", "width": 480}, {"op": "blur", "sigma": 12}]
    })
}

async fn finished(client: &mut Client, path: &str) -> Result<Value> {
    let started = Instant::now();
    loop {
        let image = client.quiet(path).await?;
        match image["status"].as_str() {
            Some("done") => {
                client.note("crop, sharpen and blur", "done", started.elapsed());
                return Ok(image);
            }
            Some("failed") => bail!("the picture failed: {}", image["error"]),
            _ if started.elapsed() > JOB_LIMIT => bail!("the picture was not finished in {JOB_LIMIT:?}: {image}"),
            _ => tokio::time::sleep(POLL).await,
        }
    }
}

/// A session that ends at one server ends at all of them within a second.
async fn no_longer_let_in(client: &mut Client) -> Result<()> {
    let ended = Instant::now();
    while client.status("/v1/users/me").await? != StatusCode::UNAUTHORIZED {
        ensure!(ended.elapsed() < REVOCATION_LIMIT, "who signed out is still let in");
        tokio::time::sleep(POLL).await;
    }
    client.note("no longer let in", StatusCode::UNAUTHORIZED.as_str(), ended.elapsed());
    Ok(())
}

fn text(value: &Value, key: &str) -> Result<String> {
    Ok(value[key].as_str().with_context(|| format!("no {key} in {value}"))?.to_owned())
}

fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} …") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(80));
    bar
}

fn table(client: &Client) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(["step", "status", "ms"]);
    for step in &client.steps {
        table.add_row([step.name.clone(), step.status.clone(), format!("{:.1}", step.took.as_secs_f64() * 1000.0)]);
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
