// Uploads: what to make of which files, live progress of each, and before beside after.
import { Problem, me, upload } from "./api.js";
import { $, clearErrors, el, mark, onSubmit, sentence, showPicture, showProblem, size } from "./forms.js";
import { keepFollowing, originals, place } from "./gallery.js";
import { ended, lanes, stateOf } from "./jobs.js";
import { RECIPES, titleOf } from "./recipes.js";

const MAX_BYTES = 20 * 1024 * 1024;
const sending = lanes(2);
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
      };
      tell(image);
      place(image);
      const finished = ended(image) ? image : await keepFollowing(image, tell);
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
