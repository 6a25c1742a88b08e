/**
 * A client of sharing sessions without a browser, as anyone would write it who has read
 * `docs/PROTOCOL.md` and nothing else: gives its files, takes others' by WebSocket or as
 * server-sent events.
 */

import { createHash, createECDH, createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { once } from "node:events";

import { WebSocket } from "ws";

/** Bytes in a chunk, and of the tag behind it. */
const CHUNK = 32_768;
const TAG = 16;
const CIPHER = "aes-256-gcm";

/**
 * @param {string} url of the server
 * @returns {Promise<{sessionId: string, accessCode: string, jwt: string}>}
 */
export const createSession = (url) => call(url, "POST", "/session");

/**
 * @param {string} url
 * @param {string} session
 * @param {string} code
 * @returns {Promise<string>} a guest's JWT
 */
export async function join(url, session, code) {
  const proof = createHash("sha256").update(code).digest("hex");
  return (await call(url, "GET", `/access/${session}`, proof)).jwt;
}

/**
 * Takes a file as server-sent events.
 * @param {string} url
 * @param {string} session
 * @param {string} jwt
 * @param {string} filename
 * @returns {Promise<Buffer>}
 */
export async function takeEvents(url, session, jwt, filename) {
  const pair = keyPair();
  const path = `/session/${session}/${encodeURIComponent(filename)}?public_key=${encodeURIComponent(pair.open)}`;
  const answer = await fetch(url + path, { headers: { authorization: `Bearer ${jwt}`, accept: "text/event-stream" } });
  if (answer.status !== 200 || answer.body === null) throw new Error(`${answer.status}: ${await answer.text()}`);
  const parts = [];
  let key = Buffer.alloc(0);
  for await (const { event, id, data } of events(answer.body)) {
    if (event === "prepare-for-file-transfer") key = pair.agree(data.public_key);
    else if (event === "done") return Buffer.concat(parts);
    else if (event !== "add-chunk") throw new Error(`event ${event}: ${JSON.stringify(data)}`);
    else if (parts.push(decrypted(key, data)) !== data.chunk_nr || Number(id) !== data.chunk_nr) throw new Error(`chunk ${data.chunk_nr} as ${parts.length}`);
  }
  throw new Error(`the stream ended after ${parts.length} chunks`);
}

/** A member with a registered socket. */
export class Member {
  #url;
  #session;
  #jwt;
  #socket;
  /** By name: what it gives away. @type {Map<string, Buffer>} */
  #files = new Map();
  /** By request: what it is giving. @type {Map<string, {file: Buffer, key: Buffer}>} */
  #giving = new Map();
  /** What it is taking; one at a time. @type {Taking | null} */
  #taking = null;

  /**
   * @typedef {{request: string, pair: ReturnType<typeof keyPair>, key: Buffer, parts: Buffer[],
   *   resolve: (file: Buffer) => void, reject: (error: Error) => void}} Taking
   */

  /**
   * @param {string} url
   * @param {string} session
   * @param {string} jwt
   */
  static async open(url, session, jwt) {
    const member = new Member();
    member.#url = url;
    member.#session = session;
    member.#jwt = jwt;
    member.#socket = new WebSocket(`${url.replace("http", "ws")}/session/${session}`);
    await once(member.#socket, "open");
    member.#socket.on("message", (text) => member.#heard(JSON.parse(String(text))));
    member.#send("register", {});
    return member;
  }

  /**
   * Gives a file to whoever asks, from now on.
   * @param {string} name
   * @param {Buffer} file
   */
  async give(name, file) {
    this.#files.set(name, file);
    await call(this.#url, "POST", `/files/${this.#session}`, `Bearer ${this.#jwt}`, [{ name, size: file.length }]);
  }

  /**
   * @param {string} filename
   * @returns {Promise<Buffer>}
   */
  take(filename) {
    const pair = keyPair();
    this.#send("request-file", { public_key: pair.open, filename });
    return new Promise((resolve, reject) => {
      this.#taking = { request: "", pair, key: Buffer.alloc(0), parts: [], resolve, reject };
    });
  }

  async close() {
    this.#socket.close();
    await once(this.#socket, "close");
  }

  /** @param {any} frame */
  #heard(frame) {
    const { command, request_id, data } = frame;
    if (frame.success === false) this.#taking?.reject(new Error(JSON.stringify(frame)));
    else if (command === "acknowledge-file-request") this.#acknowledge(request_id, data);
    else if (command === "send-next-chunk") this.#giveChunk(request_id, data.chunk_nr);
    else if (command === "prepare-for-file-transfer") this.#prepare(request_id, data);
    else if (command === "add-chunk") this.#takeChunk(data);
  }

  #acknowledge(request, { public_key, filename }) {
    const file = this.#files.get(filename);
    const pair = keyPair();
    this.#giving.set(request, { file, key: pair.agree(public_key) });
    const amount_of_chunks = Math.max(1, Math.ceil(file.length / CHUNK));
    this.#send("acknowledge-file-request", { request_id: request, public_key: pair.open, amount_of_chunks, filename });
  }

  #giveChunk(request, chunk_nr) {
    const { file, key } = this.#giving.get(request);
    const end = chunk_nr * CHUNK;
    // What is asked for beyond the end has been given already.
    if (chunk_nr > 1 && end - CHUNK >= file.length) return;
    const data = encrypted(key, file.subarray(end - CHUNK, end));
    this.#send("add-chunk", { request_id: request, is_last_chunk: end >= file.length, chunk_nr, ...data });
  }

  #prepare(request, { public_key }) {
    Object.assign(this.#taking, { request, key: this.#taking.pair.agree(public_key) });
    this.#send("ready-for-file-transfer", { request_id: request });
  }

  #takeChunk({ is_last_chunk, chunk_nr, chunk, iv }) {
    const { request, key, parts, resolve, reject } = this.#taking;
    if (parts.push(decrypted(key, { chunk, iv })) !== chunk_nr) reject(new Error(`chunk ${chunk_nr} as ${parts.length}`));
    this.#send("received-chunk", { request_id: request, chunk_nr });
    if (is_last_chunk) resolve(Buffer.concat(parts));
  }

  #send(command, data) {
    this.#socket.send(JSON.stringify({ jwt: this.#jwt, command, data: JSON.stringify(data) }));
  }
}

