/**
 * The messages on the page, in the room's order, each once. Owns what is loaded, what is
 * asked for, and the bound on how much is kept; knows nothing of drawing or scrolling.
 *
 * Invariants: `messages` rise by id without gaps; when `attached`, the last is the room's
 * latest. Detached, new messages only move `latest`: they are loaded when scrolled to.
 */

import { Signal } from "../../../lib/signal.js";

/** @typedef {import("../wire.js").Message} Message */
/** @typedef {import("../wire.js").Welcome} Welcome */
/** @typedef {import("../wire.js").ClientFrame} ClientFrame */
/** @typedef {import("../types.js").LogState} LogState */

/** Messages kept on the page; beyond it those farthest from the reader go. */
export const KEPT_LIMIT = 600;
/** Joins and leaves kept. */
const NOTICE_LIMIT = 200;
/** Messages asked for at a time. */
const PAGE = 50;

/** @type {LogState} */
const EMPTY = {
  ready: false,
  messages: [],
  notices: [],
  more: false,
  attached: true,
  loading: null,
};

export class Log {
  /** @type {Signal<LogState>} */
  state = new Signal(EMPTY);
  /** Where to continue after a reconnect. */
  latest = 0;
  epoch = "";

  /** The reader is at the end, and new messages push old ones out. */
  #following = true;
  #seq = 0;
  /** The `before` of the page asked for; answers to anything else are not ours. */
  #asked = 0;
  /** Whether the page asked for replaces what is there. */
  #replacing = false;

  /** Nothing is known any more, as after logging out. */
  clear() {
    this.latest = 0;
    this.epoch = "";
    this.state.value = EMPTY;
  }

  /** @param {Welcome} welcome */
  welcome(welcome) {
    const last = welcome.messages.at(-1)?.id;
    const before = this.state.value;
    if (!welcome.recovered || !before.ready) {
      this.epoch = welcome.epoch;
      this.latest = last ?? 0;
      this.state.value = {
        ...EMPTY,
        ready: true,
        messages: welcome.messages,
        more: welcome.more,
      };
      return;
    }
    this.state.value = { ...before, loading: null };
    for (const message of welcome.messages) this.append(message);
    this.removed(welcome.removed ?? []);
  }

  /**
   * The text of these is gone; their places stay.
   * @param {number[]} ids
   */
  removed(ids) {
    const gone = new Set(ids);
    const { messages } = this.state.value;
    if (!messages.some((message) => gone.has(message.id) && !message.removed)) return;
    const blank = (/** @type {Message} */ message) => ({ ...message, text: "", removed: true });
    this.#set({ messages: messages.map((message) => (gone.has(message.id) ? blank(message) : message)) });
  }

  /**
   * A message in its place in the room's order: another person's, or one's own acknowledged one.
   * @param {Message & {clientId?: string}} message
   */
  append(message) {
    const { messages, attached } = this.state.value;
    if (message.id <= this.latest) return;
    this.latest = message.id;
    if (!attached) return;
    const all = [...messages, message];
    if (all.length <= KEPT_LIMIT) this.#set({ messages: all });
    else if (this.#following) this.#set({ messages: all.slice(-KEPT_LIMIT), more: true });
    else this.#set({ attached: false });
  }

  /**
   * @param {"join" | "leave"} kind
   * @param {string} name
   * @param {number} at
   */
  notice(kind, name, at) {
    const notice = { seq: (this.#seq += 1), kind, name, at, after: this.latest };
    this.#set({ notices: [...this.state.value.notices, notice].slice(-NOTICE_LIMIT) });
  }

  /** @returns {ClientFrame | null} what to ask the server, if there is anything to ask */
  older() {
    const { messages, more, loading } = this.state.value;
    const first = messages[0]?.id;
    if (!more || loading !== null || first === undefined) return null;
    return this.#ask("older", first, false);
  }

  /** @returns {ClientFrame | null} */
  newer() {
    const { messages, attached, loading } = this.state.value;
    const last = messages.at(-1)?.id;
    if (attached || loading !== null || last === undefined) return null;
    // Ids rise without gaps, so the page before `last + PAGE + 1` is the one after `last`.
    return this.#ask("newer", Math.min(last + PAGE, this.latest) + 1, false);
  }

  /** Leaves old pages behind for the newest one. */
  newest() {
    if (this.state.value.attached) return null;
    return this.#ask("newer", this.latest + 1, true);
  }

  /** The connection broke: what was asked for will not come. */
  interrupted() {
    if (this.state.value.loading !== null) this.#set({ loading: null });
  }

  /**
   * @param {number} before
   * @param {Message[]} page
   * @param {boolean} more
   */
  history(before, page, more) {
    const { messages, loading } = this.state.value;
    if (loading === null || before !== this.#asked) return;
    if (loading === "older") {
      const all = [...page, ...messages];
      const kept = all.slice(0, KEPT_LIMIT);
      const attached = this.state.value.attached && kept.length === all.length;
      this.#set({ messages: kept, more, attached, loading: null });
      return;
    }
    const last = this.#replacing ? 0 : (messages.at(-1)?.id ?? 0);
    const fresh = page.filter((message) => message.id > last);
    const all = this.#replacing ? fresh : [...messages, ...fresh];
    this.#set({
      messages: all,
      more: this.#replacing ? more : this.state.value.more,
      attached: (all.at(-1)?.id ?? 0) >= this.latest,
      loading: null,
    });
  }

  /**
   * @param {boolean} following the reader is at the end, so the oldest may go
   */
  follow(following) {
    this.#following = following;
    const { messages } = this.state.value;
    if (!following || messages.length <= KEPT_LIMIT) return;
    this.#set({ messages: messages.slice(-KEPT_LIMIT), more: true });
  }

  /**
   * @param {"older" | "newer"} loading
   * @param {number} before
   * @param {boolean} replacing
   * @returns {ClientFrame}
   */
  #ask(loading, before, replacing) {
    this.#asked = before;
    this.#replacing = replacing;
    this.#set({ loading });
    return { type: "history", before, limit: PAGE };
  }

  /** @param {Partial<LogState>} change */
  #set(change) {
    this.state.value = { ...this.state.value, ...change };
  }
}
