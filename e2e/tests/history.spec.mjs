/** Older messages, and keeping one's place among them. */

import { expect, log, messages, say, test } from "../support/fixtures.mjs";

const TOTAL = 130;
const texts = Array.from({ length: TOTAL }, (_, index) => `message ${index + 1}`);

test.beforeEach(async ({ server }) => {
  await server.say(await server.register("archivist"), texts);
});

const scrollTo = (page, where) => log(page).evaluate((element, top) => (element.scrollTop = top), where);

test("the newest are shown first; scrolling up brings the rest, in place", async ({ person }) => {
  const ann = await person("ann");
  await expect(messages(ann, "message 130")).toBeInViewport();
  await expect(messages(ann, "message 81")).toHaveCount(1);
  await expect(messages(ann, "message 80")).toHaveCount(0);

  await scrollTo(ann, 200);
  const seen = messages(ann, "message 84");
  const before = await seen.boundingBox();
  await expect(messages(ann, "message 31")).toHaveCount(1);
  const after = await seen.boundingBox();
  expect(Math.abs((after?.y ?? 0) - (before?.y ?? 1e6))).toBeLessThan(3);

  await scrollTo(ann, 0);
  await expect(messages(ann, "message 1")).toHaveCount(1);
  await expect(log(ann)).toContainText("This is where the log begins.");
  const shown = await log(ann).locator(".message .body").allTextContents();
  expect(shown).toEqual(texts);
});

test("the keyboard can do it, and keeps its place", async ({ person }) => {
  const ann = await person("ann");
  await expect(messages(ann, "message 81")).toHaveCount(1);
  const older = ann.getByRole("button", { name: "Load older messages" });
  await older.focus();
  await expect(messages(ann, "message 31")).toHaveCount(1);
  await expect(older).toBeFocused();
  await older.press("Enter");
  await expect(messages(ann, "message 1")).toHaveCount(1);
  await expect(log(ann)).toBeFocused();
});

test("who reads old messages is not dragged to the new ones", async ({ person }) => {
  const ann = await person("ann");
  const bob = await person("bob");
  await expect(messages(ann, "message 130")).toBeInViewport();
  await scrollTo(ann, 600);
  await expect(ann.getByRole("button", { name: "Jump to latest" })).toBeVisible();

  await say(bob, "news");
  await say(bob, "more news");
  await expect(ann).toHaveTitle("(2) Packetboat");
  await expect(messages(ann, "more news")).not.toBeInViewport();
  await ann.getByRole("button", { name: "2 new messages – jump to latest" }).click();
  await expect(messages(ann, "more news")).toBeInViewport();
  await expect(ann).toHaveTitle("Packetboat");
  await expect(ann.getByRole("button", { name: /jump to latest/i })).toBeHidden();

  await scrollTo(ann, 600);
  await say(ann, "my answer");
  await expect(messages(ann, "my answer")).toBeInViewport();
});
