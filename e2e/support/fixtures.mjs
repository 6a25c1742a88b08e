/**
 * What every test has: its own server, people with pages, and a guard that fails the test
 * if any page logged an error, threw, or ran into the content security policy.
 */

import { AxeBuilder } from "@axe-core/playwright";
import { expect, test as base } from "@playwright/test";

import { Server } from "./server.mjs";

/** What browsers log by themselves when a server is away; only outage tests allow it. */
export const OUTAGE = /WebSocket connection to .* failed|net::ERR_CONNECTION_REFUSED|net::ERR_INTERNET_DISCONNECTED/;

export const test = base.extend({
  /** Variables in the server's environment; `test.use({ settings })`. */
  settings: [{}, { option: true }],

  server: async ({ settings }, use) => {
    const server = await Server.start(settings);
    await use(server);
    await server.dispose();
  },

  /** Collects what pages complain about; `guard.allow(pattern)` where it is expected. */
  guard: async ({}, use) => {
    const complaints = [];
    const allowed = [];
    await use({
      allow: (pattern) => allowed.push(pattern),
      watch: (page) => {
        page.on("console", (message) => {
          if (["error", "warning"].includes(message.type())) complaints.push(message.text());
        });
        page.on("pageerror", (error) => complaints.push(`thrown: ${error.message}`));
      },
    });
    const unexpected = complaints.filter((text) => !allowed.some((pattern) => pattern.test(text)));
    expect(unexpected, "what the pages complained about").toEqual([]);
  },

  /** A page in a browser of its own, which is nowhere yet. It closes before the server goes. */
  browse: async ({ browser, server: _, guard }, use) => {
    const contexts = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({ reducedMotion: "reduce", locale: "en-GB", ...options });
      contexts.push(context);
      const page = await context.newPage();
      guard.watch(page);
      return page;
    });
    for (const context of contexts) await context.close();
  },

  /** Opens a visitor's page in a browser of its own. */
  visit: async ({ browse, server }, use) => {
    await use(async (options = {}) => {
      const page = await browse(options);
      await page.goto(server.url);
      return page;
    });
  },

  /** A person in the room: registered, logged in, connected. */
  person: async ({ browse, server }, use) => {
    await use(async (name, options = {}) => {
      const page = await browse(options);
      const key = await server.register(name);
      await page.context().addCookies([{ name: "session", value: await server.logIn(key), url: server.url }]);
      await page.goto(server.url);
      await expectConnected(page);
      return page;
    });
  },
});

export { expect };

/**
 * From the log-in page into the room, with a name and a key.
 * @param {import("@playwright/test").Page} page
 * @param {string} name
 * @returns {Promise<string>} the key
 */
export async function signUp(page, name) {
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByRole("link", { name: /Sign up with a name and a key/ }).click();
  await page.getByLabel("Username").fill(name);
  await page.getByRole("button", { name: "Create account" }).click();
  const key = await page.getByLabel("Access key").textContent();
  await page.getByRole("button", { name: "I have saved it" }).click();
  await expectConnected(page);
  return key ?? "";
}

/**
 * From the room to the log-in page.
 * @param {import("@playwright/test").Page} page
 */
export async function logOut(page) {
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByText("You are logged out.")).toBeVisible();
}

/** @param {import("@playwright/test").Page} page */
export async function expectConnected(page) {
  await expect(page.getByRole("banner")).toContainText(/\d+ here/);
}

/** @param {import("@playwright/test").Page} page */
export const messageBox = (page) => page.getByRole("textbox", { name: "Message" });

/** @param {import("@playwright/test").Page} page */
export const log = (page) => page.getByRole("log", { name: "Messages" });

/**
 * The rows of messages with exactly this text.
 * @param {import("@playwright/test").Page} page
 * @param {string} text
 */
export const messages = (page, text) =>
  log(page).locator(".message").filter({ has: page.locator(".body").getByText(text, { exact: true }) });

/**
 * @param {import("@playwright/test").Page} page
 * @param {string} text
 */
export async function say(page, text) {
  await messageBox(page).fill(text);
  await messageBox(page).press("Enter");
}

/**
 * No violation in either theme. Only colours differ between the two, so the second look is
 * at those alone.
 * @param {import("@playwright/test").Page} page
 */
export async function expectAccessible(page) {
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await settled(page);
  await expectNoViolation(new AxeBuilder({ page }), "light");
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await settled(page);
  await expectNoViolation(new AxeBuilder({ page }).withRules(["color-contrast", "link-in-text-block"]), "dark");
}

/**
 * Until the page looks as it will: a colour on its way from one theme to the other has the
 * contrast of neither.
 * @param {import("@playwright/test").Page} page
 */
async function settled(page) {
  await page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    await frame();
    await frame();
    const endless = (/** @type {Animation} */ it) => it.effect?.getComputedTiming().iterations === Infinity;
    const moving = document.getAnimations().filter((it) => !endless(it));
    await Promise.allSettled(moving.map((it) => it.finished));
    await frame();
  });
}

/**
 * @param {AxeBuilder} axe
 * @param {string} theme
 */
async function expectNoViolation(axe, theme) {
  // What is wrong stays wrong; what was only on its way is right at the second look.
  await expect(async () => {
    const { violations } = await axe.analyze();
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`).join("\n")}`);
    expect(found, theme).toEqual([]);
  }).toPass({ timeout: 10_000 });
}
