/** Access for all: keyboard, screen readers, small screens, both themes, thin lines. */

import { expect, expectAccessible, expectConnected, log, messageBox, messages, OUTAGE, say, test } from "../support/fixtures.mjs";

// A look by axe takes seconds on a busy machine, and these tests take many.
test.slow();

/** What a first visit may load, bytes as sent. */
const WEIGHT_LIMIT = 100 * 1024;
/** What the log-in page may load. */
const DOOR_LIMIT = 25 * 1024;

test("from the door into the room and out again by keyboard alone", async ({ visit }) => {
  const page = await visit();
  const { keyboard } = page;
  const reach = async (/** @type {import("@playwright/test").Locator} */ target) => {
    while (!(await target.evaluate((element) => element === document.activeElement))) await keyboard.press("Tab");
  };
  await reach(page.getByRole("link", { name: "Create an account" }));
  await keyboard.press("Enter");
  await reach(page.getByRole("link", { name: /Sign up with a name and a key/ }));
  await keyboard.press("Enter");
  await reach(page.getByLabel("Username"));
  await keyboard.type("ann");
  await keyboard.press("Enter");
  await reach(page.getByRole("button", { name: "I have saved it" }));
  await keyboard.press("Enter");
  await expect(messageBox(page)).toBeFocused();

  await keyboard.type("hello :shi");
  await expect(page.getByRole("option", { name: ":ship:" })).toHaveAttribute("aria-selected", "true");
  await keyboard.press("ArrowDown");
  await keyboard.press("ArrowUp");
  await keyboard.press("Enter");
  await expect(messageBox(page)).toHaveValue("hello 🚢 ");
  await keyboard.type(":shi");
  await expect(page.getByRole("listbox")).toBeVisible();
  await keyboard.press("Escape");
  await expect(page.getByRole("listbox")).toBeHidden();
  await keyboard.press("Shift+Enter");
  await keyboard.type("second line");
  await keyboard.press("Enter");
  await expect(log(page).locator(".message.stored")).toContainText("second line");

  await page.getByRole("link", { name: "Skip to the message box" }).focus();
  await keyboard.press("Enter");
  await expect(messageBox(page)).toBeFocused();

  const settings = page.getByRole("button", { name: "Settings" });
  await settings.focus();
  await keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Settings" })).toBeVisible();
  await keyboard.press("Escape");
  await expect(settings).toBeFocused();
  await keyboard.press("Enter");
  await reach(page.getByRole("button", { name: "Log out" }));
  await keyboard.press("Enter");
  await expect(page.getByText("You are logged out.")).toBeVisible();
});

test("screen readers hear others' messages, gathered, and not one's own", async ({ person }) => {
  const ann = await person("ann");
  const bob = await person("bob");
  await say(ann, "my own words");
  await say(bob, "**loud** and clear");
  const announcer = ann.locator("pb-announcer").getByRole("status");
  await expect(announcer).toHaveText("bob: loud and clear");
  for (let round = 0; round < 5; round += 1) await say(bob, `again ${round}`);
  await expect(announcer).toHaveText(/new messages, the last from bob|bob: again/);
  await expect(announcer).not.toContainText("my own words");
});

test("axe finds nothing at the door", async ({ browse, server, guard }) => {
  guard.allow(/status of 404/);
  const page = await browse();
  const wrong = async (/** @type {string} */ button) => {
    await page.getByRole("button", { name: button, exact: true }).click();
    await expect(page.getByRole("alert")).toBeVisible();
    await expectAccessible(page);
  };
  await page.goto(`${server.url}/login/?notice=ended`);
  await expectAccessible(page);
  await wrong("Log in");
  await page.goto(`${server.url}/register/`);
  await expectAccessible(page);
  await wrong("Create account");
  await page.goto(`${server.url}/register/?with=key`);
  await wrong("Create account");
  await page.getByLabel("Username").fill("ann");
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByLabel("Access key")).toBeVisible();
  await expectAccessible(page);
  for (const path of ["/register/done/", "/password/reset/", "/password/reset/sent/", "/password/reset/gone/", "/confirm/some-token/"]) {
    await page.goto(server.url + path);
    await expectAccessible(page);
  }
});

