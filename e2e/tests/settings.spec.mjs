/** The settings: profile, ways to log in, devices and tokens. */

import { expect, expectConnected, test } from "../support/fixtures.mjs";

/** @param {import("@playwright/test").Page} page */
const section = (page, name) => page.locator("section").filter({ has: page.getByRole("heading", { name, exact: true, level: 2 }) });

test("a name, a password and an email address for somebody who came with a key", async ({ person, server, browse }) => {
  const page = await person("ann");
  await page.goto(`${server.url}/settings/`);
  await page.getByLabel("First name").fill("<b>Ann</b>");
  await page.getByRole("button", { name: "Save profile" }).click();
  await expect(page.getByText("Your profile is saved.")).toBeVisible();
  await expect(page.getByLabel("First name")).toHaveValue("<b>Ann</b>");

  await page.getByLabel("New password").fill("12345678");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(section(page, "Password").getByRole("alert")).toBeVisible();
  await expect(page.getByLabel("New password")).toBeFocused();
  await page.getByLabel("New password").fill("kelp and brass lanterns");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByText("Your password is set.")).toBeVisible();

  await page.getByLabel("Email", { exact: true }).fill("ann@example.org");
  await page.getByRole("button", { name: "Add the address" }).click();
  await expect(page.getByText("a message with a link is on its way")).toBeVisible();
  await page.goto(server.url + (await server.linkFor("ann@example.org", /\/confirm\/[\w-]+/)));
  await page.getByRole("button", { name: "Confirm the address" }).click();
  await page.goto(`${server.url}/settings/`);
  await expect(section(page, "Email")).toContainText("ann@example.org");
  await expect(page.getByText("Confirmed", { exact: true })).toBeVisible();

  const other = await browse();
  await other.goto(`${server.url}/login/`);
  await other.getByLabel("Email or username").fill("ann@example.org");
  await other.getByLabel("Password", { exact: true }).fill("kelp and brass lanterns");
  await other.getByRole("button", { name: "Log in", exact: true }).click();
  await expectConnected(other);
});

test("a new key is shown once and replaces the old one", async ({ browse, server }) => {
  const page = await browse();
  page.on("dialog", (dialog) => void dialog.accept());
  const old = await server.register("ann");
  await page.context().addCookies([{ name: "session", value: await server.logIn(old), url: server.url }]);
  await page.goto(`${server.url}/settings/`);
  await page.getByRole("button", { name: "Make a new key" }).click();
  const key = (await page.getByLabel("Access key", { exact: true }).textContent()) ?? "";
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  await page.getByRole("link", { name: "go on" }).click();
  await expect(page.getByText(key)).toHaveCount(0);
  await server.logIn(key);
  await expect(server.logIn(old)).rejects.toThrow("401");
});

test("devices and tokens are listed and end one by one", async ({ person, browse, server, guard }) => {
  guard.allow(/status of 401/);
  const page = await person("ann");
  page.on("dialog", (dialog) => void dialog.accept());
  await page.goto(`${server.url}/settings/`);
  await page.getByLabel("Name", { exact: true }).fill("backup script");
  await page.getByRole("button", { name: "Create a token" }).click();
  const token = (await page.getByLabel("API token", { exact: true }).textContent()) ?? "";
  const me = () => fetch(`${server.url}/api/users/me/`, { headers: { authorization: `Token ${token}` } });
  expect((await me()).status).toBe(200);

  // A second browser of hers, in the room.
  await page.getByRole("button", { name: /Make a new key/ }).click();
  const key = (await page.getByLabel("Access key", { exact: true }).textContent()) ?? "";
  const second = await browse();
  await second.context().addCookies([{ name: "session", value: await server.logIn(key), url: server.url }]);
  await second.goto(server.url);
  await expectConnected(second);

  await page.goto(`${server.url}/settings/`);
  await expect(section(page, "API tokens").getByRole("heading", { name: "backup script" })).toBeVisible();
  await section(page, "API tokens").getByRole("button", { name: "Revoke backup script" }).click();
  await expect(page.getByText("The token is revoked.")).toBeVisible();
  expect((await me()).status).toBe(401);

  await section(page, "Devices").getByRole("button", { name: "Sign out everything else" }).click();
  await expect(page.getByText("Everything else is signed out.")).toBeVisible();
  await expect(section(page, "Devices").getByRole("listitem")).toHaveCount(1);
  await expect(section(page, "Devices")).toContainText("This device");
  await expect(second.getByText("Your session ended.")).toBeVisible();
});

test("a form of another session, or from another site, changes nothing", async ({ person, server }) => {
  const page = await person("ann");
  const cookie = (await page.context().cookies(server.url)).map(({ name, value }) => `${name}=${value}`).join("; ");
  const post = (/** @type {Record<string, string>} */ headers) =>
    fetch(`${server.url}/settings/profile/`, {
      method: "POST",
      redirect: "manual",
      headers: { cookie, "content-type": "application/x-www-form-urlencoded", ...headers },
      body: new URLSearchParams({ first_name: "Mallory", csrf_token: "0".repeat(64) }),
    });
  expect((await post({})).status).toBe(403);
  expect((await post({ origin: "https://evil.example" })).status).toBe(403);
  await page.goto(`${server.url}/settings/`);
  await expect(page.getByLabel("First name")).toHaveValue("");
});
