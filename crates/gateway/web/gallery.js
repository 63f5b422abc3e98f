// The gallery of finished and coming pictures, and the viewer that shows one in all its forms.
import { call, loadMe, me, takeMe, watchMe } from "./api.js";
import { $, act, ago, confirmed, el, say, showPicture, size, when } from "./forms.js";
import { ended, follow, pathOf, stateOf } from "./jobs.js";
import { titleOf } from "./recipes.js";

export const originals = new Map(); // image id → object URL of the file as it was, while this page lives

const gallery = $("#gallery");
const more = $("#gallery-more");
const tiles = new Map(); // image id → { item, image }
const followed = new Map(); // id of an unfinished image → who hears of it, and its end
const gone = new Set(); // ids of deleted images, about which late news may come
let cursor = null;

const worn = (image) => image.variants?.some((variant) => wears(variant));
const wears = (variant) => Boolean(me.user?.picture) && new URL(me.user.picture.originUrl, location.href).pathname === new URL(variant.originUrl, location.href).pathname;

/** Puts an image's newest state into the gallery: at the front where it is new, in its place where it is known. */
export function place(image, atEnd = false) {
  if (gone.has(image.id)) return;
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

async function load(fresh) {
  const { data } = await call("GET", `/users/${me.user.id}/images?limit=24${fresh ? "" : `&cursor=${encodeURIComponent(cursor)}`}`);
  if (fresh) {
    tiles.clear();
    gallery.replaceChildren();
  }
  for (const image of data.items) {
    place(image, true);
    if (!ended(image)) keepFollowing(image).catch(() => {});
  }
  cursor = data.nextCursor;
  more.hidden = cursor === null;
  $("#gallery-empty").hidden = tiles.size > 0;
}

/** Follows an unfinished image to its end, in one stream however many ask; `onChange` also hears of it. */
export function keepFollowing(image, onChange = () => {}) {
  let one = followed.get(image.id);
  if (!one) {
    one = { ears: [place] };
    one.end = follow(image, (now) => one.ears.forEach((ear) => ear(now))).finally(() => followed.delete(image.id));
    followed.set(image.id, one);
  }
  one.ears.push(onChange);
  return one.end;
}

more.addEventListener("click", () => act(more, async () => {
  const last = gallery.lastElementChild;
  await load(false);
  $("button", last?.nextElementSibling ?? gallery)?.focus();
}));

export const open = () => load(true);

watchMe(() => tiles.forEach(({ image }) => place(image)));

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
  viewer.close();
  say("This is your profile picture now.");
}));
$("[data-do=delete]", viewer).addEventListener("click", (event) => act(event.target, async () => {
  const { image } = shown;
  if (!(await confirmed("Delete this picture in all its forms?", "Delete"))) return;
  try {
    await call("DELETE", pathOf(image));
  } catch (problem) {
    if (problem.status !== 404) throw problem;
  }
  gone.add(image.id);
  const wasWorn = worn(image);
  const { item } = tiles.get(image.id);
  const next = item.nextElementSibling ?? item.previousElementSibling;
  viewer.close();
  item.remove();
  tiles.delete(image.id);
  $("#gallery-empty").hidden = tiles.size > 0;
  (next ? $("button", next) : $("#file")).focus();
  say("Picture deleted.");
  if (wasWorn) await loadMe();
}));
viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
