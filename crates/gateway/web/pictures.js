// Pictures: what to make of them, upload with live progress, before and after, the gallery and its viewer.
import { Problem, call, me, pause, takeMe, loadMe, upload, watchMe } from "./api.js";
import { $, act, ago, clearErrors, confirmed, el, mark, onSubmit, say, sentence, showPicture, showProblem, size, when } from "./forms.js";

const MAX_BYTES = 20 * 1024 * 1024;
const inside = (side) => ({ op: "resize", width: side, height: side, fit: "inside" });

/** The choices: a chain of operations each, made for the picture's own size. */
const RECIPES = [
  { name: "portrait", title: "Portrait", text: "Square crop where most detail is, 512 px", on: true,
    chain: ({ width, height }) => [{ op: "crop", width: Math.min(width, height), height: Math.min(width, height), gravity: "attention" }, inside(512)] },
  { name: "thumb", title: "Thumbnail", text: "Fits 320 px", chain: () => [inside(320)] },
  { name: "sharp", title: "Sharpen", text: "Fits 1280 px, crisper edges", on: true,
    chain: () => [inside(1280), { op: "sharpen", sigma: 1.2, amount: 1.5 }] },
  { name: "soft", title: "Blur", text: "Fits 1280 px, a soft backdrop", on: true, chain: () => [inside(1280), { op: "blur", sigma: 12 }] },
  { name: "mono", title: "Black and white", text: "Fits 1280 px", chain: () => [inside(1280), { op: "grayscale" }] },
  { name: "turned", title: "Quarter turn", text: "Clockwise, fits 1280 px", chain: () => [{ op: "rotate", degrees: 90 }, inside(1280)] },
  { name: "light", title: "Light for the web", text: "Fits 1600 px, WebP at quality 75",
    chain: () => [inside(1600), { op: "format", format: "webp", quality: 75 }] },
  { name: "custom", title: "Your own", text: "A chain you write yourself" },
];
const TITLES = { default: "Plain copy", ...Object.fromEntries(RECIPES.map(({ name, title }) => [name, title])) };
const titleOf = (variant) => TITLES[variant] ?? variant;

const form = $("#upload-form");
const chain = $("#custom-chain");
chain.value = '[\n  {"op": "crop", "width": 400, "height": 300, "gravity": "center"},\n  {"op": "sharpen", "sigma": 1, "amount": 1}\n]';
$("#recipes").append(...RECIPES.map(({ name, title, text, on }) => el("label", { className: "recipe" },
  el("input", { type: "checkbox", name: "recipe", value: name, checked: Boolean(on) }),
  el("span", {}, el("b", { textContent: title }), el("small", { textContent: text })))));
$("#recipes").addEventListener("change", () => { $("#custom").hidden = !$("[value=custom]").checked; });

const file = $("#file");
function tellChosen() {
  const files = [...file.files];
  const total = files.reduce((sum, one) => sum + one.size, 0);
  $("#chosen").textContent = !files.length ? "No picture chosen yet."
    : `${files.length === 1 ? files[0].name : `${files.length} pictures`}, ${size(total)}`;
}
file.addEventListener("change", tellChosen);
const drop = $(".drop");
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind !== "drop" || !event.dataTransfer.files.length) return;
    file.files = event.dataTransfer.files;
    tellChosen();
  });
}

onSubmit(form, async () => {
  const files = [...file.files];
  const large = files.find((one) => one.size > MAX_BYTES);
  let own = null;
  if (!files.length) mark(file, "Choose at least one picture.");
  else if (large) mark(file, `${large.name} has ${size(large.size)}; at most 20 MB are taken.`);
  const picked = [...form.querySelectorAll("[name=recipe]:checked")].map((box) => box.value);
  if (picked.includes("custom")) {
    try {
      own = JSON.parse(chain.value);
    } catch (error) {
      mark(chain, `This is not JSON: ${error.message}`);
    }
  }
  const wrong = form.querySelector("[aria-invalid]");
  if (wrong) return wrong.focus();
  for (const one of files) begin(one, picked, own);
  file.value = "";
  tellChosen();
});

