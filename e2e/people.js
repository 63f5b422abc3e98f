// What people do on the page, in their words: used by every test.
import { inRepository, visitor } from "./stage.js";

export const PHOTO = process.env.MYRIAD_PHOTO ?? inRepository("crates/myriad/assets/demo.jpg");
export const PASSWORD = "seven quiet herons over reeds";
export const WORKED = { timeout: 60_000 }; // a debug build works slowly on a picture

let people = 0;
/** A new person on the page with an account, on the pictures' view. */
export async function member(stage, options) {
  const person = await visitor(stage.browser, stage.url, options);
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
export async function elsewhere(stage, { email }, options) {
  const person = await visitor(stage.browser, stage.url, options);
  await person.page.goto("/");
  await signIn(person.page, email, PASSWORD);
  await person.page.getByRole("heading", { name: "Pictures", level: 1, exact: true }).waitFor();
  return { ...person, email };
}

export async function signIn(page, email, password) {
  await field(page, "E-mail").fill(email);
  await field(page, "Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Uploads the photograph with the recipes that are checked from the start, and waits until all its forms are seen. */
export async function uploadPhoto(page) {
  await field(page, "Choose pictures").setInputFiles(PHOTO);
  await page.getByRole("button", { name: "Upload" }).click();
  const item = page.getByRole("list", { name: "Uploads" }).getByRole("listitem").first();
  await item.getByText(/^Done in/).waitFor(WORKED);
  return item;
}

/** True when the picture has been fetched and decoded. */
export const seen = (image) => image.evaluate(async (img) => {
  await img.decode();
  return img.naturalWidth > 1;
});

/** The control with this label that is shown: the views that are not have such labels too. */
export const field = (page, label, options) => page.getByLabel(label, options).filter({ visible: true });

export const said = (page) => page.locator("#status");
