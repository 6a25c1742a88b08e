/** The connection breaks, and nothing is lost or doubled. */

import { expect, expectConnected, log, messageBox, messages, OUTAGE, say, test } from "../support/fixtures.mjs";

test("the server dies and comes back", async ({ person, server, guard }) => {
  guard.allow(OUTAGE);
  const scribe = await server.register("scribe");
  const ann = await person("ann");
  const bob = await person("bob");
  await say(ann, "before");
  await expect(messages(bob, "before")).toHaveCount(1);

  await server.stop("SIGKILL");
  await expect(ann.getByText(/Reconnecting/).first()).toBeVisible();
  await expect(ann.getByRole("banner")).toContainText(/Not connected|Connecting/);
  await say(ann, "written meanwhile");
  await expect(messages(ann, "written meanwhile")).toContainText("Waiting for the connection");

  await server.start();
  await server.say(scribe, ["one", "two", "three"]);
  for (const page of [ann, bob]) {
    await expectConnected(page);
    for (const text of ["before", "one", "two", "three", "written meanwhile"]) {
      await expect(messages(page, text)).toHaveCount(1);
    }
    await expect(log(page).locator(".message.stored")).toHaveCount(5);
  }
  await expect(messages(ann, "written meanwhile")).toHaveClass(/stored/);

  // The same from a page that knows nothing but the server's history.
  await bob.reload();
  await expectConnected(bob);
  await expect(messages(bob, "written meanwhile")).toHaveCount(1);
  await expect(log(bob).locator(".message.stored")).toHaveCount(5);
});

test("an answer that got lost does not double the message", async ({ person }) => {
  const ann = await person("ann");
  const bob = await person("bob");
  let lost = 0;
  await ann.routeWebSocket(/\/ws/, (page) => {
    const server = page.connectToServer();
    server.onMessage((text) => {
      if (lost === 0 && JSON.parse(String(text)).type === "ack") {
        lost += 1;
        void page.close({ code: 1011 });
      } else page.send(text);
    });
  });
  await ann.reload();
  await expectConnected(ann);

  await say(ann, "only once");
  await expect(messages(ann, "only once")).toHaveClass(/stored/);
  await say(ann, "afterwards");
  await expect(messages(bob, "afterwards")).toHaveCount(1);
  expect(lost).toBe(1);
  for (const page of [ann, bob]) await expect(messages(page, "only once")).toHaveCount(1);
});

test("unsent messages survive a reload", async ({ person }) => {
  const ann = await person("ann");
  let held = true;
  await ann.routeWebSocket(/\/ws/, (page) => {
    const upstream = page.connectToServer();
    page.onMessage((text) => {
      if (!held || JSON.parse(String(text)).type !== "post") upstream.send(text);
    });
  });
  await ann.reload();
  await expectConnected(ann);
  await say(ann, "kept");
  await expect(messages(ann, "kept")).toHaveCount(1);
  held = false;
  await ann.reload();
  await expect(messages(ann, "kept")).toHaveClass(/stored/);
  await expect(messages(ann, "kept")).toHaveCount(1);
});

test("one can try at once instead of waiting", async ({ person, server, guard }) => {
  guard.allow(OUTAGE);
  const ann = await person("ann");
  await server.stop("SIGKILL");
  // The waits double: sooner or later one is long enough to be faster by hand.
  await expect(ann.getByText(/Reconnecting in ([6-9]|\d\d) s/)).toBeVisible({ timeout: 40_000 });
  await server.start();
  const tryNow = ann.getByRole("button", { name: "Try now" });
  await tryNow.click();
  await expect(ann.getByRole("banner")).toContainText("1 here", { timeout: 4_000 });
  await expect(tryNow).toBeHidden();
});

test("a server that shuts down in order says so, and its clients come back", async ({ person, server, guard }) => {
  guard.allow(OUTAGE);
  const ann = await person("ann");
  await messageBox(ann).fill("still typing");
  await server.stop("SIGTERM");
  await expect(ann.getByText(/Reconnecting/).first()).toBeVisible();
  await server.start();
  await expectConnected(ann);
  await expect(messageBox(ann)).toHaveValue("still typing");
});

test("a page waits for a welcome that comes late, and hears of many at once", async ({ person }) => {
  const ann = await person("ann");
  /** Longer than a page waits for a hand-shake; a server may take 15 s when thousands come at once. */
  const LATE_MS = 11_000;
  let opened = 0;
  /** @type {(frame: object) => void} */
  let tell = () => {};
  await ann.routeWebSocket(/\/ws/, (page) => {
    opened += 1;
    const upstream = page.connectToServer();
    tell = (frame) => page.send(JSON.stringify(frame));
    upstream.onMessage((text) => {
      if (JSON.parse(String(text)).type === "welcome") setTimeout(() => page.send(text), LATE_MS);
      else page.send(text);
    });
  });
  await ann.reload();
  await expectConnected(ann);
  expect(opened).toBe(1);

  const people = ann.locator("pb-people");
  tell({ type: "presence", online_count: 640, joined: ["bob", "cid"] });
  await expect(people.getByText("bob", { exact: true })).toBeVisible();
  await expect(ann.getByRole("banner")).toContainText("640 here");
  tell({ type: "presence", online_count: 641, joined: ["dan"], left: ["bob"] });
  await expect(people.getByText("dan", { exact: true })).toBeVisible();
  await expect(people.getByText("bob", { exact: true })).toHaveCount(0);
  tell({ type: "presence", online_count: 300 });
  await expect(ann.getByRole("banner")).toContainText("300 here");
  tell({ type: "presence", online_count: 3, online: ["ann", "eve", "flo"] });
  await expect(people.getByRole("listitem")).toHaveText([/ann/, /eve/, /flo/]);
});
