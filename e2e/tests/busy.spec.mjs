/** A room in which much is said: the page keeps 600 messages, and each new one pushes one out. */

import { WebSocket } from "ws";

import { expect, log, messageBox, messages, test } from "../support/fixtures.mjs";

/** What the page keeps (`KEPT_LIMIT` in web/stores/log.js). */
const KEPT = 600;
/** Messages that come in while the page is watched. */
const NEW = 40;
/**
 * Rows put in or taken out for a message at the limit: itself, the oldest, and the next
 * oldest, which is drawn anew to say whose it is. It was all of them, twice.
 */
const NODES_A_MESSAGE = 4;

/**
 * A person who talks as a script does.
 * @param {import("../support/server.mjs").Server} server
 * @param {string} name
 */
async function talker(server, name) {
  const cookie = `session=${await server.logIn(await server.register(name))}`;
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws`, { headers: { cookie } });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return socket;
}

test("at the limit a new message costs a few nodes, and focus and selection stay", async ({ person, server }) => {
  test.setTimeout(120_000);
  const texts = Array.from({ length: KEPT }, (_, index) => `old ${index + 1}`);
  for (const [index, name] of ["bea", "cid", "dot"].entries()) {
    await server.say(await server.register(name), texts.slice(index * 200, index * 200 + 200));
  }
  const ann = await person("ann");
  const shown = log(ann).locator(".message");
  const older = ann.getByRole("button", { name: "Load older messages" });
  while ((await shown.count()) < KEPT) {
    const before = await shown.count();
    await log(ann).evaluate((element) => (element.scrollTop = 0));
    await expect.poll(() => shown.count()).toBeGreaterThan(before);
  }
  await log(ann).evaluate((element) => (element.scrollTop = element.scrollHeight));
  await expect(messages(ann, "old 600")).toBeInViewport();
  await expect(shown).toHaveCount(KEPT);

  await ann.evaluate(() => {
    const list = document.querySelector("ol.rows");
    const body = [...document.querySelectorAll(".message .body")].find((it) => it.textContent === "old 590");
    if (!list || !body) throw new Error("the rows are not there");
    // As a reader would select it, and as the keyboard would stand on a link in it.
    const focused = body.closest("li");
    focused.tabIndex = -1;
    focused.focus({ preventScroll: true });
    const range = document.createRange();
    range.selectNodeContents(body);
    getSelection()?.removeAllRanges();
    getSelection()?.addRange(range);
    window["nodes"] = 0;
    const count = (records) => {
      for (const { addedNodes, removedNodes } of records) window["nodes"] += addedNodes.length + removedNodes.length;
    };
    new MutationObserver(count).observe(list, { childList: true });
  });
  const bob = await talker(server, "bob");
  for (let index = 1; index <= NEW; index += 1) {
    bob.send(JSON.stringify({ message: `new ${index}` }));
    await expect(messages(ann, `new ${index}`)).toHaveCount(1);
  }
  await expect(messages(ann, "old 40")).toHaveCount(0);
  await expect(messages(ann, "old 41")).toHaveCount(1);
  const nodes = await ann.evaluate(() => window["nodes"]);
  // And the row that says that bob came.
  expect(nodes).toBeLessThanOrEqual(NEW * NODES_A_MESSAGE + 2);
  expect(nodes, "all of them came").toBeGreaterThanOrEqual(NEW * 2);
  expect(await ann.evaluate(() => String(getSelection()))).toBe("old 590");
  expect(await ann.evaluate(() => document.activeElement?.textContent)).toContain("old 590");

  await messageBox(ann).focus();
  for (let index = 1; index <= 10; index += 1) bob.send(JSON.stringify({ message: `more ${index}` }));
  await ann.keyboard.type("typed meanwhile");
  await expect(messages(ann, "more 10")).toHaveCount(1);
  await expect(messageBox(ann)).toHaveValue("typed meanwhile");
  await expect(older).toHaveCount(1);
  bob.close();
});
