/**
 * Serves the stand-in for Drag-n-Share's web app (`old-share/`) from an origin of its own, and
 * does in it what a person would. On the same host as the server: browsers keep cookies by
 * host, so that they go along when the page opens a WebSocket there.
 */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("old-share/", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript" };
const FILES = ["index.html", "page.js", "api.js", "cookies.js", "keys.js", "storage.js", "transfers.js"];

/** The least time between two chunks that the server promises such a page (`share.browser_pace_ms`). */
const PACE_MS = 200;

/** The page's own server has to take its cookies, too. */
const MOST_HEADERS = 128 * 1024;

export class OldShare {
  #server;

  static async start() {
    const pages = new OldShare();
    pages.#server = createServer({ maxHeaderSize: MOST_HEADERS }, (request, response) => void pages.#answer(request, response));
    pages.#server.listen(0, "127.0.0.1");
    await once(pages.#server, "listening");
    return pages;
  }

  /**
   * @param {import("./server.mjs").Server} server that the page is a client of
   * @param {{cookies?: number, sandboxed?: boolean}} [options] bytes of cookies that earlier
   *   transfers have left; whether its origin is opaque (`Origin: null`)
   */
  address(server, { cookies, sandboxed } = {}) {
    const url = new URL(sandboxed ? "/sandboxed" : "/", `http://127.0.0.1:${this.#server.address().port}`);
    url.searchParams.set("server", server.url);
    if (cookies) url.searchParams.set("cookies", String(cookies));
    return url.href;
  }

  async dispose() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async #answer(request, response) {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const name = ["/", "/sandboxed"].includes(pathname) ? "index.html" : pathname.slice(1);
    if (!FILES.includes(name)) {
      response.writeHead(404).end();
      return;
    }
    // Modules are fetched with CORS, which an opaque origin has to be allowed.
    const headers = { "content-type": TYPES[extname(name)], "access-control-allow-origin": "*" };
    if (pathname === "/sandboxed") headers["content-security-policy"] = "sandbox allow-scripts allow-downloads allow-forms";
    response.writeHead(200, headers).end(await readFile(FOLDER + name));
  }
}

/** The page in a browser, as a person has it before them. */
export class OldTab {
  /** Each `register` that was sent: a socket that was opened. */
  registered = 0;

  /** @param {import("@playwright/test").Page} page */
  constructor(page) {
    this.page = page;
    page.on("websocket", (socket) => {
      socket.on("framesent", ({ payload }) => {
        if (JSON.parse(String(payload)).command === "register") this.registered += 1;
      });
    });
  }

  get session() {
    return new URL(this.page.url()).hash.slice(1);
  }

  /**
   * What the page has noted first with this text.
   * @param {string} text
   */
  note(text) {
    return this.page.locator("#notes li").filter({ hasText: text }).first();
  }

  /** @param {string} name */
  row(name) {
    return this.page.locator("#files li").filter({ hasText: name });
  }

  async create() {
    await this.page.getByRole("button", { name: "New session" }).click();
    await this.note("connected").waitFor();
  }

  async code() {
    return this.page.locator("#code").textContent();
  }

  /**
   * @param {string} session
   * @param {string} code
   */
  async join(session, code) {
    await this.page.getByLabel("Session").fill(session);
    await this.page.getByLabel("Code").fill(code);
    await this.page.getByRole("button", { name: "Join" }).click();
    await this.note("connected").waitFor();
  }

  /**
   * @param {string} name
   * @param {Buffer} buffer
   */
  async add(name, buffer) {
    await this.page.getByLabel("Add a file").setInputFiles({ name, mimeType: "application/octet-stream", buffer });
    await this.row(name).waitFor();
  }

  /** @param {string} name */
  async remove(name) {
    await this.row(name).getByRole("button", { name: "Remove" }).click();
    await this.row(name).waitFor({ state: "detached" });
  }

  /** Loads the page again, with a token that the server does not take. */
  async reloadForged() {
    const context = this.page.context();
    const [jwt] = (await context.cookies()).filter(({ name }) => name === "jwt");
    await context.addCookies([{ ...jwt, value: `${jwt.value}A` }]);
    await this.page.reload();
  }

  /** Bytes of cookies that the browser sends along. */
  async cookies() {
    return (await this.page.evaluate(() => document.cookie)).length;
  }

  async refresh() {
    await this.page.getByRole("button", { name: "Refresh" }).click();
  }

  /** @param {string} name of a file that another has added */
  async request(name) {
    await this.row(name).getByRole("button", { name: "Download" }).click();
  }

  /**
   * @param {string} name of a file that another has added
   * @returns {Promise<{name: string, digest: string, said: string, tooSlow: boolean}>} as saved
   *   (an empty digest if the page could not), what the page says about its chunks, and whether
   *   it was itself slower than the server's pace: then it loses chunks, as the original does
   */
  async download(name) {
    const saving = this.page.waitForEvent("download");
    saving.catch(() => {});
    await this.request(name);
    const said = (await this.note(`received ${name}`).textContent()) ?? "";
    const [, stored, late] = /stored within (\d+) ms, up to (\d+) ms late/.exec(said) ?? [];
    const tooSlow = Number(stored) + Number(late) >= PACE_MS;
    if (await this.note(`damaged ${name}`).isVisible()) return { name, digest: "", said, tooSlow };
    const saved = await saving;
    return { name: saved.suggestedFilename(), digest: sha256(await readFile(await saved.path())), said, tooSlow };
  }
}

/** @param {Buffer} bytes */
export function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