/** At most `free` of the given works at a time; browsers open six connections to a server and the page needs some. */
function lanes(free) {
  const waiting = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise((resolve) => { waiting.push(resolve); });
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
const sending = lanes(2);
const following = lanes(3);

const originals = new Map(); // image id → object URL of the file as it was, while this page lives

const pathOf = (image, user = me.user) => `/users/${user.id}/images/${image.id}`;
const ended = (image) => image.status === "done" || image.status === "failed";

/** Follows a job by its event stream, by asking where the stream is closed; gives the finished image. */
const follow = (image, onChange) => following(() => new Promise((resolve, reject) => {
  const path = pathOf(image);
  const tell = (now) => {
    onChange(now);
    if (ended(now)) resolve(now);
    return ended(now);
  };
  const ask = async () => {
    for (let wait = 500; ; wait = Math.min(wait * 2, 10_000)) {
      try {
        if (tell((await call("GET", path)).data)) return;
      } catch (problem) {
        if (problem.status >= 400 && problem.status < 500) return reject(problem);
      }
      await pause(wait);
    }
  };
  const source = new EventSource(`/v1${path}/events`);
  source.addEventListener("status", (event) => tell(JSON.parse(event.data)) && source.close());
  source.addEventListener("error", () => source.readyState === EventSource.CLOSED && ask().catch(reject));
}));

const STATE = { queued: "Waiting for a worker", running: "Being worked on", done: "Done", failed: "Failed" };
const stateOf = ({ status, attempts }) => STATE[status] + (status === "running" && attempts > 1 ? `, attempt ${attempts}` : "");

function figure(title, text) {
  const img = el("img", { alt: title });
  const caption = el("figcaption", {}, el("b", { textContent: title }), ` ${text}`);
  return { img, caption, node: el("figure", {}, img, caption) };
}

/** The upright size of a picture file; of one that the browser cannot show, a guess that the server will judge. */
async function measure(url) {
  const img = el("img", { src: url });
  await img.decode().catch(() => {});
  return { width: img.naturalWidth || 1, height: img.naturalHeight || 1 };
}

/** One upload from the file to the finished picture, told in its own list item. */
function begin(one, picked, own) {
  const item = $("#upload-item").content.cloneNode(true).firstElementChild;
  const part = (selector) => $(selector, item);
  const progress = part("progress");
  const state = (text) => { part(".state").textContent = text; };
  const owner = {}; // of the idempotency key: a repeat is the same upload
  const url = URL.createObjectURL(one);
  part(".file").textContent = one.name;
  progress.ariaLabel = `Upload of ${one.name}`;
  const before = figure("Before", size(one.size));
  before.img.src = url;
  part(".forms").append(before.node);
  $("#uploads").prepend(item);

  async function run() {
    part(".problem").hidden = true;
    for (const button of item.querySelectorAll("[data-do]")) button.hidden = true;
    try {
      state("Waiting to be sent");
      const dimensions = await measure(url);
      if (dimensions.width > 1) before.caption.replaceChildren(el("b", { textContent: "Before" }), ` ${dimensions.width} × ${dimensions.height}, ${size(one.size)}`);
      const body = new FormData();
      const variants = picked.map((name) => [name, name === "custom" ? own : RECIPES.find((recipe) => recipe.name === name).chain(dimensions)]);
      if (variants.length) body.append("variants", JSON.stringify(Object.fromEntries(variants)));
      else body.append("operations", "[]");
      body.append("file", one, one.name);
      const started = performance.now();
      const { data: image } = await sending(() => upload(`/users/${me.user.id}/images`, body, owner, (share) => {
        progress.value = share * 0.6;
        state(share < 1 ? `Sending, ${Math.round(share * 100)} %` : "Sent, being checked");
      }));
      originals.set(image.id, url);
      const tell = (now) => {
        progress.value = { queued: 0.7, running: 0.85 }[now.status] ?? 1;
        state(stateOf(now));
        place(now);
      };
      tell(image);
      const finished = ended(image) ? image : await follow(image, tell);
      if (finished.status === "failed") throw new Problem(0, finished.error ?? {}, null);
      state(`Done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
      progress.hidden = true;
      for (const variant of finished.variants) {
        const after = figure(titleOf(variant.name), `${variant.width} × ${variant.height}, ${size(variant.bytes)}`);
        showPicture(after.img, variant);
        part(".forms").append(after.node);
      }
    } catch (error) {
      state("Not done");
      tellProblem(part(".problem"), error);
      if (error.errors?.some(({ pointer }) => pointer?.startsWith("/variants/custom"))) {
        clearErrors(form);
        showProblem(form, error);
      }
      part("[data-do=again]").hidden = error.status !== 0 && error.status < 500 && error.status !== 429;
    }
    part("[data-do=dismiss]").hidden = false;
  }
  part("[data-do=again]").addEventListener("click", run);
  part("[data-do=dismiss]").addEventListener("click", () => {
    item.remove();
    file.focus();
  });
  run();
}

function tellProblem(box, error) {
  const lines = (error.errors ?? []).map(({ pointer, detail }) => el("li", { textContent: `${pointer ?? ""} ${detail}`.trim() }));
  box.replaceChildren(el("p", { textContent: sentence(error) }), ...(lines.length ? [el("ul", {}, ...lines)] : []));
  box.hidden = false;
}

// ---- Gallery ----
const gallery = $("#gallery");
const more = $("#gallery-more");
const tiles = new Map(); // image id → { item, image }
let cursor = null;

const worn = (image) => image.variants?.some((variant) => wears(variant));
const wears = (variant) => Boolean(me.user?.picture) && new URL(me.user.picture.originUrl, location.href).pathname === new URL(variant.originUrl, location.href).pathname;

/** Puts an image's newest state into the gallery: at the front where it is new, in its place where it is known. */
function place(image, atEnd = false) {
  const known = tiles.get(image.id);
  const item = known?.item ?? el("li");
  const frame = el("span", { className: "frame" });
  const [day, time] = [ago(image.createdAt), when(image.createdAt)];
  const under = el("span", { className: "under" }, el("span", { textContent: day, title: time }));
  if (image.status === "done") {
    const bySize = [...image.variants].sort((a, b) => a.width - b.width);
    const img = el("img", { alt: `Picture of ${time}`, loading: "lazy", decoding: "async" });
    showPicture(img, bySize.find(({ width }) => width >= 220) ?? bySize.at(-1));
    frame.append(img);
    under.append(worn(image) ? el("span", { className: "badge", textContent: "profile" })
      : el("span", { textContent: image.variants.length === 1 ? "1 form" : `${image.variants.length} forms` }));
  } else {
    frame.append(stateOf(image));
    if (image.status === "failed") under.append(el("span", { className: "badge bad", textContent: "failed" }));
  }
  const button = el("button", { type: "button", className: "tile" }, frame, under);
  button.addEventListener("click", () => view(image.id));
  const focused = item.contains(document.activeElement);
  item.replaceChildren(button);
  if (focused) button.focus();
  if (!known) gallery[atEnd ? "append" : "prepend"](item);
  tiles.set(image.id, { item, image });
  $("#gallery-empty").hidden = true;
}

async function loadMore() {
  const fresh = cursor === null;
  const { data } = await call("GET", `/users/${me.user.id}/images?limit=24${fresh ? "" : `&cursor=${encodeURIComponent(cursor)}`}`);
  for (const image of data.items) {
    const known = tiles.has(image.id);
    place(image, true);
    if (!known && !ended(image)) follow(image, place).catch(() => {});
  }
  cursor = data.nextCursor;
  more.hidden = cursor === null;
  $("#gallery-empty").hidden = tiles.size > 0;
}
more.addEventListener("click", () => act(more, async () => {
  const last = gallery.lastElementChild;
  await loadMore();
  $("button", last?.nextElementSibling ?? gallery)?.focus();
}));

export async function open() {
  if (tiles.size === 0 || cursor === null) {
    cursor = null;
    await loadMore();
  }
}

watchMe(() => tiles.forEach(({ image }) => place(image)));

// ---- Viewer ----
const viewer = $("#viewer");
const wear = $("[data-do=wear]", viewer);
let shown = null; // { image, variant } of the viewer; variant null for the file before

function view(id) {
  const { image } = tiles.get(id);
  const before = originals.get(id);
  const choices = [...(before ? [null] : []), ...(image.status === "done" ? image.variants : [])];
  const tabs = $(".tabs", viewer);
  const start = choices.find((variant) => variant && wears(variant)) ?? choices.find(Boolean) ?? null;
  tabs.replaceChildren(tabs.firstElementChild, ...choices.map((variant) => {
    const radio = el("input", { type: "radio", name: "form", checked: variant === start });
    radio.addEventListener("change", () => show(image, variant));
    return el("label", {}, radio, variant ? titleOf(variant.name) : "Before");
  }));
  $("#viewer-title").textContent = `Picture of ${when(image.createdAt)}`;
  show(image, start);
  viewer.showModal();
}

function show(image, variant) {
  shown = { image, variant };
  const img = el("img", { alt: variant ? titleOf(variant.name) : "Before" });
  const before = originals.get(image.id);
  const address = variant ? showPicture(img, variant) : before;
  if (!variant && before) img.src = before;
  $(".stage", viewer).replaceChildren(address ? img : stateOf(image));
  $("figcaption", viewer).textContent = variant
    ? `${variant.width} × ${variant.height}, ${variant.format.toUpperCase()}, ${size(variant.bytes)}`
    : image.error ? image.error.detail : before ? "The file as it was; the server keeps only what was made of it." : stateOf(image);
  wear.hidden = !variant;
  wear.disabled = Boolean(variant) && wears(variant);
  wear.textContent = wear.disabled ? "Is the profile picture" : "Use as profile picture";
  const link = $("[data-do=open]", viewer);
  link.hidden = !variant;
  if (variant) link.href = address;
}

wear.addEventListener("click", () => act(wear, async () => {
  const { image, variant } = shown;
  await takeMe(await call("PUT", `/users/${me.user.id}/picture`, { body: { imageId: image.id, variant: variant.name } }));
  say("This is your profile picture now.");
  viewer.close();
}));
$("[data-do=delete]", viewer).addEventListener("click", (event) => act(event.target, async () => {
  const { image } = shown;
  if (!(await confirmed("Delete this picture in all its forms?", "Delete"))) return;
  try {
    await call("DELETE", pathOf(image));
  } catch (problem) {
    if (problem.status !== 404) throw problem;
  }
  const wasWorn = worn(image);
  const { item } = tiles.get(image.id);
  const next = item.nextElementSibling ?? item.previousElementSibling;
  viewer.close();
  item.remove();
  tiles.delete(image.id);
  $("#gallery-empty").hidden = tiles.size > 0;
  (next ? $("button", next) : file).focus();
  say("Picture deleted.");
  if (wasWorn) await loadMe();
}));
viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
