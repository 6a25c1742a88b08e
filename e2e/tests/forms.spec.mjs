/**
 * Every form of the server, sent over plain HTTP from a host name and from an address of a
 * home network. Browsers trust neither, so no `Sec-Fetch-Site` comes with the form and the
 * server has nothing but `Origin` to go by; on `localhost` and 127.0.0.0/8 it would have both.
 */

import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, request as ask } from "node:http";

import { expect, expectAccessible, expectConnected, test } from "../support/fixtures.mjs";

const HOSTS = ["packetboat.test", "192.168.77.20"];
const ELSEWHERE = "evil.test";
const PASSWORD = "kelp and brass lanterns";
const ANOTHER = "another lantern, unlit";
const ROOT = new URL("../../crates/", import.meta.url);

/** Where the forms go whose address is put in when the page is made, by their template. */
const FILLED_IN = {
  "accounts/templates/confirm.html": [/^\/confirm\/[\w-]+\/$/],
  "accounts/templates/reset_password.html": [/^\/password\/reset\/[\w-]+\/$/],
  "accounts/templates/setup.html": [/^\/setup\/\w+\/$/],
  "admin/templates/add.html": [/^\/admin\/accounts\/add$/],
  "admin/templates/confirm.html": [/^\/admin\/accounts$/],
  "admin/templates/list.html": [/^\/admin\/messages$/],
  "admin/templates/object.html": [/^\/admin\/accounts\/\d+$/, /^\/admin\/accounts$/],
};

/** Each action of the admin site: of which list, what it is called, whether it asks first. */
const ACTIONS = [
  ["accounts", "Send reset link", true],
  ["accounts", "End sessions", true],
  ["accounts", "Deactivate", true],
  ["accounts", "Activate", true],
  ["accounts", "Make staff", true],
  ["accounts", "Make no staff", true],
  ["accounts", "Delete", true],
  ["sessions", "End", true],
  ["messages", "Remove", true],
  ["connections", "Disconnect", true],
  ["mails", "Try again now", false],
  ["mails", "Drop", true],
];

const rules = [...HOSTS, ELSEWHERE].map((host) => `MAP ${host} 127.0.0.1`).join(", ");
test.use({
  actionTimeout: 15_000,
  launchOptions: async ({ launchOptions }, use) => {
    await use({ ...launchOptions, args: [...(launchOptions.args ?? []), `--host-resolver-rules=${rules}`] });
  },
});

/** @returns {{template: string, action: string}[]} every form that posts, by where it goes */
function postingForms() {
  const folders = ["accounts/templates", "accounts/templates/settings", "admin/templates", "http/templates", "http/templates/site", "server/templates"];
  const templates = folders.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, ROOT)).filter((name) => name.endsWith(".html")).map((name) => `${folder}/${name}`),
  );
  return templates.flatMap((template) => {
    const tags = readFileSync(new URL(template, ROOT), "utf8").match(/<form\b[^>]*method="post"[^>]*>/g) ?? [];
    return tags.map((tag) => ({ template, action: /action="([^"]*)"/.exec(tag)?.[1] ?? "" }));
  });
}

/** Notes each form that this browser sends, what became of it, and what `Referer` told. */
function watch(page) {
  const seen = { posts: /** @type {{path: string, status: number}[]} */ ([]), referers: /** @type {string[]} */ ([]) };
  const pending = /** @type {Promise<unknown>[]} */ ([]);
  page.context().on("request", (request) => {
    const noted = request.allHeaders().then((headers) => seen.referers.push(headers.referer ?? ""));
    pending.push(noted.catch(() => {}));
  });
  page.context().on("response", (response) => {
    const request = response.request();
    if (request.method() !== "POST") return;
    seen.posts.push({ path: new URL(request.url()).pathname, status: response.status() });
  });
  return { seen, done: () => Promise.all(pending) };
}

/** The browser says so on each page: plain HTTP is not to be trusted with this header. */
const UNTRUSTWORTHY = /Cross-Origin-Opener-Policy header has been ignored/;

