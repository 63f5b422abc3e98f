// What the tests of the page stand on: a Myriad of their own, a browser, and an ear for the browser's complaints.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer, request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const repository = fileURLToPath(new URL("..", import.meta.url));
export const inRepository = (path) => join(repository, path);

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"];
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
  // A name that is not this computer's own to the browser, though it is: plain HTTP without the favours of loopback.
  "--host-resolver-rules=MAP plain.test 127.0.0.1"];

/** Two ports that are free now. */
async function freePorts() {
  const listeners = [createServer(), createServer()];
  const ports = await Promise.all(listeners.map((listener) => new Promise((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(0, "127.0.0.1", () => resolve(listener.address().port));
  })));
  await Promise.all(listeners.map((listener) => new Promise((resolve) => { listener.close(resolve); })));
  return ports;
}

/** Starts `myriad serve` on an empty directory and waits until it is ready; `stop()` ends it and checks how it ended. */
async function startMyriad({ env = {} } = {}) {
  const binary = process.env.MYRIAD_BIN ?? inRepository("target/debug/myriad");
  assert.ok(existsSync(binary), `${binary} is not there: cargo build -p myriad, or set MYRIAD_BIN`);
  const directory = await mkdtemp(join(tmpdir(), "myriad-e2e-"));
  const [http, ops] = await freePorts();
  const child = spawn(binary, ["serve", "--data-dir", directory, "--http", `127.0.0.1:${http}`, "--ops", `127.0.0.1:${ops}`], {
    env: { ...process.env, RUST_BACKTRACE: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => { log = (log + chunk).slice(-20_000); });
  const exit = new Promise((resolve) => { child.once("exit", (code, signal) => resolve(code ?? signal)); });
  let gone = false;
  exit.then(() => { gone = true; });
  const ready = async () => (await fetch(`http://127.0.0.1:${ops}/readyz`).catch(() => null))?.ok;
  await until("myriad is ready", 30_000, async () => {
    assert.ok(!gone, `myriad ended while starting:\n${log}`);
    return ready();
  });
  return {
    url: `http://127.0.0.1:${http}`,
    async stop() {
      child.kill("SIGTERM");
      const code = await exit;
      await rm(directory, { recursive: true, force: true });
      assert.equal(code, 0, `myriad ended with ${code}:\n${log}`);
    },
  };
}

/**
 * A wire to the server that can lose an answer: the server has acted, the browser is never told.
 * `loseNext(method, path)` picks the request; `lost` counts them.
 */
export async function startWire(url) {
  const wire = { lost: 0, picked: null, loseNext(method, path) { this.picked = { method, path }; } };
  const server = createHttpServer((incoming, outgoing) => {
    const outward = request(url + incoming.url, { method: incoming.method, headers: incoming.headers }, (answer) => {
      if (wire.picked?.method === incoming.method && wire.picked.path.test(incoming.url)) {
        wire.picked = null;
        wire.lost += 1;
        // The head gets through: on a bare end of the connection the browser itself would repeat the request.
        outgoing.writeHead(answer.statusCode, { "content-length": "4096" });
        outgoing.flushHeaders();
        answer.resume();
        answer.on("end", () => setTimeout(() => outgoing.destroy(), 20));
        return;
      }
      outgoing.writeHead(answer.statusCode, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    outward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => outward.destroy());
    incoming.pipe(outward);
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  wire.url = `http://127.0.0.1:${server.address().port}`;
  wire.stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return wire;
}

/** Asks again until the answer is true. */
export async function until(what, limitMs, question) {
  for (const end = Date.now() + limitMs; Date.now() < end;) {
    if (await question()) return;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  assert.fail(`${what}: not within ${limitMs} ms`);
}

export function startBrowser() {
  const executablePath = process.env.MYRIAD_CHROMIUM || CHROMIUM.find(existsSync);
  assert.ok(executablePath, "no Chromium here: scripts/install-test-tools installs it, or set MYRIAD_CHROMIUM");
  return chromium.launch({ executablePath, headless: true, args: FLAGS });
}

/** The stage of a test file: a server and a browser before its first test, an orderly end after its last. */
export function useStage() {
  const stage = {};
  let myriad;
  before(async () => {
    myriad = process.env.MYRIAD_URL ? { url: process.env.MYRIAD_URL, stop() {} } : await startMyriad();
    stage.url = myriad.url;
    stage.browser = await startBrowser();
  });
  after(async () => {
    await stage.browser?.close();
    await myriad?.stop();
  });
  return stage;
}

/**
 * A person with a browser of their own on the page. `complaints` collects what the browser holds against the page:
 * errors on the console, broken policy, failed requests, scripts that threw.
 */
export async function visitor(browser, url, options = {}) {
  const context = await browser.newContext({ baseURL: url, locale: "en-GB", timezoneId: "UTC", viewport: { width: 1180, height: 860 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints = [];
  // What the server refuses is shown to the person; the browser also notes it on the console, and that is no fault.
  const expected = new Set();
  page.on("console", (message) => {
    const refused = /status of (\d+)/.exec(message.text())?.[1];
    if (message.type() === "error" && !expected.has(refused)) complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText;
    if (why !== "net::ERR_ABORTED") complaints.push(`${request.method()} ${request.url()}: ${why}`);
  });
  await page.addInitScript(() => addEventListener("securitypolicyviolation", (event) => {
    console.error(`policy broken: ${event.violatedDirective} ${event.blockedURI}`);
  }));
  return { context, page, complaints, expectStatus: (...codes) => codes.forEach((code) => expected.add(String(code))) };
}

/** How far the page sticks out at the right, in pixels. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
