/** Starts and stops the real `packetboat`, and talks to it without a browser. */

import { spawn } from "node:child_process";
import { on, once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { WebSocket } from "ws";

const BINARY = process.env.PACKETBOAT_BIN ?? fileURLToPath(new URL("../../target/debug/packetboat", import.meta.url));
/** The first start makes a database; a loaded machine takes a while. */
const START_LIMIT_MS = 30_000;
/** Mail is sent in the background. */
const MAIL_LIMIT_MS = 15_000;
const ADDRESS = /http:\/\/(?:localhost|127\.0\.0\.1):(\d+)\//;

export class Server {
  #process = null;
  #data = "";
  #port = 0;
  #settings = {};
  #greeting = "";

  /** @param {Record<string, string>} settings variables in its environment */
  static async start(settings = {}) {
    const server = new Server();
    server.#settings = settings;
    server.#data = await mkdtemp(join(tmpdir(), "packetboat-e2e-"));
    await server.start();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** @param {string} host by which a browser is to know it */
  urlAt(host) {
    return `http://${host}:${this.#port}`;
  }

  /** What it has printed for its operator. */
  get greeting() {
    return this.#greeting;
  }

  /** Starts, or starts again on the same port and data. */
  async start() {
    const child = spawn(BINARY, ["serve", "--listen", `127.0.0.1:${this.#port}`, "--data", this.#data], {
      env: { ...foreign(process.env), PACKETBOAT_LIMITS__EXEMPT: "127.0.0.0/8", ...this.#settings },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    let output = "";
    this.#port = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no address within the limit:\n${output}`)), START_LIMIT_MS);
      const read = (/** @type {Buffer} */ part) => {
        output += part;
        const found = ADDRESS.exec(output);
        if (!found) return;
        clearTimeout(timer);
        resolve(Number(found[1]));
      };
      child.stdout.on("data", read);
      child.stdout.on("data", (part) => (this.#greeting += part));
      child.stderr.on("data", (part) => (output += part));
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`it ended with ${code}:\n${output}`)));
    });
  }

  /**
   * @param {"SIGTERM" | "SIGKILL"} signal
   */
  async stop(signal) {
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  async dispose() {
    await this.stop("SIGKILL");
    await rm(this.#data, { recursive: true, force: true });
  }

  /**
   * @param {string} username
   * @returns {Promise<string>} the key
   */
  async register(username) {
    const answer = await this.#post("/api/register", { username });
    if (answer.status !== 201) throw new Error(`registering ${username}: ${answer.status}`);
    return (await answer.json()).key;
  }

  /**
   * @param {string} key
   * @returns {Promise<string>} the value of the session's cookie
   */
  async logIn(key) {
    const answer = await this.#post("/api/login", { key });
    if (answer.status !== 200) throw new Error(`logging in: ${answer.status}`);
    return /session=([^;]+)/.exec(answer.headers.get("set-cookie") ?? "")?.[1] ?? "";
  }

  /**
   * An account by email, as a mobile app would make it.
   * @param {string} email
   * @param {string} password
   */
  async signUp(email, password) {
    const answer = await this.#post("/api/users/", { email, password });
    if (answer.status !== 201) throw new Error(`signing ${email} up: ${answer.status}`);
  }

  /**
   * As its operator would, while it runs.
   * @param {string} email
   * @param {string} password
   */
  async makeAdmin(email, password) {
    const child = spawn(BINARY, ["admin", "create", email, "--password-stdin", "--data", this.#data], {
      env: foreign(process.env),
      stdio: ["pipe", "ignore", "inherit"],
    });
    child.stdin.end(`${password}\n`);
    const [code] = await once(child, "exit");
    if (code !== 0) throw new Error(`making ${email} an admin: ${code}`);
  }

  /**
   * Waits for mail: without an SMTP server it goes into a folder.
   * @param {string} address
   * @param {RegExp} path of the link that is looked for
   * @param {string[]} seen links that are not meant
   * @returns {Promise<string>} the link's path
   */
  async linkFor(address, path, seen = []) {
    const folder = join(this.#data, "outbox");
    const until = Date.now() + MAIL_LIMIT_MS;
    while (Date.now() < until) {
      const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".eml"));
      for (const name of files) {
        const mail = await readFile(join(folder, name), "latin1");
        if (!mail.toLowerCase().includes(`to: ${address.toLowerCase()}`)) continue;
        const found = path.exec(readable(mail))?.[0];
        if (found !== undefined && !seen.includes(found)) return found;
      }
      await delay(50);
    }
    throw new Error(`no mail to ${address} with ${path}`);
  }

  /**
   * Posts messages as a client without a page, each after the one before was stored.
   * @param {string} key
   * @param {string[]} texts
   */
  async say(key, texts) {
    const cookie = `session=${await this.logIn(key)}`;
    const socket = new WebSocket(`${this.url.replace("http", "ws")}/ws`, "packetboat.v1", { headers: { cookie } });
    const frames = on(socket, "message");
    await next(frames, "welcome");
    for (const [index, text] of texts.entries()) {
      socket.send(JSON.stringify({ type: "post", client_id: `say-${Date.now()}-${index}`, text }));
      await next(frames, "ack");
    }
    const closed = once(socket, "close");
    socket.close();
    await closed;
  }

  #post(path, body) {
    return fetch(this.url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }
}

/**
 * The environment without the developer's own settings, which would configure the server under
 * test, and which it refuses if it does not know them.
 * @param {NodeJS.ProcessEnv} environment
 */
function foreign(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("PACKETBOAT_")));
}

/**
 * A mail with its encodings undone, as far as links need it: quoted-printable and base64
 * parts (RFC 2045, 6.7 and 6.8).
 * @param {string} mail
 */
function readable(mail) {
  const plain = mail.replaceAll(/=\r?\n/g, "").replaceAll(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  const encoded = [...mail.matchAll(/base64\r?\n(?:[\w-]+:.*\r?\n)*\r?\n([A-Za-z0-9+/=\r\n]+)/gi)].map(([, body]) => Buffer.from(body ?? "", "base64").toString());
  return [plain, ...encoded].join("\n");
}

/**
 * The next frame of this type; a refusal instead of it is an error.
 * @param {AsyncIterableIterator<any[]>} frames
 * @param {string} type
 */
async function next(frames, type) {
  for (;;) {
    const { value } = await frames.next();
    const frame = JSON.parse(String(value[0]));
    if (frame.type === type) return frame;
    if (frame.type === "nack" || frame.type === "error") throw new Error(`refused: ${frame.code}`);
  }
}
