/** The room between people. */

import { expect, expectConnected, log, messageBox, messages, say, test } from "../support/fixtures.mjs";

test("two people talk", async ({ person }) => {
  const ann = await person("ann");
  const bob = await person("bob");
  await expect(log(ann)).toContainText("bob joined");
  await expect(ann.getByRole("banner")).toContainText("2 here");
  await expect(bob.getByRole("complementary", { name: "On deck" })).toContainText("ann");

  await messageBox(bob).pressSequentially("Hello ann");
  await expect(ann.getByText("bob is typing")).toBeVisible();
  await messageBox(bob).press("Enter");
  await expect(messages(ann, "Hello ann")).toContainText("bob");
  await expect(ann.getByText("bob is typing")).toHaveCount(0);

  await say(ann, "Hello bob");
  await expect(messages(bob, "Hello bob")).toHaveCount(1);
  await expect(messages(ann, "Hello bob")).toHaveClass(/own/);
  await expect(messages(ann, "Hello bob")).toHaveCount(1);

  await bob.context().close();
  await expect(log(ann)).toContainText("bob left");
  await expect(ann.getByRole("banner")).toContainText("1 here");
});

test("messages have their time, day and author; order is the same for all", async ({ person }) => {
  const ann = await person("ann");
  const bob = await person("bob");
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([say(ann, `a${round}`), say(bob, `b${round}`)]);
  }
  for (const page of [ann, bob]) await expect(log(page).locator(".message.stored")).toHaveCount(10);
  const texts = (page) => log(page).locator(".body").allTextContents();
  expect(await texts(ann)).toEqual(await texts(bob));
  await expect(log(ann).getByRole("heading", { name: "Today" })).toHaveCount(1);
  const time = messages(ann, "b0").locator("time");
  await expect(time).toHaveAttribute("datetime", /^\d{4}-\d\d-\d\dT/);
  await expect(time).toHaveAttribute("title", /\d{4}/);
});

