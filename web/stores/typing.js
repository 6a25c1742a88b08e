/** Who is typing, and saying that oneself is: at most every 3 s, believed for 6 s. */

import { Signal } from "../lib/signal.js";

const SHOWN_MS = 6_000;
const SAY_EVERY_MS = 3_000;

export class Typing {
  /** @type {Signal<string[]>} */
  names = new Signal(/** @type {string[]} */ ([]));

  /** @type {Map<string, number>} name → timer */
  #timers = new Map();
  #saidAt = -Infinity;
  /** @type {{now: () => number, later: (run: () => void, ms: number) => number, never: (timer: number) => void}} */
  #time;

  /** @param {{now: () => number, later: (run: () => void, ms: number) => number, never: (timer: number) => void}} time */
  constructor(time) {
    this.#time = time;
  }

  /** @param {string} name */
  seen(name) {
    this.#time.never(this.#timers.get(name) ?? 0);
    this.#timers.set(name, this.#time.later(() => this.done(name), SHOWN_MS));
    this.#publish();
  }

  /** @param {string} name */
  done(name) {
    if (!this.#timers.has(name)) return;
    this.#time.never(this.#timers.get(name) ?? 0);
    this.#timers.delete(name);
    this.#publish();
  }

  clear() {
    for (const timer of this.#timers.values()) this.#time.never(timer);
    this.#timers.clear();
    this.#publish();
  }

  /** @returns {boolean} whether it is time to tell the others again */
  shouldSay() {
    if (this.#time.now() - this.#saidAt < SAY_EVERY_MS) return false;
    this.#saidAt = this.#time.now();
    return true;
  }

  /** The message is sent: the next key stroke is news again. */
  sent() {
    this.#saidAt = -Infinity;
  }

  #publish() {
    this.names.value = [...this.#timers.keys()];
  }
}
