/**
 * One's own messages until the server has stored them. They survive a lost connection and
 * a reload; posting one again under the same `client_id` is safe, as the server stores it
 * once. Order is the order of writing.
 */

import { Signal } from "../../../lib/signal.js";

/** @typedef {import("../types.js").OutboxEntry} OutboxEntry */
/** @typedef {import("../wire.js").ClientFrame} ClientFrame */
/** @typedef {import("../wire.js").Message} Message */
/** @typedef {{get(key: string): unknown, set(key: string, value: unknown): void}} KeyValueStorage */

/** Messages that may wait at a time. */
export const OUTBOX_LIMIT = 50;

export class Outbox {
  /** @type {Signal<OutboxEntry[]>} */
  entries = new Signal(/** @type {OutboxEntry[]} */ ([]));

  /** @type {KeyValueStorage} */
  #storage;
  /** @type {() => string} */
  #newId;
  /** @type {(frame: ClientFrame) => boolean} */
  #send;
  #key = "";

  /**
   * @param {KeyValueStorage} storage
   * @param {() => string} newId
   * @param {(frame: ClientFrame) => boolean} send false if there is no connection
   */
  constructor(storage, newId, send) {
    this.#storage = storage;
    this.#newId = newId;
    this.#send = send;
  }

  /**
   * Takes up what this person had not got rid of before.
   * @param {string} me
   */
  open(me) {
    this.#key = `outbox.${me}`;
    const kept = this.#storage.get(this.#key);
    const entries = Array.isArray(kept) ? kept.filter(isEntry).slice(0, OUTBOX_LIMIT) : [];
    this.entries.value = entries.map((entry) =>
      entry.state === "failed" ? entry : { ...entry, state: "queued" },
    );
  }

  /** Forgets everything, as when logging out on purpose. */
  clear() {
    this.#set([]);
    this.#key = "";
  }

  get full() {
    return this.entries.value.length >= OUTBOX_LIMIT;
  }

  /**
   * @param {string} text
   * @param {number} at
   * @returns {boolean} false if too many are waiting
   */
  post(text, at) {
    if (this.full) return false;
    const clientId = this.#newId();
    this.#set([...this.entries.value, { clientId, text, at, state: "queued" }]);
    this.#pass(clientId);
    return true;
  }

  /** @param {string} clientId */
  retry(clientId) {
    this.#change(clientId, ({ text, at }) => ({ clientId, text, at, state: "queued" }));
    this.#pass(clientId);
  }

  /**
   * @param {string} clientId
   * @returns {OutboxEntry | undefined} what was taken out
   */
  remove(clientId) {
    const entry = this.entries.value.find((each) => each.clientId === clientId);
    if (entry) this.#set(this.entries.value.filter((each) => each !== entry));
    return entry;
  }

  /**
   * @param {string} clientId
   * @param {string} code
   */
  refused(clientId, code) {
    this.#change(clientId, ({ text, at }) => ({ clientId, text, at, state: "failed", code }));
  }

  /** The connection broke: what was sent and not answered must be sent again. */
  interrupted() {
    this.#set(
      this.entries.value.map((entry) =>
        entry.state === "sent" ? { ...entry, state: "queued" } : entry,
      ),
    );
  }

  /**
   * There is a connection: posts everything that waits. What the server already gave back
   * is not shown twice in the moment before its answer.
   * @param {Message[]} known the newest messages of the room
   * @param {string} me
   */
  flush(known, me) {
    const own = new Set(known.filter(({ author }) => author === me).map(({ text }) => text));
    for (const { clientId, text, state } of this.entries.value) {
      if (state !== "queued") continue;
      if (own.has(text)) this.#change(clientId, (entry) => ({ ...entry, echoed: true }));
      this.#pass(clientId);
    }
  }

  /** @param {string} clientId */
  #pass(clientId) {
    const entry = this.entries.value.find((each) => each.clientId === clientId);
    if (entry && this.#send({ type: "post", client_id: clientId, text: entry.text })) {
      this.#change(clientId, (each) => ({ ...each, state: "sent" }));
    }
  }

  /**
   * @param {string} clientId
   * @param {(entry: OutboxEntry) => OutboxEntry} change
   */
  #change(clientId, change) {
    this.#set(
      this.entries.value.map((entry) => (entry.clientId === clientId ? change(entry) : entry)),
    );
  }

  /** @param {OutboxEntry[]} entries */
  #set(entries) {
    this.entries.value = entries;
    if (this.#key !== "") this.#storage.set(this.#key, entries.length > 0 ? entries : null);
  }
}

/**
 * @param {unknown} value
 * @returns {value is OutboxEntry}
 */
function isEntry(value) {
  if (typeof value !== "object" || value === null) return false;
  const entry = /** @type {Record<string, unknown>} */ (value);
  return (
    typeof entry["clientId"] === "string" &&
    typeof entry["text"] === "string" &&
    typeof entry["at"] === "number" &&
    ["queued", "sent", "failed"].includes(String(entry["state"]))
  );
}
