// The profile: edits go out as a merge patch of what was changed, guarded by the version that was read.
import { call, loadMe, me, takeMe, watchMe } from "./api.js";
import { $, act, clearErrors, el, onSubmit, say, showFace, when } from "./forms.js";

const form = $("#profile-form");
const FIELDS = ["/firstName", "/lastName", "/email", "/address/streetAddress", "/address/city", "/address/state", "/address/postalCode"];
const NAMES = { "/phoneNumbers": "Phone numbers", ...Object.fromEntries(FIELDS.map((name) => [name, form.elements.namedItem(name).labels[0].textContent])) };
let base = null; // what the form was filled from

/** A user as the form sees it: pointer → text, phone numbers a list. */
function flat(user) {
  const fields = { "/firstName": user.firstName, "/lastName": user.lastName, "/email": user.email };
  for (const key of ["streetAddress", "city", "state", "postalCode"]) fields[`/address/${key}`] = String(user.address?.[key] ?? "");
  return { ...fields, "/phoneNumbers": user.phoneNumbers };
}
function typed() {
  const fields = Object.fromEntries(FIELDS.map((name) => [name, form.elements.namedItem(name).value]));
  const phones = [...form.querySelectorAll("#phones input")].map((input) => input.value);
  return { ...fields, "/phoneNumbers": phones };
}
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const changed = (from, to) => Object.keys(from).filter((name) => !same(from[name], to[name]));

function fill(values) {
  for (const name of FIELDS) form.elements.namedItem(name).value = values[name];
  $("#phones").replaceChildren();
  for (const number of values["/phoneNumbers"]) addPhone(number);
}

function addPhone(number = "") {
  const input = el("input", { value: number, inputMode: "tel", autocomplete: "tel" });
  const remove = el("button", { type: "button", className: "quiet", textContent: "Remove" });
  const item = el("li", {}, el("p", { className: "field" }, input), remove);
  remove.addEventListener("click", () => {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    nameInOrder();
    (next ? $("input", next) : $("#phone-add")).focus();
  });
  $("#phones").append(item);
  nameInOrder();
  return input;
}
/** Each number's name is its pointer, so it follows the order. */
function nameInOrder() {
  [...form.querySelectorAll("#phones li")].forEach((item, index) => {
    const input = $("input", item);
    input.name = `/phoneNumbers/${index}`;
    input.id = `phone-${index}`;
    input.ariaLabel = `Phone number ${index + 1}`;
    $("button", item).ariaLabel = `Remove phone number ${index + 1}`;
  });
}

/** RFC 7396: only what differs; an emptied part of the address is null, an emptied address is null as a whole. */
export function mergePatch(from, to) {
  const patch = {};
  for (const name of changed(from, to)) {
    const [, key, part] = name.split("/");
    if (!part) patch[key] = name === "/phoneNumbers" ? to[name].filter((number) => number.trim()) : to[name];
    else (patch[key] ??= {})[part] = to[name] === "" ? null : to[name];
  }
  if (patch.address && FIELDS.filter((name) => name.startsWith("/address/")).every((name) => to[name] === "")) patch.address = null;
  return patch;
}

onSubmit(form, async () => {
  const edits = typed();
  const patch = mergePatch(base, edits);
  if (!Object.keys(patch).length) return say("Nothing was changed.");
  try {
    const answer = await call("PATCH", `/users/${me.user.id}`, { body: patch, etag: me.etag });
    base = null; // the saved form is the new base
    await takeMe(answer);
    say("Profile saved.");
  } catch (problem) {
    if (problem.status !== 412) throw problem;
    await conflict(edits);
  }
});

/** Someone else saved first: their values come in, the edits stay, and the person decides. */
async function conflict(edits) {
  const before = base;
  const mine = changed(before, edits);
  await loadMe();
  const theirs = flat(me.user);
  base = theirs;
  fill({ ...theirs, ...Object.fromEntries(mine.map((name) => [name, edits[name]])) });
  const both = changed(before, theirs).filter((name) => mine.includes(name) && !same(theirs[name], edits[name]));
  const lines = both.map((name) => el("li", {}, `${NAMES[name]}: it is now “${[theirs[name]].flat().join(", ")}”`));
  const box = $("#conflict");
  box.replaceChildren(el("p", {}, el("b", { textContent: "Nothing was saved: the profile was changed elsewhere meanwhile. " }),
    "The newest values are in the form, and your edits are kept. Look them over, then save again."));
  if (lines.length) box.append(el("p", { textContent: "Changed on both sides:" }), el("ul", {}, ...lines));
  box.hidden = false;
  $(".primary", form).focus();
}

function show(user) {
  const values = flat(user);
  if (!base || same(base, typed())) {
    base = values;
    fill(values);
    $("#conflict").hidden = true;
  }
  showFace($("#profile .face"), user);
  $("#portrait-text").textContent = user.picture ? "This is the picture that others see." : "No profile picture yet.";
  $("#portrait-remove").hidden = !user.picture;
  $("#profile-dates").textContent = `User ${user.id}. Joined ${when(user.createdAt)}, last changed ${when(user.updatedAt)}.`;
}
watchMe(show);

$("#phone-add").addEventListener("click", () => addPhone().focus());
$("#profile-reset").addEventListener("click", () => {
  clearErrors(form);
  base = null;
  show(me.user);
});
$("#portrait-remove").addEventListener("click", (event) => act(event.target, async () => {
  await takeMe(await call("DELETE", `/users/${me.user.id}/picture`));
  say("Profile picture removed.");
}));

/** Opens the view with the newest version, unless there are edits to lose. */
export async function open() {
  await loadMe();
}
