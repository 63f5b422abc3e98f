// The page's one connection to the server: calls, problems, idempotency keys, and who is signed in.

/** An answer that is not a success, in the words of its problem+json body. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.status = status;
    this.code = body.code || "";
    this.errors = body.errors || [];
    this.traceId = body.traceId;
    this.retryAfter = retryAfter; // seconds, or null
  }
}

/** The signed-in user as the server last told it, and the ETag that a change must name. */
export const me = { user: null, etag: null };
const watchers = new Set();
export const watchMe = (callback) => watchers.add(callback);
function setMe(user, etag) {
  me.user = user;
  me.etag = etag;
  for (const callback of watchers) callback(user);
}

let whenSignedOut = () => {};
/** Called when the server says that the session is over. */
export const onSessionEnd = (callback) => { whenSignedOut = callback; };

/** 128 random bits; crypto.randomUUID exists on secure origins only. */
export function randomKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// One key per owner (a form, an upload) and body, kept until an answer settles it: a repeat after a lost answer
// carries the same key, so nothing is done twice.
const keys = new WeakMap();
function keyFor(owner, text) {
  let entry = keys.get(owner);
  if (entry?.text !== text) keys.set(owner, (entry = { text, key: randomKey() }));
  return entry.key;
}
const settles = (status, code) => status < 500 && status !== 429 && code !== "IDEMPOTENCY_IN_PROGRESS";

// What a write returned, shown with the next reads, so that they never answer with something older.
let seen = null;

const offline = () => new Problem(0, {
  code: "OFFLINE",
  detail: "No answer from the server. Check the connection and try again; nothing will be done twice.",
});

function parse(text) {
  try { return JSON.parse(text); } catch { return {}; }
}

/** True where waiting and repeating is right; the same key makes it safe for a POST. */
const worthRepeating = (problem) =>
  problem.retryAfter !== null && (problem.status === 503 || problem.code === "IDEMPOTENCY_IN_PROGRESS");

/**
 * Calls the API and gives `{data, etag, status}`, or throws a Problem.
 * `once` is the owner of the idempotency key of a POST; `etag` becomes If-Match; `token` signs in by header.
 */
export async function call(method, path, { body, etag, once = {}, token, tries = 4 } = {}) {
  const headers = { Accept: "application/json" };
  let text;
  if (body !== undefined) {
    text = JSON.stringify(body);
    headers["Content-Type"] = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  }
  if (etag) headers["If-Match"] = etag;
  if (token) headers.Authorization = `Bearer ${token}`;
  if (seen) headers["X-Consistency-Token"] = seen;
  if (method === "POST") headers["Idempotency-Key"] = keyFor(once, `${path} ${text}`);
  try {
    let response;
    try {
      response = await fetch(`/v1${path}`, { method, headers, body: text, credentials: "same-origin" });
      text = await response.text();
    } catch {
      throw offline();
    }
    return settle(method, once, response.status, (name) => response.headers.get(name), text, Boolean(token));
  } catch (problem) {
    // A cookie whose session ended unseen: the answer that refused it also took it away.
    const deadCookie = problem.code === "UNAUTHENTICATED" && method === "POST" && !me.user;
    if (tries <= 1 || !(deadCookie || worthRepeating(problem))) throw problem;
    await pause(Math.min(problem.retryAfter ?? 0, 5) * 1000);
    return call(method, path, { body, etag, once, token, tries: tries - 1 });
  }
}

/** Sends a multipart form and reports the share sent (0 to 1); `once` and the answer are as in `call`. */
export function upload(path, form, once, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/v1${path}`);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Idempotency-Key", keyFor(once, path));
    if (seen) request.setRequestHeader("X-Consistency-Token", seen);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = request.ontimeout = () => reject(offline());
    request.onload = () => {
      try {
        resolve(settle("POST", once, request.status, (name) => request.getResponseHeader(name), request.responseText));
      } catch (problem) {
        reject(problem);
      }
    };
    request.send(form);
  });
}

function settle(method, once, status, header, text, byToken = false) {
  const data = text ? parse(text) : null;
  if (settles(status, data?.code)) keys.delete(once);
  seen = header("X-Consistency-Token") ?? seen;
  if (status >= 200 && status < 300) return { data, status, etag: header("ETag") };
  const after = Number.parseInt(header("Retry-After") ?? "", 10);
  const problem = new Problem(status, data ?? {}, Number.isNaN(after) ? null : after);
  if (status === 401 && problem.code !== "BAD_CREDENTIALS" && me.user && !byToken) whenSignedOut();
  throw problem;
}

/** The newest form of the signed-in user. */
export async function loadMe() {
  const { data, etag } = await call("GET", "/users/me");
  setMe(data, etag);
  return data;
}

/** Takes over the user that a write answered with; asks for it where the answer had no tag. */
export async function takeMe({ data, etag }) {
  if (etag && data) setMe(data, etag);
  else await loadMe();
}

export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
