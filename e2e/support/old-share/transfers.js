/**
 * The WebSocket side: one socket, opened again 100 ms after it was closed, for ever.
 *
 * A receiver confirms a chunk before it has stored it, and looks at a frame's `command`
 * before it looks whether it says `success`.
 */

import { SOCKETS } from "./api.js";
import { keep, recall } from "./cookies.js";
import { agreed, decrypted, encrypted, newPair } from "./keys.js";
import { append, read } from "./storage.js";

/** Characters of the text that a chunk holds. */
const SLICE = 32_768;
const RECONNECT_MS = 100;
/** How often it is looked whether the page is late. */
const LOOK_MS = 20;

/** @typedef {{request_id: string, command: string, data: any, success?: boolean, response?: string}} Frame */

export class Transfers {
  /** @type {WebSocket | null} */
  #socket = null;
  /** Of all transfers: when the last chunk came, how soon after another one did, how long one took to store. */
  #times = { last: -Infinity, apart: Infinity, storing: 0 };
  /** By how much a timer was late since a transfer began, at most: a chunk may have waited as long. */
  #late = 0;
  #session;
  #received;
  #note;

  /**
   * @param {string} session
   * @param {(name: string, text: string) => void} received a file is here
   * @param {(text: string) => void} note what the original writes to its console
   */
  constructor(session, received, note) {
    this.#session = session;
    this.#received = received;
    this.#note = note;
    let last = performance.now();
    setInterval(() => {
      const now = performance.now();
      this.#late = Math.max(this.#late, now - last - LOOK_MS);
      last = now;
    }, LOOK_MS);
  }

  connect() {
    const socket = new WebSocket(`${SOCKETS}/session/${this.#session}`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#note("connected");
      this.#send("register", {});
    };
    socket.onmessage = (event) => void this.#handle(JSON.parse(event.data));
    socket.onclose = () => setTimeout(() => this.connect(), RECONNECT_MS);
  }

  /** @param {string} filename */
  async request(filename) {
    const pair = await newPair();
    keep(`${filename}-publicKey`, pair.open);
    keep(`${filename}-privateKey`, pair.secret);
    this.#send("request-file", { public_key: pair.open, filename });
  }

  /** @param {Frame} frame */
  #handle({ command, request_id, data, response }) {
    switch (command) {
      case "acknowledge-file-request":
        return this.#acknowledge(request_id, data);
      case "prepare-for-file-transfer":
        return this.#prepare(request_id, data);
      case "send-next-chunk":
        return this.#give(request_id, data);
      case "add-chunk":
        return this.#take(request_id, data);
      default:
        return this.#note(`unknown command ${command}: ${response}`);
    }
  }

  /** @param {string} request @param {{public_key: string, filename: string}} data */
  async #acknowledge(request, { public_key, filename }) {
    const pair = await newPair();
    keep(request, filename);
    keep(`${request}-publicKey`, pair.open);
    keep(`${request}-privateKey`, pair.secret);
    keep(`${request}-secret`, await agreed(pair.secret, public_key));
    const text = await read(filename);
    const amount_of_chunks = Math.ceil(text.length / SLICE);
    this.#send("acknowledge-file-request", { request_id: request, public_key: pair.open, amount_of_chunks, filename });
  }

  /** @param {string} request @param {{public_key: string, filename: string, amount_of_chunks: number}} data */
  async #prepare(request, { public_key, filename, amount_of_chunks }) {
    const secret = recall(`${filename}-privateKey`);
    keep(request, filename);
    keep(`${request}-publicKey`, recall(`${filename}-publicKey`));
    keep(`${request}-privateKey`, secret);
    keep(`${request}-secret`, await agreed(secret, public_key));
    keep(`${request}-chunkAmount`, String(amount_of_chunks));
    this.#send("ready-for-file-transfer", { request_id: request });
  }

  /** @param {string} request @param {{chunk_nr: number}} data */
  async #give(request, { chunk_nr }) {
    const text = await read(recall(request));
    const end = chunk_nr * SLICE;
    const data = await encrypted(recall(`${request}-secret`), text.slice(end - SLICE, end));
    this.#send("add-chunk", { request_id: request, is_last_chunk: text.length <= end, chunk_nr, ...data });
  }

  /** @param {string} request @param {{is_last_chunk: boolean, chunk_nr: number, chunk: string, iv: string}} data */
  async #take(request, { is_last_chunk, chunk_nr, chunk, iv }) {
    const [times, came] = [this.#times, performance.now()];
    if (chunk_nr === 1) this.#late = 0;
    else times.apart = Math.min(times.apart, came - times.last);
    times.last = came;
    const text = await decrypted(recall(`${request}-secret`), { chunk, iv });
    const storing = append(request, text);
    this.#send("received-chunk", { request_id: request, chunk_nr });
    const whole = await storing;
    times.storing = Math.max(times.storing, performance.now() - came);
    if (!is_last_chunk) return;
    const [name, chunks] = [recall(request), recall(`${request}-chunkAmount`)];
    const said = `${Math.ceil(whole.length / SLICE)} of ${chunks} chunks, at least ${times.apart.toFixed()} ms apart`;
    const slow = `stored within ${times.storing.toFixed()} ms, up to ${this.#late.toFixed()} ms late`;
    this.#note(`received ${name}: ${said}, ${slow}`);
    this.#received(name, whole);
  }

  /** @param {string} command @param {object} data */
  #send(command, data) {
    this.#socket?.send(JSON.stringify({ jwt: recall("jwt"), command, data: JSON.stringify(data) }));
  }
}
