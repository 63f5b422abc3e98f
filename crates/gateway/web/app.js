// The page: who is signed in, which view is shown, sign-in and sign-up.
import { call, loadMe, me, onSessionEnd, watchMe } from "./api.js";
import { $, act, onSubmit, say, sentence, showFace } from "./forms.js";
import * as gallery from "./gallery.js";
import "./pictures.js";
import * as profile from "./profile.js";
import * as account from "./sessions.js";

const VIEWS = { pictures: gallery, profile, account };
const DOORS = ["sign-in", "sign-up"];

// The cookie cannot be read by scripts. This mark only says that asking who is signed in is worth a call, and tells
// the browser's other tabs that it changed.
const MARK = "myriad.user";
const stored = {
  get: () => { try { return localStorage.getItem(MARK); } catch { return "unknown"; } },
  set: (id) => { try { if (id) localStorage.setItem(MARK, id); else localStorage.removeItem(MARK); } catch { /* no storage: nothing to tell */ } },
};

/** Shows the view that the address names; `moved` says that a person went there, so the keyboard follows. */
async function route(moved = true) {
  const asked = location.hash.slice(1);
  const names = me.user ? Object.keys(VIEWS) : DOORS;
  const name = names.includes(asked) ? asked : names[0];
  $("#welcome").hidden = Boolean(me.user);
  $("#nav").hidden = $("#who").hidden = !me.user;
  for (const id of [...Object.keys(VIEWS), ...DOORS]) $(`#${id}`).hidden = id !== name;
  for (const link of $("#nav").children) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const title = $(`#${name}-title`);
  document.title = `${title.textContent} · Myriad`;
  if (moved) {
    title.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  try {
    await VIEWS[name]?.open();
  } catch (error) {
    if (me.user) say(sentence(error), true);
  }
}
addEventListener("hashchange", () => route());
const go = (name) => {
  if (location.hash === `#${name}`) route();
  else location.hash = name;
};

watchMe((user) => {
  $("#who .name").textContent = `${user.firstName} ${user.lastName}`;
  showFace($("#who .face"), user);
  $("#password-form [name=username]").value = user.email;
});

const MESSAGE = "myriad.message";
/** Back to the door. The page is loaded anew, so that nothing of the one who was here is left in it. */
function leave(message) {
  stored.set(null);
  try { sessionStorage.setItem(MESSAGE, message); } catch { /* no storage: it is not said */ }
  history.replaceState(null, "", "/#sign-in");
  location.reload();
}
function takeMessage() {
  try {
    const message = sessionStorage.getItem(MESSAGE);
    sessionStorage.removeItem(MESSAGE);
    return message;
  } catch {
    return null;
  }
}
account.onLeave(leave);
onSessionEnd(() => leave("Your session has ended. Sign in again."));

/** Signs in and goes on; a browser that refuses the cookie is told how to be helped. */
async function signIn(form, email, password) {
  const { data: session } = await call("POST", "/sessions", { body: { email, password }, once: form });
  try {
    await loadMe();
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    await call("DELETE", "/sessions/current", { token: session.token }).catch(() => {});
    $("#cookie-refused").hidden = false;
    if (form.id !== "sign-in-form") go("sign-in");
    return false;
  }
  stored.set(String(session.userId));
  form.reset();
  go(Object.hasOwn(VIEWS, location.hash.slice(1)) ? location.hash.slice(1) : "pictures");
  return true;
}

const fields = (form) => Object.fromEntries([...form.elements].filter((input) => input.name).map((input) => [input.name.slice(1), input.value]));

onSubmit($("#sign-in-form"), async (form) => {
  $("#cookie-refused").hidden = true;
  const { email, password } = fields(form);
  await signIn(form, email, password);
});

onSubmit($("#sign-up-form"), async (form) => {
  const body = fields(form);
  await call("POST", "/users", { body, once: form });
  try {
    if (await signIn(form, body.email, body.password)) say(`Welcome, ${body.firstName}.`);
  } catch (error) {
    $("#sign-in-email").value = body.email;
    form.reset();
    go("sign-in");
    say(`The account is there, but signing in did not work: ${sentence(error)}`, true);
  }
});

$("#sign-out").addEventListener("click", (event) => act(event.target, account.signOut));
$(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("#main").focus();
});
addEventListener("storage", (event) => {
  if (event.key === MARK && event.newValue !== (me.user && String(me.user.id))) location.reload();
});

if (stored.get()) {
  try {
    const user = await loadMe();
    stored.set(String(user.id));
  } catch (problem) {
    if (problem.status === 401) stored.set(null);
    else say(sentence(problem), true);
  }
}
const message = takeMessage();
await route(Boolean(message));
if (message) say(message);
