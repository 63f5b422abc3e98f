// The page of the main job in a real browser, used as a person uses it.
// R5: the client side is HTML and JavaScript.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";
import { after, before, test } from "node:test";
import { inRepository, overflow, startBrowser, startMyriad, startWire, until, visitor } from "./stage.js";

const PHOTO = process.env.MYRIAD_PHOTO ?? inRepository("crates/myriad/assets/demo.jpg");
const PASSWORD = "seven quiet herons over reeds";
const WORKED = { timeout: 60_000 }; // a debug build works slowly on a picture

let myriad;
let browser;
before(async () => {
  myriad = process.env.MYRIAD_URL ? { url: process.env.MYRIAD_URL, stop() {} } : await startMyriad();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await myriad?.stop();
});

let people = 0;
/** A new person on the page with an account, on the pictures' view. */
async function member(options) {
  const person = await visitor(browser, myriad.url, options);
  people += 1;
  person.email = `ada.${people}.${Date.now()}@example.com`;
  const { page } = person;
  await page.goto("/#sign-up");
  await field(page, "First name").fill("Ada");
  await field(page, "Last name").fill("Lovelace");
  await field(page, "E-mail").fill(person.email);
  await field(page, "Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("heading", { name: "Pictures", level: 1, exact: true }).waitFor();
  return person;
}

/** Another browser of the same person, signed in. */
async function elsewhere({ email }, options) {
  const person = await visitor(browser, myriad.url, options);
  await person.page.goto("/");
  await signIn(person.page, email, PASSWORD);
  await person.page.getByRole("heading", { name: "Pictures", level: 1, exact: true }).waitFor();
  return { ...person, email };
}

async function signIn(page, email, password) {
  await field(page, "E-mail").fill(email);
  await field(page, "Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Uploads the photograph with the recipes that are checked from the start, and waits until all its forms are seen. */
async function uploadPhoto(page) {
  await field(page, "Choose pictures").setInputFiles(PHOTO);
  await page.getByRole("button", { name: "Upload" }).click();
  const item = page.getByRole("list", { name: "Uploads" }).getByRole("listitem").first();
  await item.getByText(/^Done in/).waitFor(WORKED);
  return item;
}

/** True when the picture has been fetched and decoded. */
const seen = (image) => image.evaluate(async (img) => {
  await img.decode();
  return img.naturalWidth > 1;
});

/** The control with this label that is shown: the views that are not have such labels too. */
const field = (page, label, options) => page.getByLabel(label, options).filter({ visible: true });

const said = (page) => page.locator("#status");

test("a person signs up, edits the profile, uploads a photograph, wears it and signs out", async () => {
  const { page, context, complaints } = await member({ colorScheme: "light" });
  await said(page).getByText("Welcome, Ada.").waitFor();
  await page.getByText("Nothing here yet.").waitFor();

  const item = await uploadPhoto(page);
  for (const name of ["Before", "Portrait", "Sharpen", "Blur"]) {
    assert.ok(await seen(item.getByRole("img", { name })), `${name} is seen`);
  }
  const tile = page.getByRole("list", { name: "Gallery" }).getByRole("button");
  assert.equal(await tile.count(), 1);
  await until("the tile's picture is shown", 5_000, () => seen(tile.getByRole("img")));

  await tile.click();
  const viewer = page.getByRole("dialog", { name: /^Picture of/ });
  await viewer.getByRole("radio", { name: "Portrait" }).check();
  await viewer.getByText(/^512 × 512, JPEG/).waitFor();
  await viewer.getByRole("button", { name: "Use as profile picture" }).click();
  await said(page).getByText("This is your profile picture now.").waitFor();
  await page.locator("#who img").waitFor();
  assert.ok(await seen(page.locator("#who img")), "the face in the bar is the picture");
  await screenshot(page);

  await page.getByRole("link", { name: "Profile" }).click();
  await field(page, "Last name").fill("King");
  await field(page, "Street").fill("21 2nd Street");
  await field(page, "City").fill("New York");
  await field(page, "State").fill("NY");
  await field(page, "Postal code").fill("10021");
  for (const [index, number] of ["212 555-1234", "646 555-4567"].entries()) {
    await page.getByRole("button", { name: "Add a number" }).click();
    await field(page, `Phone number ${index + 1}`, { exact: true }).fill(number);
  }
  await page.getByRole("button", { name: "Save" }).click();
  await said(page).getByText("Profile saved.").waitFor();
  await page.reload();
  assert.equal(await field(page, "Last name").inputValue(), "King");
  assert.equal(await field(page, "Postal code").inputValue(), "10021");
  assert.equal(await field(page, "Phone number 2", { exact: true }).inputValue(), "646 555-4567");
  await page.locator("#who").getByText("Ada King").waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await page.getByText("Ada King").count(), 0, "nothing of the person is left");
  assert.deepEqual((await context.cookies()).filter(({ name }) => name === "__Host-myriad"), []);
  assert.deepEqual(complaints, []);
});

test("a person who has only a keyboard signs in and uploads", async () => {
  const { email, context } = await member();
  await context.close();
  const { page, complaints } = await visitor(browser, myriad.url);
  await page.goto("/");
  const focused = () => page.evaluate(() => document.activeElement.labels?.[0]?.textContent.trim() || document.activeElement.textContent.trim());
  const tabTo = async (name) => {
    for (let steps = 0; steps < 40; steps += 1) {
      await page.keyboard.press("Tab");
      if ((await focused()).startsWith(name)) {
        const ring = await page.evaluate(() => {
          const node = document.activeElement.closest(".recipe") ?? document.activeElement;
          return getComputedStyle(node).outlineStyle;
        });
        assert.notEqual(ring, "none", `the focus on ${name} is seen`);
        return;
      }
    }
    assert.fail(`the keyboard does not reach ${name}`);
  };
  await tabTo("E-mail");
  await page.keyboard.type(email);
  await tabTo("Password");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Pictures", level: 1, exact: true }).waitFor();
  assert.equal(await focused(), "Pictures", "the keyboard is where the person is");

  await tabTo("Choose pictures");
  const chooser = page.waitForEvent("filechooser");
  await page.keyboard.press("Space");
  await (await chooser).setFiles(PHOTO);
  await tabTo("Thumbnail");
  await page.keyboard.press("Space");
  await tabTo("Upload");
  await page.keyboard.press("Enter");
  await page.getByText(/^Done in/).waitFor(WORKED);
  await page.getByRole("img", { name: "Thumbnail" }).waitFor();

  await page.getByRole("list", { name: "Gallery" }).getByRole("button").focus();
  await page.keyboard.press("Enter");
  const viewer = page.getByRole("dialog", { name: /^Picture of/ });
  await viewer.waitFor();
  await page.keyboard.press("Escape");
  await viewer.waitFor({ state: "hidden" });
  await tabTo("Profile").catch(() => page.keyboard.press("Home"));
  assert.deepEqual(complaints, []);
});

test("on a phone nothing sticks out of the page, in light and in dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, colorScheme, reducedMotion: "reduce" };
    const { page, complaints, context } = await visitor(browser, myriad.url, phone);
    await page.goto("/");
    assert.equal(await overflow(page), 0, `sign in, ${colorScheme}`);
    await page.goto("/#sign-up");
    assert.equal(await overflow(page), 0, `sign up, ${colorScheme}`);
    await context.close();

    const person = await member(phone);
    await field(person.page, "Your own").tap();
    await uploadPhoto(person.page);
    assert.equal(await overflow(person.page), 0, `pictures, ${colorScheme}`);
    await person.page.getByRole("list", { name: "Gallery" }).getByRole("button").tap();
    assert.equal(await overflow(person.page), 0, `viewer, ${colorScheme}`);
    await person.page.getByRole("button", { name: "Close" }).tap();
    for (const view of ["Profile", "Account"]) {
      await person.page.getByRole("link", { name: view }).tap();
      await person.page.getByRole("heading", { name: view, level: 1 }).waitFor();
      assert.equal(await overflow(person.page), 0, `${view}, ${colorScheme}`);
    }
    assert.deepEqual([...complaints, ...person.complaints], []);
    await person.context.close();
  }
});

