/**
 * A second page beside the room, made for the tests: what a new folder of `web/pages` and
 * its line in the list would be. The browser is given it in place of the server's answers.
 */

/** @type {import("../../web/shell/types.js").PageEntry} */
const ENTRY = { path: "/second/{name}", page: "second", title: "Second", nav: "Second page", signIn: false, styles: ["/assets/test/pages/second/second.css"] };

const MODULE = `
export function open(shell, { params }, signal) {
  const main = document.createElement("main");
  main.className = "second";
  const text = document.createElement("p");
  text.textContent = "Hello " + (params.name ?? "world") + ". ";
  const link = document.createElement("a");
  link.href = "/nowhere/";
  link.textContent = "Nowhere";
  const home = document.createElement("a");
  home.href = "/";
  home.textContent = "To the room";
  home.id = "home";
  main.append(text, link, " ", home);
  signal.addEventListener("abort", () => (document.documentElement.dataset.secondLeft = "yes"));
  return { element: main, heading: "The second page" };
}`;

const STYLES = "@layer page { .second { padding: 1rem; letter-spacing: 3px; } }";

/**
 * @param {import("@playwright/test").Page} page
 * @param {import("./server.mjs").Server} server
 * @param {{path?: string}} [change] of its line in the list
 */
export async function addSecondPage(page, server, change = {}) {
  // The list is changed while the document is read: before `app.js` runs, as modules wait.
  await page.addInitScript((entry) => {
    const reading = new MutationObserver(() => {
      const list = document.querySelector("#pages");
      if (!list?.textContent?.endsWith("]")) return;
      reading.disconnect();
      list.textContent = JSON.stringify([...JSON.parse(list.textContent), entry]);
    });
    reading.observe(document, { childList: true, subtree: true });
  }, { ...ENTRY, ...change });
  // As the server would answer it: the same document without the room's modules and styles.
  await page.route(`${server.url}/second/*`, async (route) => {
    const key = await server.register(`reader${Math.random().toString(36).slice(2, 10)}`);
    const answer = await fetch(server.url, { headers: { cookie: `session=${await server.logIn(key)}` } });
    const html = (await answer.text()).replaceAll(/<link [^>]*pages\/room\/[^>]*>/g, "");
    const policy = answer.headers.get("content-security-policy") ?? "";
    await route.fulfill({ body: html, contentType: "text/html", headers: { "content-security-policy": policy } });
  });
  await page.route(/\/pages\/second\/page\.js$/, (route) => route.fulfill({ contentType: "text/javascript", body: MODULE }));
  await page.route(/\/pages\/second\/second\.css$/, (route) => route.fulfill({ contentType: "text/css", body: STYLES }));
}
