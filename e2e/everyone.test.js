// The page for everyone: by keyboard alone, on a phone, with an accessibility checker's eyes.
// R5: the client side is HTML and JavaScript.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { PASSWORD, PHOTO, WORKED, field, member, uploadPhoto } from "./people.js";
import { inRepository, overflow, visitor, useStage } from "./stage.js";

const stage = useStage();

test("a person who has only a keyboard signs in and uploads", async () => {
  const { email, context } = await member(stage);
  await context.close();
  const { page, complaints } = await visitor(stage.browser, stage.url);
  const chooser = page.waitForEvent("filechooser");
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
    const { page, complaints, context } = await visitor(stage.browser, stage.url, phone);
    await page.goto("/");
    assert.equal(await overflow(page), 0, `sign in, ${colorScheme}`);
    await page.goto("/#sign-up");
    assert.equal(await overflow(page), 0, `sign up, ${colorScheme}`);
    await context.close();

    const person = await member(stage, phone);
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

test("an accessibility checker finds nothing in any view, in light and in dark", async () => {
  const checker = await readFile(inRepository("e2e/node_modules/axe-core/axe.min.js"), "utf8");
  const check = async (page, view) => {
    await page.evaluate(checker);
    const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] }));
    assert.deepEqual(violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target)}`), [], view);
  };
  for (const colorScheme of ["light", "dark"]) {
    const still = { colorScheme, reducedMotion: "reduce" };
    const stranger = await visitor(stage.browser, stage.url, still);
    await stranger.page.goto("/#sign-up");
    await stranger.page.getByRole("button", { name: "Create account" }).click();
    await stranger.page.locator("[aria-invalid=true]").first().waitFor();
    await check(stranger.page, `sign up with errors, ${colorScheme}`);
    await stranger.page.getByRole("link", { name: "Sign in" }).click();
    await check(stranger.page, `sign in, ${colorScheme}`);

    const { page } = await member(stage, still);
    await field(page, "Your own").check();
    await uploadPhoto(page);
    await check(page, `pictures, ${colorScheme}`);
    await page.getByRole("list", { name: "Gallery" }).getByRole("button").click();
    await check(page, `viewer, ${colorScheme}`);
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("link", { name: "Profile" }).click();
    await page.getByRole("button", { name: "Add a number" }).click();
    await check(page, `profile, ${colorScheme}`);
    await page.getByRole("link", { name: "Account" }).click();
    await page.getByText("this browser", { exact: true }).waitFor();
    await check(page, `account, ${colorScheme}`);
  }
});