async function call(url, method, path, authorization = "", body = undefined) {
  const answer = await fetch(url + path, { method, headers: authorization ? { authorization } : {}, body: body && JSON.stringify(body) });
  const result = JSON.parse(await answer.text());
  if (!result.success) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(result)}`);
  return result.response;
}

/** Keys of P-256, and what they agree on with another's. */
function keyPair() {
  const ecdh = createECDH("prime256v1");
  const open = ecdh.generateKeys("base64");
  return { open, agree: (/** @type {string} */ other) => ecdh.computeSecret(other, "base64") };
}

function encrypted(key, plain) {
  const iv = randomBytes(12);
  const cipher = createCipheriv(CIPHER, key, iv);
  const chunk = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { chunk: chunk.toString("hex"), iv: iv.toString("base64") };
}

function decrypted(key, { chunk, iv }) {
  const bytes = Buffer.from(chunk, "hex");
  const decipher = createDecipheriv(CIPHER, key, Buffer.from(iv, "base64"));
  decipher.setAuthTag(bytes.subarray(-TAG));
  return Buffer.concat([decipher.update(bytes.subarray(0, -TAG)), decipher.final()]);
}

/**
 * Events of a stream (HTML standard, 9.2), with data of JSON; comments are passed over.
 * @param {ReadableStream<Uint8Array>} body
 */
async function* events(body) {
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n").filter((line) => !line.startsWith(":"));
      const fields = Object.fromEntries(lines.map((line) => /^(\w+): ?(.*)$/.exec(line)?.slice(1) ?? []));
      if (fields.event) yield { event: fields.event, id: fields.id, data: fields.data ? JSON.parse(fields.data) : {} };
    }
  }
}
