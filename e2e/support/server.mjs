/** Starts and stops the real `packetboat`, and talks to it without a browser. */

import { spawn } from "node:child_process";
import { on, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { WebSocket } from "ws";

const BINARY = process.env.PACKETBOAT_BIN ?? fileURLToPath(new URL("../../target/debug/packetboat", import.meta.url));
/** The first start makes a database; a loaded machine takes a while. */
const START_LIMIT_MS = 30_000;
const ADDRESS = /http:\/\/(?:localhost|127\.0\.0\.1):(\d+)\//;

export class Server {
  #process = null;
  #data = "";
  #port = 0;

  static async start() {
    const server = new Server();
    server.#data = await mkdtemp(join(tmpdir(), "packetboat-e2e-"));
    await server.start();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts, or starts again on the same port and data. */
  async start() {
    const child = spawn(BINARY, ["serve", "--listen", `127.0.0.1:${this.#port}`, "--data", this.#data], {
      env: { ...foreign(process.env), PACKETBOAT_LIMITS__EXEMPT: "127.0.0.0/8" },
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
   * Posts messages as somebody without a page, each after the one before was stored.
   * @param {string} key
   * @param {string[]} texts
   */
  async say(key, texts) {
    const answer = await this.#post("/api/login", { key });
    const cookie = (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
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
 * The environment without anybody's own settings, which would configure the server under
 * test, and which it refuses if it does not know them.
 * @param {NodeJS.ProcessEnv} environment
 */
function foreign(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("PACKETBOAT_")));
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
