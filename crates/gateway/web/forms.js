// Forms and messages: an input's name is the JSON pointer of its field, so that a problem finds it by itself.
import { Problem } from "./api.js";

export const $ = (selector, root = document) => root.querySelector(selector);

/** A new element: `el("li", {className: "x"}, child, "text")`. */
export function el(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

let fading;
/** Says a sentence in the page's status region, or in the open dialog's; failures stay until the next one. */
export function say(text, bad = false) {
  clearTimeout(fading);
  const region = $("dialog[open] [role=status]") ?? $("#status");
  region.replaceChildren(...(text ? [el("p", { className: bad ? "bad" : "", textContent: text })] : []));
  if (text && !bad) fading = setTimeout(() => region.replaceChildren(), 6000);
}

/** Runs an action of a button or form: no second time meanwhile, and its problem is told. The keyboard stays there. */
export async function act(control, action, tell = (error) => say(sentence(error), true)) {
  if (control.ariaBusy === "true") return;
  control.ariaBusy = "true";
  try {
    await action();
  } catch (error) {
    tell(error);
  } finally {
    control.ariaBusy = "false";
  }
}

/** What a person is told about a failure. */
export function sentence(error) {
  if (!(error instanceof Problem)) {
    console.error(error);
    return "This page made a mistake. Reload it and try again.";
  }
  if (error.status === 429 && error.retryAfter) return `${error.message} Try again in ${minutes(error.retryAfter)}.`;
  return error.message;
}
const minutes = (seconds) => (seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`);

// Where a code says which field is meant though the answer points at none.
const FIELD_OF = {
  EMAIL_TAKEN: ["/email"], WEAK_PASSWORD: ["/password", "/newPassword"], BAD_CREDENTIALS: ["/currentPassword"],
};

/** Sends a form by `action`: errors are cleared before and shown after; the keyboard lands on the first bad field. */
export function onSubmit(form, action) {
  for (const input of form.querySelectorAll("input[type=password]")) addReveal(input);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(form, () => {
      clearErrors(form);
      say("");
      return action(form);
    }, (error) => showProblem(form, error));
  });
}

export function clearErrors(form) {
  for (const node of form.querySelectorAll(".error, .summary")) node.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    describe(input, input.dataset.hint ?? "");
  }
}

/** Shows each error at the field it points at, what is left above the buttons. */
export function showProblem(form, error) {
  const rest = [];
  let errors = error.errors ?? [];
  if (!errors.length) errors = (FIELD_OF[error.code] ?? []).map((pointer) => ({ pointer, detail: sentence(error), guess: true }));
  for (const one of errors) {
    const input = fieldOf(form, one.pointer);
    if (input) mark(input, one.detail);
    else if (!one.guess) rest.push(`${one.pointer ?? one.parameter ?? one.header ?? ""} ${one.detail}`.trim());
  }
  const first = form.querySelector("[aria-invalid]");
  if (!first || rest.length) {
    const summary = el("div", { className: "notice bad summary", role: "alert" }, el("p", { textContent: rest.length === 1 && !first ? rest[0] : sentence(error) }));
    if (rest.length > 1 || (rest.length && first)) summary.append(el("ul", {}, ...rest.map((text) => el("li", { textContent: text }))));
    form.insertBefore(summary, [...form.children].findLast((child) => child.classList.contains("actions")));
  }
  first?.focus();
}

/** The input for a pointer, or for the nearest one above it (`/variants/custom/0/sigma` → `/variants/custom`). */
function fieldOf(form, pointer) {
  for (let path = pointer ?? ""; path; path = path.slice(0, path.lastIndexOf("/"))) {
    const input = form.elements.namedItem(path);
    if (input?.closest && !input.closest("[hidden]")) return input;
  }
  return null;
}

/** Marks one input as wrong and says why beneath it. */
export function mark(input, detail) {
  const id = `${input.id}-error`;
  input.setAttribute("aria-invalid", "true");
  input.dataset.hint ??= input.getAttribute("aria-describedby") ?? "";
  describe(input, `${id} ${input.dataset.hint}`.trim());
  const present = document.getElementById(id);
  if (present) present.textContent += ` ${detail}`;
  else (input.closest(".secret") ?? input).after(el("span", { className: "error", id, textContent: detail }));
}
const describe = (input, ids) => (ids ? input.setAttribute("aria-describedby", ids) : input.removeAttribute("aria-describedby"));

/** A button beside a password that shows what was typed. */
function addReveal(input) {
  const button = el("button", { type: "button", className: "quiet", textContent: "Show", ariaPressed: "false" });
  button.setAttribute("aria-controls", input.id);
  button.ariaLabel = "Show the password";
  const box = el("span", { className: "secret" });
  input.replaceWith(box);
  box.append(input, button);
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.ariaPressed = String(shown);
    button.textContent = shown ? "Hide" : "Show";
  });
  input.form.addEventListener("reset", () => {
    input.type = "password";
    button.ariaPressed = "false";
    button.textContent = "Show";
  });
}

/** Asks before something that cannot be undone; true when the person agreed. */
export function confirmed(question, verb) {
  const dialog = $("#confirm");
  $("#confirm-text").textContent = question;
  $("[value=yes]", dialog).textContent = verb;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
export const when = (time) => dateTime.format(new Date(time));

/** "3 minutes ago", "in 12 days". */
export function ago(time) {
  const seconds = (new Date(time) - Date.now()) / 1000;
  const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60]].find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  if (unit === "second") return seconds > 0 ? "in a moment" : "just now";
  return relative.format(Math.round(seconds / size), unit);
}

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/**
 * Shows a stored picture: from the CDN where there is one, else, or when that fails, from the origin.
 * The origin's address is taken relative to this page, which may be reached by another name than the public one.
 */
export function showPicture(img, { url, originUrl }) {
  const { pathname, search } = new URL(originUrl, location.href);
  const origin = pathname + search;
  img.onerror = () => {
    img.onerror = null;
    img.src = origin;
  };
  img.src = url === originUrl ? origin : url;
  return origin;
}

/** A round face: the profile picture, else the initials. */
export function showFace(node, user) {
  const initials = `${[...user.firstName][0] ?? ""}${[...user.lastName][0] ?? ""}`.toUpperCase();
  if (!user.picture) return node.replaceChildren(initials);
  const img = el("img", { alt: "" });
  showPicture(img, user.picture);
  return node.replaceChildren(img);
}
