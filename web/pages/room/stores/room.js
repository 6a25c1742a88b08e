/**
 * The room: what each frame of the server means for the log, the people, the outbox and
 * the rest, and what the reader's wishes mean for the server. Holds the parts; each part
 * keeps its own rules.
 */

import { Signal } from "../../../lib/signal.js";
import { Log } from "./log.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { Typing } from "./typing.js";
import { Unread } from "./unread.js";

/** @typedef {import("../wire.js").ServerFrame} ServerFrame */
/** @typedef {import("../wire.js").ClientFrame} ClientFrame */
/** @typedef {import("../wire.js").Message} Message */
/** @typedef {import("../wire.js").Welcome} Welcome */
/** @typedef {import("../wire.js").Presence} Presence */

/** The text limit until the server has named its own, Unicode scalar values. */
const TEXT_LIMIT = 300;

/**
 * @typedef {object} RoomStoreOptions
 * @property {(frame: ClientFrame) => boolean} send
 * @property {() => void} expect asks the socket to see that an answer comes
 * @property {import("./outbox.js").KeyValueStorage} storage
 * @property {() => string} newId
 * @property {{now: () => number, setTimer: (run: () => void, ms: number) => number, clearTimer: (timer: number) => void}} time
 * @property {(message: Message) => void} onMessage another person's, as it arrives
 * @property {(code: string) => void} onRefused one's own message was not taken
 */

export class Room {
  log = new Log();
  people = new People();
  unread = new Unread();
  me = new Signal("");
  textLimit = new Signal(TEXT_LIMIT);
  /** @type {Outbox} */
  outbox;
  /** @type {Typing} */
  typing;

  /** @type {RoomStoreOptions} */
  #options;

  /** @param {RoomStoreOptions} options */
  constructor(options) {
    this.#options = options;
    this.outbox = new Outbox(options.storage, options.newId, options.send);
    this.typing = new Typing(options.time);
  }

  /** @param {string} me */
  enter(me) {
    this.me.value = me;
    this.outbox.open(me);
  }

  /** Forgets the room, but not what waits to be sent (see `Outbox.clear`). */
  leave() {
    this.log.clear();
    this.typing.clear();
    this.unread.reset();
    this.people.clear();
  }

  /** @returns {string} the query of `/ws` that continues where this page is */
  get query() {
    const { epoch, latest } = this.log;
    return epoch === "" ? "" : `?${new URLSearchParams({ last_id: String(latest), epoch })}`;
  }

  /** @param {ServerFrame} frame */
  receive(frame) {
    switch (frame.type) {
      case "welcome":
        this.#welcome(frame);
        break;
      case "message":
        this.#message(frame);
        break;
      case "ack":
        this.#stored(frame.client_id, frame.id, frame.at);
        break;
      case "nack":
        this.outbox.refused(frame.client_id, frame.code);
        this.#options.onRefused(frame.code);
        break;
      case "history":
        this.log.history(frame.before, frame.messages, frame.more);
        break;
      case "removed":
        this.log.removed([frame.id]);
        break;
      case "join":
        this.#presence({ online_count: frame.online_count, joined: [frame.username] });
        break;
      case "leave":
        this.#presence({ online_count: frame.online_count, left: [frame.username] });
        break;
      case "presence":
        this.#presence(frame);
        break;
      case "typing":
        if (frame.username !== this.me.value) this.typing.seen(frame.username);
        break;
      case "error":
        break;
    }
  }

  interrupted() {
    this.outbox.interrupted();
    this.log.interrupted();
    this.typing.clear();
  }

  /**
   * @param {string} text
   * @returns {boolean} false if too much waits already
   */
  post(text) {
    this.latest();
    this.unread.reset();
    this.typing.stop();
    const taken = this.outbox.post(text, this.#options.time.now());
    this.#options.expect();
    return taken;
  }

  /** @param {string} clientId */
  retry(clientId) {
    this.outbox.retry(clientId);
    this.#options.expect();
  }

  older() {
    this.#ask(this.log.older());
  }

  newer() {
    this.#ask(this.log.newer());
  }

  latest() {
    this.#ask(this.log.newest());
  }

  sayTyping() {
    this.typing.typed(() => this.#options.send({ type: "typing" }));
  }

  /** @param {Welcome} welcome */
  #welcome(welcome) {
    // Another tab may have signed in another person: their room, not this one's outbox.
    if (welcome.you !== this.me.value) this.enter(welcome.you);
    this.textLimit.value = welcome.limits.text;
    this.people.replace(welcome.online, welcome.online_count, welcome.you);
    const missed = this.log.state.value.ready ? this.log.latest : null;
    const sameEpoch = this.log.epoch === welcome.epoch;
    this.log.welcome(welcome);
    if (missed !== null && sameEpoch) {
      for (const message of welcome.messages) if (message.id > missed) this.#announce(message);
    }
    this.outbox.flush(welcome.messages, welcome.you);
  }

  /** @param {Message} frame */
  #message({ id, at, author, text }) {
    const message = { id, at, author, text };
    this.typing.done(author);
    if (id <= this.log.latest) return;
    this.log.append(message);
    this.#announce(message);
  }

  /** @param {Message} message */
  #announce(message) {
    if (message.author === this.me.value) return;
    this.unread.arrived(message.id);
    this.#options.onMessage(message);
  }

  /**
   * @param {string} clientId
   * @param {number} id
   * @param {number} at
   */
  #stored(clientId, id, at) {
    const entry = this.outbox.remove(clientId);
    if (entry) this.log.append({ id, at, author: this.me.value, text: entry.text, clientId });
  }

  /** @param {Presence} news */
  #presence({ online_count: count, online, joined = [], left = [] }) {
    if (online) this.people.replace(online, count, this.me.value);
    else this.people.change(count, joined, left);
    // A complete list tells who has left, too.
    const gone = online && online.length >= count ? this.typing.names.value.filter((name) => !online.includes(name)) : left;
    for (const name of gone) this.typing.done(name);
    this.#note("join", joined);
    this.#note("leave", left);
  }

  /**
   * @param {"join" | "leave"} kind
   * @param {string[]} names
   */
  #note(kind, names) {
    const at = this.#options.time.now();
    for (const name of names) if (name !== this.me.value) this.log.notice(kind, name, at);
  }

  /** @param {ClientFrame | null} frame */
  #ask(frame) {
    if (frame === null) return;
    if (this.#options.send(frame)) this.#options.expect();
    else this.log.interrupted();
  }
}
