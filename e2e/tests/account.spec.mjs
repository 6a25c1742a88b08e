/** Getting in and out: accounts, keys, passwords, sessions. */

import { readFile } from "node:fs/promises";

import { expect, expectConnected, log, logOut, messages, say, signUp, test } from "../support/fixtures.mjs";

const PASSWORD = "kelp and brass lanterns";

test("whoever is not signed in is led to the door, and from there to where they wanted", async ({ visit, server }) => {
  const page = await visit();
  await expect(page).toHaveURL(`${server.url}/login/?next=/`);
  const key = await server.register("ann");
  await page.goto(`${server.url}/settings/`);
  await expect(page).toHaveURL(`${server.url}/login/?next=/settings/`);
  await page.getByLabel("Access key").fill(key);
  await page.getByRole("button", { name: "Log in with the key" }).click();
  await expect(page).toHaveURL(`${server.url}/settings/`);
  // Readers who are signed in do not need the log-in page.
  await page.goto(`${server.url}/login/?next=/settings/`);
  await expect(page).toHaveURL(`${server.url}/settings/`);
});

test("a newcomer registers, saves the key, is let in and talks", async ({ visit, server }) => {
  const page = await visit();
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByRole("link", { name: /Sign up with a name and a key/ }).click();
  await page.getByLabel("Username").fill("ann");
  await page.getByRole("button", { name: "Create account" }).click();

  const key = page.getByLabel("Access key");
  await expect(key).toHaveText(/^[0-9a-f]{64}$/);
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

test("the key goes to the clipboard", async ({ browse, server }) => {
  const page = await browse({ permissions: ["clipboard-read", "clipboard-write"] });
  await page.goto(`${server.url}/register/?with=key`);
  await page.getByLabel("Username").fill("ann");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("button", { name: "Copy" }).click();
  await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
  const key = await page.getByLabel("Access key").textContent();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key);
});

test("names that cannot be are explained beside the field", async ({ browse, server }) => {
  await server.register("Ann");
  const page = await browse();
  await page.goto(`${server.url}/register/?with=key`);
  const field = page.getByLabel("Username");
  for (const [name, answer] of [["not a name", "1 to 32 letters"], ["", "1 to 32 letters"], ["ann", "already has this name"]]) {
    await field.fill(name);
    await page.getByRole("button", { name: "Create account" }).click();
    await expect(page.getByRole("alert")).toContainText(answer);
    await expect(page).toHaveTitle(/^Error: /);
    await expect(field).toHaveAttribute("aria-invalid", "true");
    await expect(field).toHaveAccessibleDescription(new RegExp(answer));
    await expect(field).toBeFocused();
    await expect(field).toHaveValue(name);
  }
});

test("whoever has the key gets in; a wrong one is explained", async ({ visit }) => {
  const page = await visit();
  const key = await signUp(page, "ann");
  await say(page, "I was here");
  await expect(messages(page, "I was here")).toHaveCount(1);
  await logOut(page);

  const field = page.getByLabel("Access key");
  await expect(field).toHaveAttribute("type", "password");
  const show = page.locator("[data-reveal=login-key]");
  await show.click();
  await expect(field).toHaveAttribute("type", "text");

  await field.fill("0".repeat(64));
  await page.getByRole("button", { name: "Log in with the key" }).click();
  await expect(page.getByRole("alert")).toContainText("No account has this key");

  // As pasted from a mail that broke the line.
  await field.fill(` ${key.slice(0, 32)} ${key.slice(32)} `);
  await page.getByRole("button", { name: "Log in with the key" }).click();
  await expectConnected(page);
  await expect(messages(page, "I was here")).toHaveCount(1);
});

test("sign up by email, confirm, sign out, reset the password from the mail, sign in", async ({ visit, server }) => {
  const page = await visit();
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Email", { exact: true }).fill("Ann.Bonny@example.org");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("First name").fill("Ann");
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("heading", { name: "Check your mail" })).toBeVisible();

  const confirmation = await server.linkFor("Ann.Bonny@example.org", /\/confirm\/[\w-]+/);
  await page.goto(server.url + confirmation);
  // A mail scanner that opens the link has not confirmed anything.
  await page.reload();
  await page.getByRole("button", { name: "Confirm the address" }).click();
  await expect(page.getByRole("heading", { name: "Your address is confirmed" })).toBeVisible();

  await page.goto(`${server.url}/login/`);
  await page.getByLabel("Email or username").fill("ann.bonny@example.org");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await expectConnected(page);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("link", { name: "Account settings" }).click();
  await expect(page.getByText("Confirmed", { exact: true })).toBeVisible();
  await expect(page.getByLabel("First name")).toHaveValue("Ann");
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByText("You are logged out.")).toBeVisible();

  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await page.getByLabel("Email", { exact: true }).fill("ann.bonny@example.org");
  await page.getByRole("button", { name: "Send the link" }).click();
  await expect(page.getByRole("heading", { name: "Check your mail" })).toBeVisible();
  const reset = await server.linkFor("Ann.Bonny@example.org", /\/password\/reset\/[\w-]{20,}/);
  await page.goto(server.url + reset);
  await page.reload();
  await page.getByLabel("New password").fill("another lantern, unlit");
  await page.getByRole("button", { name: "Set the password" }).click();
  await expect(page.getByRole("heading", { name: "Your password is set" })).toBeVisible();

  await page.getByRole("link", { name: "Log in" }).click();
  await page.getByLabel("Email or username").fill("ann.bonny@example.org");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("Invalid username or password.");
  await expect(page.getByLabel("Email or username")).toHaveValue("ann.bonny@example.org");
  await page.getByLabel("Password", { exact: true }).fill("another lantern, unlit");
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await expectConnected(page);
});

