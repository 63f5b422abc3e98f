// The account: where one is signed in, the password, and the end of it all.
import { call, me } from "./api.js";
import { $, act, ago, confirmed, el, mark, onSubmit, say, when } from "./forms.js";

let leave = () => {};
/** `callback(message)` is told when this page's own session is over. */
export const onLeave = (callback) => { leave = callback; };

/** A user agent in words: "Firefox on Linux"; programs by their own first word. */
export function device(userAgent) {
  if (!userAgent) return "Unknown program";
  const first = (pairs) => pairs.find(([, pattern]) => pattern.test(userAgent))?.[0];
  const browser = first([["Edge", /Edg/], ["Opera", /OPR\//], ["Samsung Internet", /SamsungBrowser/], ["Firefox", /Firefox|FxiOS/],
    ["Chrome", /Chrom|CriOS/], ["Safari", /Safari/]]);
  const system = first([["Android", /Android/], ["iPhone", /iPhone/], ["iPad", /iPad/], ["Windows", /Windows/], ["macOS", /Mac OS/],
    ["ChromeOS", /CrOS/], ["Linux", /Linux/]]);
  if (!browser) return userAgent.split(/[\s/]/)[0];
  return system ? `${browser} on ${system}` : browser;
}

function row(session) {
  const name = device(session.userAgent);
  const title = el("span", { textContent: name, title: session.userAgent ?? "" });
  if (session.current) title.append(" ", el("span", { className: "badge", textContent: "this browser" }));
  const facts = `${session.ip ?? "no address"} · active ${ago(session.lastSeenAt)} · since ${when(session.createdAt)} · ends ${ago(session.expiresAt)}`;
  const button = el("button", { type: "button", textContent: session.current ? "Sign out" : "Revoke" });
  button.ariaLabel = session.current ? "Sign out of this browser" : `Revoke the session of ${name}, since ${when(session.createdAt)}`;
  const item = el("li", {}, el("div", {}, title, el("small", { textContent: facts })), button);
  button.addEventListener("click", () => act(button, async () => {
    await end(session.current ? "current" : session.id);
    if (session.current) return leave("You are signed out.");
    const next = $("button", item.nextElementSibling ?? item.previousElementSibling ?? $("#account"));
    item.remove();
    next?.focus();
    say(`${name} is signed out.`);
  }));
  return item;
}

/** Ends a session; one that is gone already is as good. */
async function end(id) {
  try {
    await call("DELETE", `/sessions/${id}`);
  } catch (problem) {
    if (problem.status !== 404) throw problem;
  }
}

export async function open() {
  const { data } = await call("GET", "/sessions");
  const sessions = Array.isArray(data) ? data : data.items;
  sessions.sort((a, b) => b.current - a.current || b.lastSeenAt.localeCompare(a.lastSeenAt));
  $("#sessions").replaceChildren(...sessions.map(row));
}

export async function signOut() {
  await end("current");
  leave("You are signed out.");
}

$("#sign-out-all").addEventListener("click", (event) => act(event.target, async () => {
  await call("DELETE", "/sessions");
  leave("You are signed out everywhere.");
}));

const passwordForm = $("#password-form");
onSubmit(passwordForm, async () => {
  const value = (name) => passwordForm.elements.namedItem(name).value;
  await call("PUT", `/users/${me.user.id}/password`, { body: { currentPassword: value("/currentPassword"), newPassword: value("/newPassword") } });
  passwordForm.reset();
  say("Password changed. All other sessions have ended.");
  await open();
});

const deleteForm = $("#delete-form");
onSubmit(deleteForm, async () => {
  const input = $("#delete-email");
  if (input.value.trim() !== me.user.email) {
    mark(input, `Type ${me.user.email} to confirm.`);
    return input.focus();
  }
  if (!(await confirmed("Delete the account with everything in it?", "Delete for good"))) return;
  await call("DELETE", `/users/${me.user.id}`);
  leave("The account is deleted.");
});
