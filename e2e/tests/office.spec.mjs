/** The admin site's screens, the API's page and the set-up link: nothing for axe to find. */

import { expect, expectAccessible, test } from "../support/fixtures.mjs";

const EMAIL = "sam@example.org";
const PASSWORD = "kelp and brass lanterns";

const SCREENS = ["", "accounts/", "accounts/add/", "sessions/", "rooms/", "messages/", "connections/", "mails/", "audit/"];

test("a new server's set-up link makes the first administrator, once", async ({ server, browse, guard }) => {
  guard.allow(/status of 404/);
  await expect.poll(() => /\/setup\/\w+\//.exec(server.greeting)?.[0]).toBeTruthy();
  const path = /\/setup\/\w+\//.exec(server.greeting)?.[0] ?? "";
  const page = await browse();
  await page.goto(server.url + path);
  await expectAccessible(page);
  await page.getByLabel("Email").fill("first@example.org");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button").last().click();
  await expect(page).toHaveURL(/setup\/done/);
  await expectAccessible(page);
  await page.goto(server.url + path);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.getByLabel("Email")).toHaveCount(0);
});

test("axe finds nothing on any screen of the admin site, wide and narrow", async ({ person, server, browse }) => {
  test.setTimeout(120_000);
  await person("ann");
  await server.makeAdmin(EMAIL, PASSWORD);
  const page = await browse();
  await page.goto(`${server.url}/admin/`);
  await page.getByLabel("Email or username").fill(EMAIL);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  for (const screen of SCREENS) {
    const answer = await page.goto(`${server.url}/admin/${screen}`);
    expect([screen, answer?.status()]).toEqual([screen, 200]);
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 800 });
      await expectAccessible(page);
      expect([screen, await page.evaluate(() => document.documentElement.scrollWidth)]).toEqual([screen, width]);
    }
  }
  await page.goto(`${server.url}/admin/accounts/`);
  await page.getByRole("link", { name: "ann" }).click();
  await expectAccessible(page);
});

test("the API can be read as a page, open and closed", async ({ server, browse }) => {
  const page = await browse();
  await page.goto(`${server.url}/api/docs`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Packetboat: the API");
  await expectAccessible(page);
  for (const summary of await page.locator("summary").all()) await summary.click();
  await expect(page.getByText("A username and an access key that is shown once")).toBeVisible();
  for (const width of [1280, 390, 320]) {
    await page.setViewportSize({ width, height: 800 });
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  }
});