test("axe finds nothing in the settings, wide and narrow", async ({ person, server }) => {
  const page = await person("ann");
  for (const width of [1280, 390, 320]) {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(`${server.url}/settings/?done=profile`);
    await expectAccessible(page);
    await page.getByLabel("New password").fill("1");
    await page.getByRole("button", { name: "Set password" }).click();
    await expect(page.getByRole("alert")).toBeVisible();
    await expectAccessible(page);
    await page.getByLabel("Name", { exact: true }).fill(`at ${width}`);
    await page.getByRole("button", { name: "Create a token" }).click();
    await expect(page.getByLabel("API token", { exact: true })).toBeVisible();
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  }
});

test("the account pages fit a phone: touch targets, no sideways scrolling down to 320 pixels", async ({ browse, server }) => {
  const page = await browse({ viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true });
  const key = await server.register("bob32charactersWithAVeryLongName");
  await page.context().addCookies([{ name: "session", value: await server.logIn(key), url: server.url }]);
  const check = async () => {
    const found = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      small: [...document.querySelectorAll("button, input, a.button, nav a")]
        .map((element) => ({ name: element.textContent || element.id, box: (element.closest("label, .field") ?? element).getBoundingClientRect() }))
        .filter(({ box }) => box.width > 1 && (box.width < 44 || box.height < 40))
        .map(({ name, box }) => `${name} ${box.width}×${box.height}`),
    }));
    expect(found, page.url()).toEqual({ wide: false, small: [] });
  };
  await page.goto(`${server.url}/settings/`);
  await check();
  await page.context().clearCookies();
  for (const path of ["/login/", "/register/", "/register/?with=key", "/password/reset/", "/confirm/some-token/"]) {
    await page.goto(server.url + path);
    await check();
  }
});

test("axe finds nothing in the room", async ({ person, server, guard }) => {
  guard.allow(OUTAGE);
  const ann = await person("ann");
  await expect(ann.getByRole("heading", { name: "All quiet on deck" })).toBeVisible();
  await expectAccessible(ann);

  const bob = await person("bob");
  await say(bob, "**Hi** @ann, see https://example.org and `this`:\n```\ncode\n```\n> quoted\n- listed");
  await say(ann, "A [link](https://example.org) of mine, `code`, @bob");
  await say(bob, ":tada:");
  await messageBox(bob).pressSequentially("typing…");
  await expect(ann.getByText("bob is typing")).toBeVisible();
  await expectAccessible(ann);

  await messageBox(ann).pressSequentially(":sh");
  await expect(ann.getByRole("listbox")).toBeVisible();
  await expectAccessible(ann);
  await messageBox(ann).fill("x".repeat(310));
  await expectAccessible(ann);
  await messageBox(ann).fill("");
  await ann.getByRole("button", { name: "Settings" }).click();
  await expectAccessible(ann);
  await ann.keyboard.press("Escape");

  await server.stop("SIGKILL");
  await say(ann, "pending");
  await expect(ann.getByRole("button", { name: "Try now" })).toBeVisible();
  await expectAccessible(ann);
});