for (const host of HOSTS) {
  test(`every form works at http://${host}`, async ({ browse, server, guard }) => {
    test.setTimeout(180_000);
    guard.allow(UNTRUSTWORTHY);
    const at = server.urlAt(host);
    const page = await browse();
    page.on("dialog", (dialog) => void dialog.accept());
    const { seen, done } = watch(page);
    const press = (/** @type {string | RegExp} */ name) => page.getByRole("button", { name, exact: true }).click();
    const fill = (/** @type {string} */ label, /** @type {string} */ text) => page.getByLabel(label, { exact: true }).fill(text);
    const heading = (/** @type {string} */ name) => expect(page.getByRole("heading", { name })).toBeVisible();
    const secrets = /** @type {string[]} */ ([]);
    const openLink = async (/** @type {string} */ path) => {
      secrets.push(path.split("/").filter(Boolean).at(-1) ?? path);
      await page.goto(at + path);
    };

    await test.step("the first administrator", async () => {
      await expect.poll(() => /\/setup\/\w+\//.exec(server.greeting)?.[0]).toBeTruthy();
      await openLink(/\/setup\/\w+\//.exec(server.greeting)?.[0] ?? "");
      await page.getByLabel("Email").fill("root@example.org");
      await page.getByLabel("Password", { exact: true }).fill("1");
      await press("Create the administrator");
      await expect(page.getByRole("alert")).not.toBeEmpty();
      await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
      await press("Create the administrator");
      await heading("The administrator is created");
    });

    let key = "";
    await test.step("an account with a key", async () => {
      await page.goto(`${at}/register/?with=key`);
      await fill("Username", "ann");
      await press("Create account");
      key = (await page.getByLabel("Access key", { exact: true }).textContent()) ?? "";
      await page.getByRole("button", { name: /I have saved it/ }).click();
      await expectConnected(page);
      await page.goto(`${at}/settings/`);
      await press("Log out");
      await page.getByLabel("Access key").fill(key);
      await press("Log in with the key");
      await expectConnected(page);
    });

    await test.step("the settings", async () => {
      await page.goto(`${at}/settings/`);
      await fill("First name", "Ann");
      await press("Save profile");
      await expect(page.getByText("Your profile is saved.")).toBeVisible();
      await fill("New password", PASSWORD);
      await press("Set password");
      await expect(page.getByText("Your password is set.")).toBeVisible();
      await fill("Email", "ann@example.org");
      await press("Add the address");
      await expect(page.getByText("a message with a link is on its way")).toBeVisible();
      await openLink(`${await server.linkFor("ann@example.org", /\/confirm\/[\w-]+/)}/`);
      await press("Confirm the address");
      await heading("Your address is confirmed");
      await page.goto(`${at}/settings/`);
      await fill("Name", "backup script");
      await press("Create a token");
      await expect(page.getByLabel("API token", { exact: true })).toHaveText(/^[0-9a-f]{64}$/);
      await page.goto(`${at}/settings/`);
      await press("Revoke backup script");
      await expect(page.getByText("The token is revoked.")).toBeVisible();
      await server.logIn(key);
      await page.reload();
      await page.getByRole("button", { name: /^Sign out .*,/ }).first().click();
      await expect(page.getByText("It is signed out.")).toBeVisible();
      await server.logIn(key);
      await page.goto(`${at}/settings/`);
      await press("Sign out everything else");
      await expect(page.getByText("Everything else is signed out.")).toBeVisible();
      await press("Make a new key");
      await expect(page.getByLabel("Access key", { exact: true })).toHaveText(/^[0-9a-f]{64}$/);
      await page.goto(`${at}/settings/`);
      await press("Log out");
      await expect(page.getByText("You are logged out.")).toBeVisible();
    });

    await test.step("an account by email, a new password from the mail", async () => {
      const logIn = async (/** @type {string} */ password) => {
        await page.goto(`${at}/login/`);
        await page.getByLabel("Email or username").fill("bob@example.org");
        await fill("Password", password);
        await press("Log in");
        await expectConnected(page);
        await page.goto(`${at}/settings/`);
      };
      await page.goto(`${at}/register/`);
      await fill("Email", "bob@example.org");
      await fill("Password", PASSWORD);
      await press("Create account");
      await heading("Check your mail");
      await logIn(PASSWORD);
      await press("Send the confirmation link again");
      await expect(page.getByText("The link is on its way again.")).toBeVisible();
      await press("Log out");
      await page.goto(`${at}/password/reset/`);
      await fill("Email", "bob@example.org");
      await press("Send the link");
      await heading("Check your mail");
      await openLink(`${await server.linkFor("bob@example.org", /\/password\/reset\/[\w-]{20,}/)}/`);
      await fill("New password", "12345678");
      await press("Set the password");
      await expect(page.getByRole("alert")).not.toBeEmpty();
      await fill("New password", ANOTHER);
      await press("Set the password");
      await heading("Your password is set");
      await logIn(ANOTHER);
      await press("Log out");
    });

    await test.step("the admin site", async () => {
      const vic = await server.register("vic");
      await server.say(vic, ["a rude word"]);
      await server.logIn(vic);
      await page.goto(`${at}/login/?next=/admin/`);
      await page.getByLabel("Email or username").fill("root@example.org");
      await fill("Password", PASSWORD);
      await press("Log in");
      await page.goto(`${at}/admin/accounts/add`);
      await page.getByLabel("Username").fill("wendy");
      await page.getByRole("button", { name: /^Add/ }).click();
      await expect(page.getByText(/[0-9a-f]{64}/)).toBeVisible();
      await page.goto(`${at}/admin/accounts?q=wendy`);
      await page.getByRole("cell").getByRole("link").first().click();
      await page.getByLabel("First name").fill("Wendy");
      await press("Save");
      await expect(page.getByText("Saved.")).toBeVisible();
      await press("End sessions");
      await press("End sessions: 1 account");
      await expect(page.getByText("End sessions: done for 1 account.")).toBeVisible();

      const inTheRoom = await browse();
      guard.allow(/status of 401/);
      await inTheRoom.context().addCookies([{ name: "session", value: await server.logIn(vic), url: server.url }]);
      for (const [list, label, asks] of ACTIONS) {
        if (list === "connections" || list === "sessions") {
          await inTheRoom.context().addCookies([{ name: "session", value: await server.logIn(await server.register(`v${list}`)), url: server.url }]);
          await inTheRoom.goto(server.url);
          await expectConnected(inTheRoom);
        }
        const before = seen.posts.length;
        const who = list === "accounts" ? "vic" : list === "sessions" || list === "connections" ? `v${list}` : "";
        await page.goto(`${at}/admin/${list}${list === "accounts" ? "?q=vic" : ""}`);
        await page.getByRole("row", { name: who }).getByRole("checkbox").first().check();
        await page.getByRole("button", { name: label, exact: true }).click();
        if (asks) await page.getByRole("button", { name: new RegExp(`^${label}: 1 `) }).click();
        await expect.poll(() => seen.posts.length, `${list}: ${label}`).toBe(before + (asks ? 2 : 1));
        await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      }
    });

    await done();
    expect(seen.posts.filter(({ status }) => status >= 400), "forms that were not taken").toEqual([]);
    for (const { template, action } of postingForms()) {
      const goesTo = action.includes("{{") ? FILLED_IN[/** @type {keyof typeof FILLED_IN} */ (template)] : [action];
      expect(goesTo, `where the forms of ${template} go: add it to this test`).toBeDefined();
      for (const place of goesTo) {
        const sent = seen.posts.some(({ path }) => (typeof place === "string" ? path === place : place.test(path)));
        expect(sent, `a form of ${template} was sent to ${place}`).toBe(true);
      }
    }
    // Secrets in addresses are not told, not even to the proxy in front of the server.
    for (const secret of secrets) {
      expect(seen.referers.filter((referer) => referer.includes(secret))).toEqual([]);
    }
    expect(seen.referers.some((referer) => referer === `${at}/`)).toBe(true);
  });
}

test("a form that another site sends is refused with a page", async ({ browse, server, guard }) => {
  guard.allow(UNTRUSTWORTHY);
  guard.allow(/status of 403/);
  const at = server.urlAt("packetboat.test");
  const page = await browse();
  await page.route(`http://${ELSEWHERE}/`, (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<!doctype html><title>x</title><form method="post" action="${at}/login/"><button>Win</button></form>`,
    }),
  );
  await page.goto(`http://${ELSEWHERE}/`);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === "POST"),
    page.getByRole("button", { name: "Win" }).click(),
  ]);
  expect(answer.status()).toBe(403);
  await expect(page.getByRole("heading", { name: "That was refused", level: 1 })).toBeVisible();
  await expect(page.getByText("Nothing was changed.")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("link", { name: "To the start" }).click();
  await expect(page.getByRole("button", { name: "Log in", exact: true })).toBeVisible();
});

test("a proxy that hides where a form comes from is named as the cause", async ({ browse, server, guard }) => {
  guard.allow(UNTRUSTWORTHY);
  guard.allow(/status of 403/);
  const page = await browse();
  // As many guides to "security headers" have it.
  const proxy = createServer((request, response) => {
    const { method, headers, url } = request;
    const onward = ask(server.url + url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, "referrer-policy": "no-referrer" });
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  await page.goto(`http://packetboat.test:${proxy.address().port}/login/`);
  await page.getByLabel("Email or username").fill("ann");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(page.getByRole("heading", { name: "That was refused" })).toBeVisible();
  await expect(page.getByText("hides where the form was sent from")).toBeVisible();
  proxy.close();
  proxy.closeAllConnections();
});
