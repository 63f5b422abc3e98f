// What goes wrong on the page: refusals, conflicts, lost answers, a cookie that is not taken.
// R5: the client side is HTML and JavaScript.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, PHOTO, WORKED, elsewhere, field, member, said, signIn } from "./people.js";
import { startWire, until, visitor, useStage } from "./stage.js";

const stage = useStage();

test("what the server refuses is told at the field that is meant", async () => {
  const { page, complaints, expectStatus } = await visitor(stage.browser, stage.url);
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

  const other = await member(stage);
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
  const first = await member(stage);
  const second = await elsewhere(stage, first);
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

// R54: an idempotency key, so that a job is not made twice.
test("an upload and a sign-up whose answers were lost are repeated without being done twice", async () => {
  const wire = await startWire(stage.url);
  try {
    const { page, complaints } = await visitor(stage.browser, wire.url);
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
  const { email } = await member(stage);
  const { page, context, complaints, expectStatus } = await visitor(stage.browser, stage.url.replace("127.0.0.1", "plain.test"));
  expectStatus(401);
  await page.goto("/");
  await signIn(page, email, PASSWORD);
  const told = page.getByRole("alert").filter({ hasText: "did not keep the sign-in cookie" });
  await told.waitFor();
  assert.match(await told.textContent(), /cookie\.plain/);
  assert.deepEqual(await context.cookies(), []);
  assert.deepEqual(complaints.filter((text) => !/cookie/i.test(text)), []);
});

test("what the browser holds against a page is heard: a script that the policy forbids, an error, a lost request", async () => {
  const { page, complaints } = await visitor(stage.browser, stage.url);
  await page.goto("/");
  await page.evaluate(() => {
    document.head.append(Object.assign(document.createElement("script"), { textContent: "globalThis.forbidden = true" }));
    setTimeout(() => { throw new Error("thrown on purpose"); });
    fetch("http://elsewhere.test/").catch(() => {});
  });
  for (const what of [/policy broken: script-src-elem inline/, /thrown on purpose/, /policy broken: connect-src/]) {
    await until(`${what} is heard`, 5_000, () => complaints.some((text) => what.test(text)));
  }
  assert.equal(await page.evaluate(() => globalThis.forbidden), undefined);
});