test("axe finds nothing in a message that failed, the divider, and the way back down", async ({ person, server }) => {
  await server.say(await server.register("scribe"), Array.from({ length: 40 }, (_, index) => `line ${index}`));
  const ann = await person("ann");
  await ann.routeWebSocket(/\/ws/, (page) => {
    const upstream = page.connectToServer();
    page.onMessage((text) => {
      const { type, client_id } = JSON.parse(String(text));
      if (type === "post") page.send(JSON.stringify({ type: "nack", client_id, code: "unavailable", error: "x" }));
      else upstream.send(text);
    });
  });
  await ann.reload();
  await expectConnected(ann);
  await say(ann, "refused");
  await expect(messages(ann, "refused")).toContainText("Not sent");
  await expectAccessible(ann);
  const bob = await person("bob");
  await log(ann).evaluate((element) => (element.scrollTop = 300));
  await expect(ann.getByRole("button", { name: "Jump to latest" })).toBeVisible();
  await expectAccessible(ann);
  await say(bob, "news");
  await expect(ann.getByRole("button", { name: /1 new message/ })).toBeVisible();
  await expectAccessible(ann);
});

test("a phone: drawer, touch targets, no sideways scrolling down to 320 pixels", async ({ person }) => {
  const ann = await person("ann", { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true });
  const bob = await person("bob32charactersWithAVeryLongName");
  await say(bob, `https://example.org/${"long".repeat(40)}`);
  await say(bob, "```\nA line of code that is longer than any phone is wide\n```");
  await say(bob, "x".repeat(200));
  await expect(log(ann).locator(".message")).toHaveCount(3);
  const sideways = () => ann.evaluate(() => {
    const wide = [document.documentElement, document.querySelector(".scroller")];
    return wide.some((element) => element !== null && element.scrollWidth > element.clientWidth);
  });
  expect(await sideways()).toBe(false);

  await ann.getByRole("button", { name: "People here: 2" }).tap();
  const drawer = ann.getByRole("dialog", { name: "On deck" });
  await expect(drawer).toContainText("bob32charactersWithAVeryLongName");
  await expectAccessible(ann);
  await drawer.getByRole("button", { name: "Close" }).tap();
  await expect(drawer).toBeHidden();

  await ann.getByRole("button", { name: "Insert an emoji" }).tap();
  await ann.getByRole("option", { name: ":wave:" }).tap();
  await expect(messageBox(ann)).toHaveValue("👋 ");
  // On touch screens Enter starts a line; the button sends.
  await messageBox(ann).press("Enter");
  await messageBox(ann).pressSequentially("hi");
  await ann.getByRole("button", { name: "Send" }).tap();
  await expect(log(ann).locator(".own .body")).toContainText("hi");

  const small = await ann.evaluate(() =>
    [...document.querySelectorAll("button, input, textarea, a")]
      .map((element) => ({ name: element.getAttribute("aria-label") ?? element.textContent, box: element.getBoundingClientRect(), body: element.closest(".body, .skip") }))
      .filter(({ box, body }) => body === null && box.width > 0 && (box.width < 44 || box.height < 44))
      .map(({ name }) => name),
  );
  expect(small).toEqual([]);
  expect(await sideways()).toBe(false);
  expect(await ann.getAttribute("meta[name=viewport]", "content")).not.toMatch(/user-scalable|maximum-scale/);
});

test("a first visit loads no more than 100 KB, all of it from here", async ({ server, browser }) => {
  const key = await server.register("ann");
  const context = await browser.newContext();
  const page = await context.newPage();
  /** @type {Promise<number>[]} */
  const sizes = [];
  page.on("requestfinished", (request) => {
    expect(request.url().startsWith(server.url) || request.url().startsWith("data:")).toBe(true);
    sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
  });
  const total = async () => (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  await page.goto(server.url, { waitUntil: "networkidle" });
  await expect(page.getByLabel("Access key")).toBeVisible();
  const door = await total();
  expect(door).toBeLessThanOrEqual(DOOR_LIMIT);

  await page.getByLabel("Access key").fill(key);
  await page.getByRole("button", { name: "Log in with the key" }).click();
  await expectConnected(page);
  const all = await total();
  await context.close();
  test.info().annotations.push({ type: "weight", description: `${door} bytes at the door, ${all} with the room` });
  expect(sizes.length).toBeGreaterThan(20);
  expect(all).toBeLessThanOrEqual(WEIGHT_LIMIT);
});