test("a session that is revoked elsewhere ends there, and signing out everywhere ends this one", async () => {
  const first = await member();
  const second = await elsewhere(first);
  second.expectStatus(401);
  const { page } = first;
  await page.getByRole("link", { name: "Account" }).click();
  const sessions = page.getByRole("list", { name: "Where you are signed in" }).getByRole("listitem");
  await until("both sessions are listed", 5_000, async () => (await sessions.count()) === 2);
  await sessions.first().getByText("this browser").waitFor();
  await page.getByRole("button", { name: /^Revoke the session/ }).click();
  await said(page).getByText(/is signed out/).waitFor();
  assert.equal(await sessions.count(), 1);

  await until("the revoked browser is asked to sign in", 5_000, async () => {
    await second.page.reload();
    return second.page.getByRole("heading", { name: "Sign in" }).isVisible();
  });

  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await said(page).getByText("You are signed out everywhere.").waitFor();
  assert.deepEqual([...first.complaints, ...second.complaints], []);
});

test("what the server refuses is told at the field that is meant", async () => {
  const { page, complaints, expectStatus } = await visitor(browser, myriad.url);
  expectStatus(401, 403, 409, 415, 422);
  await page.goto("/#sign-up");
  await page.getByRole("button", { name: "Create account" }).click();
  for (const name of ["First name", "Last name", "E-mail"]) {
    const input = field(page, name, { exact: true });
    await until(`${name} is marked`, 5_000, async () => (await input.getAttribute("aria-invalid")) === "true");
    const told = await input.evaluate((node) => document.getElementById(node.getAttribute("aria-describedby").split(" ")[0]).textContent);
    assert.ok(told.length > 5, `${name} says why: ${told}`);
  }
  await field(page, "First name").fill("Grace");
  await field(page, "Last name").fill("Hopper");
  await field(page, "E-mail").fill(`grace.${Date.now()}@example.com`);
  await field(page, "Password", { exact: true }).fill("password");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.locator("#sign-up-password[aria-invalid=true]").waitFor();
  assert.equal(await page.locator("#sign-up [aria-invalid=true]").count(), 1);

  const other = await member();
  await field(page, "E-mail").fill(other.email);
  await field(page, "Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.locator("#sign-up-email[aria-invalid=true]").waitFor();

  await page.getByRole("link", { name: "Sign in" }).click();
  await signIn(page, other.email, "not the right one");
  await page.locator("#sign-in").getByRole("alert").getByText(/wrong|right|match/i).waitFor();

  await signIn(page, other.email, PASSWORD);
  await field(page, "Choose pictures").setInputFiles({ name: "notes.jpg", mimeType: "image/jpeg", buffer: Buffer.from("not a picture at all") });
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByRole("list", { name: "Uploads" }).getByRole("alert").waitFor();
  await field(page, "Your own").check();
  await field(page, "Your own chain").fill('[{"op": "grayscale"}, {"op": "sharpen", "sigma": 99, "amount": 1}]');
  await field(page, "Choose pictures").setInputFiles(PHOTO);
  await page.getByRole("button", { name: "Upload" }).click();
  await page.locator("#custom-chain[aria-invalid=true]").waitFor();
  assert.deepEqual(complaints, []);
});

test("edits that meet another's are kept, explained and saved after a second look", async () => {
  const first = await member();
  const second = await elsewhere(first);
  first.expectStatus(412);
  await first.page.getByRole("link", { name: "Profile" }).click();
  await field(first.page, "City").fill("Torquay");
  await second.page.getByRole("link", { name: "Profile" }).click();
  await field(second.page, "City").fill("Bath");
  await field(second.page, "State").fill("Somerset");
  await second.page.getByRole("button", { name: "Save" }).click();
  await said(second.page).getByText("Profile saved.").waitFor();

  await first.page.getByRole("button", { name: "Save" }).click();
  const conflict = first.page.locator("#conflict");
  await conflict.getByText("Nothing was saved").waitFor();
  await conflict.getByText("City: it is now “Bath”").waitFor();
  assert.equal(await field(first.page, "City").inputValue(), "Torquay", "the edit is kept");
  assert.equal(await field(first.page, "State").inputValue(), "Somerset", "the other's change came in");
  await first.page.getByRole("button", { name: "Save" }).click();
  await said(first.page).getByText("Profile saved.").waitFor();
  assert.equal(await conflict.isVisible(), false);
  assert.deepEqual([...first.complaints, ...second.complaints], []);
});

test("a picture, the password and at last the account are changed and go when asked", async () => {
  const { page, email, complaints, expectStatus } = await member();
  expectStatus(401, 403);
  await uploadPhoto(page);
  await page.getByRole("list", { name: "Gallery" }).getByRole("button").click();
  await page.getByRole("dialog", { name: /^Picture of/ }).getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog", { name: /^Delete this picture/ }).getByRole("button", { name: "Delete" }).click();
  await said(page).getByText("Picture deleted.").waitFor();
  await page.getByText("Nothing here yet.").waitFor();

  await page.getByRole("link", { name: "Account" }).click();
  await field(page, "Current password").fill("not the right one");
  await field(page, "New password").fill("nine loud geese under bridges");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.locator("#current-password[aria-invalid=true]").waitFor();
  await field(page, "Current password").fill(PASSWORD);
  await page.getByRole("button", { name: "Change password" }).click();
  await said(page).getByText(/^Password changed/).waitFor();

  await page.getByRole("button", { name: "Delete my account" }).click();
  await page.locator("#delete-email[aria-invalid=true]").waitFor();
  await field(page, "Type your e-mail").fill(email);
  await page.getByRole("button", { name: "Delete my account" }).click();
  await page.getByRole("button", { name: "Delete for good" }).click();
  await said(page).getByText("The account is deleted.").waitFor();
  await signIn(page, email, "nine loud geese under bridges");
  await page.locator("#sign-in").getByRole("alert").waitFor();
  assert.deepEqual(complaints, []);
});

// R54: an idempotency key, so that a job is not made twice.
test("an upload and a sign-up whose answers were lost are repeated without being done twice", async () => {
  const wire = await startWire(myriad.url);
  try {
    const { page, complaints } = await visitor(browser, wire.url);
    const email = `lost.${Date.now()}@example.com`;
    await page.goto("/#sign-up");
    await field(page, "First name").fill("Ada");
    await field(page, "Last name").fill("Lovelace");
    await field(page, "E-mail").fill(email);
    await field(page, "Password", { exact: true }).fill(PASSWORD);
    wire.loseNext("POST", /^\/v1\/users$/);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.locator("#sign-up").getByRole("alert").getByText("No answer from the server").waitFor();
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("heading", { name: "Pictures", level: 1, exact: true }).waitFor();

    wire.loseNext("POST", /^\/v1\/users\/[0-9]+\/images$/);
    await field(page, "Choose pictures").setInputFiles(PHOTO);
    await page.getByRole("button", { name: "Upload" }).click();
    const item = page.getByRole("list", { name: "Uploads" }).getByRole("listitem");
    await item.getByText("No answer from the server").waitFor();
    await item.getByRole("button", { name: "Try again" }).click();
    await item.getByText(/^Done in/).waitFor(WORKED);
    await page.reload();
    await page.getByRole("list", { name: "Gallery" }).getByRole("button").first().waitFor();
    assert.equal(await page.getByRole("list", { name: "Gallery" }).getByRole("button").count(), 1);
    assert.equal(wire.lost, 2);
    assert.deepEqual(complaints.filter((text) => !/ERR_(CONTENT_LENGTH_MISMATCH|CONNECTION_RESET|INCOMPLETE)/.test(text)), []);
  } finally {
    wire.stop();
  }
});

test("over plain HTTP from elsewhere the page says why the sign-in does not hold and which setting helps", async () => {
  const { email } = await member();
  const { page, context, complaints, expectStatus } = await visitor(browser, myriad.url.replace("127.0.0.1", "plain.test"));
  expectStatus(401);
  await page.goto("/");
  await signIn(page, email, PASSWORD);
  const told = page.getByRole("alert").filter({ hasText: "did not keep the sign-in cookie" });
  await told.waitFor();
  assert.match(await told.textContent(), /cookie\.plain/);
  assert.deepEqual(await context.cookies(), []);
  assert.deepEqual(complaints.filter((text) => !/cookie/i.test(text)), []);
});

/** Takes the picture of the page for the README when MYRIAD_SCREENSHOT names where. */
async function screenshot(page) {
  const asked = process.env.MYRIAD_SCREENSHOT;
  if (!asked) return;
  const path = isAbsolute(asked) ? asked : inRepository(asked);
  await mkdir(dirname(path), { recursive: true });
  await page.evaluate(() => document.querySelector("#status").replaceChildren());
  await page.screenshot({ path, fullPage: true });
}
