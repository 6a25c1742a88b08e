/** Going between pages within the document, with a second page that only these tests have. */

import { expect, expectAccessible, expectConnected, messageBox, say, test } from "../support/fixtures.mjs";
import { addSecondPage } from "../support/second-page.mjs";

const heading = (/** @type {import("@playwright/test").Page} */ page) => page.getByRole("heading", { level: 1 });

test("a page is opened without a new document, told to screen readers, and left again", async ({ person, server }) => {
  const ann = await person("ann");
  await addSecondPage(ann, server, { path: "/second/world" });
  await ann.reload();
  await expectConnected(ann);
  const socket = ann.waitForEvent("websocket");
  await ann.reload();
  const closed = (await socket).waitForEvent("close");
  await expectConnected(ann);
  await ann.evaluate(() => (document.documentElement.dataset["same"] = "document"));
  await messageBox(ann).fill("a draft");

  await ann.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Second page" }).click();
  await expect(heading(ann)).toHaveText("The second page");
  await expect(heading(ann)).toBeFocused();
  await expect(ann).toHaveURL(`${server.url}/second/world`);
  await expect(ann).toHaveTitle("Second · Packetboat");
  await expect(ann.locator("pb-announcer").getByRole("status")).toHaveText("Second");
  await expect(ann.locator("[aria-current=page]")).toHaveText("Second page");
  await expect(ann.locator(".second")).toHaveCSS("letter-spacing", "3px");
  await expect(ann.locator("link[href*='pages/room/']:is([rel=stylesheet])")).toHaveCount(0);
  await closed;
  await expect(ann.getByRole("button", { name: "People here" })).toHaveCount(0);
  await ann.getByRole("button", { name: "Settings" }).click();
  await expect(ann.getByText("Signed in as ann")).toBeVisible();
  await expect(ann.getByText("Sound on new messages")).toHaveCount(0);
  await ann.keyboard.press("Escape");

  await ann.goBack();
  await expectConnected(ann);
  await expect(ann).toHaveTitle("Packetboat");
  await expect(messageBox(ann)).toBeFocused();
  await expect(messageBox(ann)).toHaveValue("a draft");
  await say(ann, "back again");
  await expect(ann.locator(".message.stored")).toContainText("back again");
  await ann.goForward();
  await expect(heading(ann)).toHaveText("The second page");
  await ann.locator("#home").click();
  await expectConnected(ann);
  expect(await ann.evaluate(() => ({ ...document.documentElement.dataset }))).toEqual({ same: "document", secondLeft: "yes" });
});

test("a public page opens without a session, and without the code of the others", async ({ browse, server, guard }) => {
  // The question who this is has 422 as its answer.
  guard.allow(/status of 422/);
  const page = await browse();
  await addSecondPage(page, server);
  /** @type {string[]} */
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(`${server.url}/second/visitor`);
  await expect(page.getByText("Hello visitor.")).toBeVisible();
  expect(asked.filter((path) => path.includes("/pages/room/"))).toEqual([]);
  await expect(page.getByRole("navigation")).toHaveCount(0);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Settings" }).click();
  await expect(page.getByRole("button", { name: "Log out" })).toHaveCount(0);
  await page.getByRole("radio", { name: "Dark" }).check();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.getByRole("link", { name: "Log in" }).click();
  await expect(page.getByLabel("Email or username")).toBeVisible();
  await page.goBack();
  await page.locator("#home").click();
  await expect(page).toHaveURL(`${server.url}/login/?next=/`);
});

test("a link to no page of ours leads to the server's answer, and back", async ({ person, server, guard }) => {
  guard.allow(/status of 404/);
  const ann = await person("ann");
  await addSecondPage(ann, server);
  await ann.goto(`${server.url}/second/lost`);
  await ann.getByRole("link", { name: "Nowhere" }).click();
  await expect(heading(ann)).toHaveText("Page not found");
  await ann.goBack();
  await expect(heading(ann)).toHaveText("The second page");
});

test("a page that cannot be loaded is said, and the reader stays where they are", async ({ person, server, guard }) => {
  guard.allow(/net::ERR_FAILED/);
  const ann = await person("ann");
  await addSecondPage(ann, server, { path: "/second/world" });
  await ann.route(/\/pages\/second\/page\.js$/, (route) => route.abort());
  await ann.reload();
  await expectConnected(ann);
  await ann.getByRole("link", { name: "Second page" }).click();
  await expect(ann.getByText("Second could not be loaded.")).toBeVisible();
  await expect(ann).toHaveURL(`${server.url}/`);
  await say(ann, "still here");
  await expect(ann.locator(".message.stored")).toContainText("still here");
});

test("a first page that cannot be loaded says so", async ({ person, guard }) => {
  guard.allow(/net::ERR_FAILED/);
  const ann = await person("ann");
  await ann.route(/\/pages\/room\/page\.js$/, (route) => route.abort());
  await ann.reload();
  await expect(ann.getByRole("main").getByRole("status")).toContainText("This page could not be loaded.");
});

test("two pages fit a phone: axe, touch targets, no sideways scrolling", async ({ person, server }) => {
  const ann = await person("ann", { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true });
  await addSecondPage(ann, server, { path: "/second/world" });
  await ann.reload();
  for (const name of ["Main deck", "Second page"]) {
    await ann.getByRole("link", { name }).tap();
    await expect(ann.locator("[aria-current=page]")).toHaveText(name);
    await expectAccessible(ann);
    const small = await ann.evaluate(() =>
      [...document.querySelectorAll("header button, header a")].filter((element) => {
        const { width, height } = element.getBoundingClientRect();
        return width > 0 && (width < 44 || height < 44);
      }).length,
    );
    expect([name, small]).toEqual([name, 0]);
    expect(await ann.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
  }
});

test("a link within the page leaves the page as it is", async ({ person }) => {
  const ann = await person("ann");
  let sockets = 0;
  ann.on("websocket", () => (sockets += 1));
  await messageBox(ann).fill("half a sentence");
  await ann.getByRole("link", { name: "Skip to the message box" }).focus();
  await ann.keyboard.press("Enter");
  await expect(messageBox(ann)).toBeFocused();
  await ann.goBack();
  await say(ann, "whole");
  await expect(ann.locator(".message.stored")).toContainText("whole");
  expect(sockets).toBe(0);
});

test("the document names every module and style sheet of its page, so that none waits for another", async ({ person }) => {
  const ann = await person("ann");
  /** @type {string[]} */
  const loaded = [];
  ann.on("request", (request) => {
    if (["script", "stylesheet"].includes(request.resourceType())) loaded.push(new URL(request.url()).pathname);
  });
  await ann.reload();
  await expectConnected(ann);
  const named = await ann.evaluate(() =>
    [...document.querySelectorAll("link[rel=modulepreload], link[rel=stylesheet], script[src]")].map((element) => new URL(element.getAttribute("href") ?? element.getAttribute("src") ?? "", location.href).pathname),
  );
  expect(loaded.length).toBeGreaterThan(30);
  expect(named.sort()).toEqual([...new Set(loaded)].sort());
});
