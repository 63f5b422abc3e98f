// The main job in a real browser, done as a person does it.
// R5: the client side is HTML and JavaScript.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";
import { test } from "node:test";
import { PASSWORD, elsewhere, field, member, said, seen, signIn, uploadPhoto } from "./people.js";
import { inRepository, until, useStage } from "./stage.js";

const stage = useStage();

test("a person signs up, edits the profile, uploads a photograph, wears it and signs out", async () => {
  const { page, context, complaints } = await member(stage, { colorScheme: "light" });
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

test("a picture, the password and at last the account are changed and go when asked", async () => {
  const { page, email, complaints, expectStatus } = await member(stage);
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

test("a session that is revoked elsewhere ends there, and signing out everywhere ends this one", async () => {
  const first = await member(stage);
  const second = await elsewhere(stage, first);
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

/** Takes the picture of the page for the README when MYRIAD_SCREENSHOT names where. */
async function screenshot(page) {
  const asked = process.env.MYRIAD_SCREENSHOT;
  if (!asked) return;
  const path = isAbsolute(asked) ? asked : inRepository(asked);
  await mkdir(dirname(path), { recursive: true });
  await page.evaluate(() => document.querySelector("#status").replaceChildren());
  await page.screenshot({ path, fullPage: true });
}