test("a link from a mail works once, and says so afterwards", async ({ browse, server, guard }) => {
  guard.allow(/status of 404/);
  await server.signUp("ann@example.org", PASSWORD);
  const page = await browse();
  await page.goto(`${server.url}/password/reset/`);
  await page.getByLabel("Email", { exact: true }).fill("ann@example.org");
  await page.getByRole("button", { name: "Send the link" }).click();
  const reset = await server.linkFor("ann@example.org", /\/password\/reset\/[\w-]{20,}/);
  await page.goto(server.url + reset);
  await page.getByLabel("New password").fill("12345678");
  await page.getByRole("button", { name: "Set the password" }).click();
  await expect(page.getByLabel("New password")).toBeFocused();
  await expect(page.getByRole("alert")).not.toBeEmpty();
  await page.getByLabel("New password").fill("another lantern, unlit");
  await page.getByRole("button", { name: "Set the password" }).click();
  await expect(page.getByRole("heading", { name: "Your password is set" })).toBeVisible();
  await page.goto(server.url + reset);
  await expect(page.getByRole("heading", { name: "This link does not work any more" })).toBeVisible();
});

test("the pages do not tell whether an address has an account", async ({ browse, server }) => {
  await server.signUp("ann@example.org", PASSWORD);
  const page = await browse();
  const answers = [];
  for (const email of ["ann@example.org", "nobody@example.org"]) {
    await page.goto(`${server.url}/register/`);
    await page.getByLabel("Email", { exact: true }).fill(email);
    await page.getByLabel("Password", { exact: true }).fill("a password of no account");
    await page.getByRole("button", { name: "Create account" }).click();
    await expect(page.getByRole("heading", { name: "Check your mail" })).toBeVisible();
    const registered = await page.locator("main").innerText();
    await page.goto(`${server.url}/password/reset/`);
    await page.getByLabel("Email", { exact: true }).fill(email);
    await page.getByRole("button", { name: "Send the link" }).click();
    await expect(page.getByRole("heading", { name: "Check your mail" })).toBeVisible();
    answers.push(registered + (await page.locator("main").innerText()));
  }
  expect(answers[1]).toBe(answers[0]);
  // Its owner is told by mail.
  await server.linkFor("ann@example.org", /\/password\/reset\b/);
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

  await logOut(second);
  await expect(page.getByText("Your session ended.")).toBeVisible();
  await expect(page.getByLabel("Access key")).toBeVisible();
  await expect(log(page)).toHaveCount(0);
});

test("a session ended elsewhere leads back to the door", async ({ person, browse, server }) => {
  const page = await person("ann");
  // Another browser that holds the same session, as a script would.
  const other = await browse();
  await other.context().addCookies(await page.context().cookies());
  await other.goto(`${server.url}/settings/`);
  await other.evaluate(() => fetch("/api/logout"));
  await expect(page.getByText("Your session ended.")).toBeVisible();
  await expect(page).toHaveURL(/\/login\/\?next=\//);
});

test("one cannot log out of a server that does not answer, and is told", async ({ person, server, guard }) => {
  guard.allow(/WebSocket connection to .* failed|net::ERR_/);
  const page = await person("ann");
  await server.stop("SIGKILL");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByRole("alert")).toContainText("still logged in");
  await server.start();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByText("You are logged out.")).toBeVisible();
});
