/** Getting in and out: accounts, keys, sessions. */

import { readFile } from "node:fs/promises";

import { expect, expectConnected, log, messages, say, signUp, test } from "../support/fixtures.mjs";

test("a newcomer registers, saves the key, is let in and talks", async ({ visit, server }) => {
  const page = await visit();
  await page.getByLabel("Username").fill("ann");
  await page.getByRole("button", { name: "Create account" }).click();

  const key = page.getByLabel("Access key");
  await expect(key).toHaveText(/^[0-9a-f]{64}$/);
  await expect(page.getByRole("heading", { name: "Your key" })).toBeFocused();

  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download .txt" }).click(),
  ]);
  expect(download.suggestedFilename()).toBe("packetboat-key-ann.txt");
  const file = await readFile(await download.path(), "utf8");
  expect(file).toContain((await key.textContent()) ?? "never");
  expect(file).toContain(server.url);

  await page.getByRole("button", { name: "I have saved it" }).click();
  await expectConnected(page);
  await say(page, "Hello, world!");
  await expect(messages(page, "Hello, world!")).toHaveCount(1);
  await expect(messages(page, "Hello, world!")).toHaveClass(/stored/);
});

test("the key goes to the clipboard", async ({ visit }) => {
  const page = await visit({ permissions: ["clipboard-read", "clipboard-write"] });
  await page.getByLabel("Username").fill("ann");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("button", { name: "Copy" }).click();
  await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
  const key = await page.getByLabel("Access key").textContent();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key);
});

test("names that cannot be are explained beside the field", async ({ visit, person, guard }) => {
  guard.allow(/status of 409/);
  await person("Ann");
  const page = await visit();
  const field = page.getByLabel("Username");
  for (const [name, answer] of [["not a name", "1 to 32 letters"], ["", "1 to 32 letters"], ["ann", "already has this name"]]) {
    await field.fill(name);
    await page.getByRole("button", { name: "Create account" }).click();
    await expect(page.getByRole("alert")).toContainText(answer);
    await expect(field).toHaveAttribute("aria-invalid", "true");
    await expect(field).toBeFocused();
  }
});

test("whoever has the key gets in; a wrong one is explained", async ({ visit, guard }) => {
  guard.allow(/status of 401/);
  const page = await visit();
  const key = await signUp(page, "ann");
  await say(page, "I was here");
  await expect(messages(page, "I was here")).toHaveCount(1);

  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByRole("status").filter({ hasText: "You are logged out." })).toBeVisible();

  const field = page.getByLabel("Access key");
  await expect(field).toHaveAttribute("type", "password");
  await page.getByRole("button", { name: "Show key" }).click();
  await expect(field).toHaveAttribute("type", "text");

  await field.fill("0".repeat(64));
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toContainText("No account has this key");

  // As pasted from a mail that broke the line.
  await field.fill(` ${key.slice(0, 32)} ${key.slice(32)} `);
  await page.getByRole("button", { name: "Log in" }).click();
  await expectConnected(page);
  await expect(messages(page, "I was here")).toHaveCount(1);
});

test("a reload stays in the room, and a second tab simply works", async ({ person, guard }) => {
  const page = await person("ann");
  await say(page, "one");
  await page.reload();
  await expectConnected(page);
  await expect(messages(page, "one")).toHaveCount(1);

  const second = await page.context().newPage();
  guard.watch(second);
  await second.goto(page.url());
  await expectConnected(second);
  await say(second, "from the second tab");
  await expect(messages(page, "from the second tab")).toHaveCount(1);
  await expect(messages(page, "from the second tab")).toHaveClass(/own/);
  await expect(page.getByRole("banner")).toContainText("1 here");
});

test("logging out in one tab ends the other", async ({ person, guard }) => {
  const page = await person("ann");
  const second = await page.context().newPage();
  guard.watch(second);
  await second.goto(page.url());
  await expectConnected(second);

  await second.getByRole("button", { name: "Settings" }).click();
  await second.getByRole("button", { name: "Log out" }).click();
  await expect(second.getByLabel("Access key")).toBeVisible();
  await expect(page.getByRole("tab", { name: "Log in" })).toBeVisible();
  await expect(log(page)).toHaveCount(0);
});

test("a session ended elsewhere leads back to the door", async ({ person, visit }) => {
  const page = await person("ann");
  // Another browser that holds the same session, as a script would.
  const cookies = await page.context().cookies();
  const other = await visit();
  await other.context().addCookies(cookies);
  await other.evaluate(() => fetch("/api/logout"));
  await expect(page.getByText("Your session ended.")).toBeVisible();
  await expect(page.getByLabel("Access key")).toBeVisible();
});

test("without a server, the form says so and keeps what was typed", async ({ visit, server, guard }) => {
  guard.allow(/net::ERR_/);
  const page = await visit();
  await server.stop("SIGKILL");
  await page.getByLabel("Username").fill("ann");
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("alert")).toContainText("cannot be reached");
  await expect(page.getByLabel("Username")).toHaveValue("ann");
});