test("Markdown, links and emoji; markup of others is inert", async ({ person }) => {
  const ann = await person("ann");
  const bob = await person("bob");
  let dialogs = 0;
  bob.on("dialog", (dialog) => {
    dialogs += 1;
    void dialog.dismiss();
  });

  await say(ann, "**bold** *soft* ~~gone~~ `code` [docs](https://example.org/x) :ship:");
  const body = log(bob).locator(".body").last();
  await expect(body.locator("strong")).toHaveText("bold");
  await expect(body.locator("em")).toHaveText("soft");
  await expect(body.locator("del")).toHaveText("gone");
  await expect(body.locator("code")).toHaveText("code");
  await expect(body.getByRole("img", { name: "ship" })).toHaveText("🚢");
  const link = body.getByRole("link", { name: /docs/ });
  await expect(link).toHaveAttribute("href", "https://example.org/x");
  await expect(link).toHaveAttribute("rel", "noopener noreferrer nofollow");
  await expect(link).toHaveAttribute("target", "_blank");

  const attacks = [
    `<img src=x onerror="alert(1)">`,
    `<script>alert(1)</script>`,
    `[click](javascript:alert(1))`,
    `[click](data:text/html,<script>alert(1)</script>)`,
    `<svg/onload=alert(1)>`,
    `https://example.org/"onmouseover="alert(1)`,
    `**<b onclick=alert(1)>x</b>**`,
  ];
  for (const attack of attacks) await say(ann, attack);
  await expect(log(bob).locator(".message")).toHaveCount(attacks.length + 1);
  await expect(messages(bob, attacks[0])).toHaveCount(1);
  await expect(log(bob).locator(".body :is(img, script, svg, b, iframe)")).toHaveCount(0);
  for (const href of await log(bob).locator(".body a").evaluateAll((all) => all.map((a) => a.getAttribute("href")))) {
    expect(href).toMatch(/^https:\/\/example\.org\//);
  }
  expect(dialogs).toBe(0);
});

test("one's own name stands out, and people can be mentioned by completion", async ({ person }) => {
  const ann = await person("ann");
  const bob = await person("bob");
  await expect(bob.getByRole("complementary")).toContainText("ann");
  await messageBox(bob).pressSequentially("hey @a");
  await expect(bob.getByRole("option", { name: "ann" })).toBeVisible();
  await messageBox(bob).press("Tab");
  await expect(messageBox(bob)).toHaveValue("hey @ann ");
  await messageBox(bob).press("Enter");
  await expect(log(ann).locator(".mentions-me .mention.mine")).toHaveText("@ann");
});

test("what arrives while one is away is counted in the title and divided off", async ({ person }) => {
  const ann = await person("ann");
  const bob = await person("bob");
  const hide = (hidden) =>
    ann.evaluate((value) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);

  await say(bob, "seen");
  await expect(messages(ann, "seen")).toHaveCount(1);
  await expect(ann).toHaveTitle("Packetboat");

  await hide(true);
  await say(bob, "missed one");
  await say(bob, "missed two");
  await expect(ann).toHaveTitle("(2) Packetboat");
  await expect(ann.locator("link[rel=icon]")).toHaveAttribute("href", /^data:image\/svg/);

  await hide(false);
  await expect(ann).toHaveTitle("Packetboat");
  await expect(ann.locator("link[rel=icon]")).toHaveAttribute("href", "/favicon.svg");
  await expect(log(ann).locator(".new-divider")).toHaveText("New messages");
  await expect(log(ann).locator(".new-divider + .message")).toContainText("missed one");

  await say(ann, "I am back");
  await expect(log(ann).locator(".new-divider")).toHaveCount(0);
});

test("too long is said before sending, counted as the server counts", async ({ person }) => {
  const ann = await person("ann");
  const box = messageBox(ann);
  await box.fill("👍".repeat(300));
  await expect(ann.locator(".counter")).toHaveText("0");
  await box.fill("👍".repeat(301));
  await expect(ann.getByText("1 character too many")).toBeVisible();
  await box.press("Enter");
  await expect(box).toHaveValue("👍".repeat(301));
  await box.fill("👍".repeat(300));
  await box.press("Enter");
  await expect(log(ann).locator(".message.stored")).toHaveCount(1);
});

test("a refused message can be sent again or thrown away", async ({ person }) => {
  const ann = await person("ann");
  // A server that refuses everything, for as long as the test says so.
  let refusing = true;
  await ann.routeWebSocket(/\/ws/, (page) => {
    const server = page.connectToServer();
    page.onMessage((text) => {
      const frame = JSON.parse(String(text));
      if (frame.type === "post" && refusing) {
        page.send(JSON.stringify({ type: "nack", client_id: frame.client_id, code: "rate_limited", error: "slower" }));
      } else server.send(text);
    });
  });
  await ann.reload();
  await expectConnected(ann);
  await say(ann, "first try");
  await say(ann, "not worth it");
  await expect(messages(ann, "first try")).toContainText("Not sent");
  await messages(ann, "not worth it").getByRole("button", { name: "Discard" }).click();
  await expect(messages(ann, "not worth it")).toHaveCount(0);
  refusing = false;
  await messages(ann, "first try").getByRole("button", { name: "Retry" }).click();
  await expect(messages(ann, "first try")).toHaveClass(/stored/);
  await expect(messageBox(ann)).toBeFocused();
});

test("a draft survives a reload", async ({ person }) => {
  const ann = await person("ann");
  await messageBox(ann).fill("half a tho");
  await ann.reload();
  await expect(messageBox(ann)).toHaveValue("half a tho");
});

test("choices are kept: theme and people", async ({ person }) => {
  const ann = await person("ann");
  await ann.getByRole("button", { name: "Settings" }).click();
  await ann.getByRole("radio", { name: "Dark" }).check();
  await ann.keyboard.press("Escape");
  const scheme = () => ann.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  expect(await scheme()).toBe("dark");
  await ann.getByRole("button", { name: /People here/ }).click();
  await expect(ann.getByRole("complementary")).toBeHidden();
  await ann.reload();
  await expectConnected(ann);
  expect(await scheme()).toBe("dark");
  await expect(ann.getByRole("complementary")).toBeHidden();
});
