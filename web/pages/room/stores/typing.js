/** Who is typing, and saying that oneself is: at most every 3 s, believed for 6 s. */

import { Signal } from "../../../lib/signal.js";

const SHOWN_MS = 6_000;
const SAY_EVERY_MS = 3_000;

export class Typing {
  /** @type {Signal<string[]>} */
  names = new Signal(/** @type {string[]} */ ([]));

  /** @type {Map<string, number>} name → timer */
  #timers = new Map();
  #saidAt = -Infinity;
  /** @type {number | null} what was typed too soon is said at the end of the pause */
  #waiting = null;
  /** @type {{now: () => number, setTimer: (run: () => void, ms: number) => number, clearTimer: (timer: number) => void}} */
  #time;

  /** @param {{now: () => number, setTimer: (run: () => void, ms: number) => number, clearTimer: (timer: number) => void}} time */
  constructor(time) {
    this.#time = time;
  }

  /** @param {string} name */
  seen(name) {
    this.#time.clearTimer(this.#timers.get(name) ?? 0);
    this.#timers.set(name, this.#time.setTimer(() => this.done(name), SHOWN_MS));
    this.#publish();
  }

  /** @param {string} name */
  done(name) {
    if (!this.#timers.has(name)) return;
    this.#time.clearTimer(this.#timers.get(name) ?? 0);
    this.#timers.delete(name);
    this.#publish();
  }

  clear() {
    this.stop();
    for (const timer of this.#timers.values()) this.#time.clearTimer(timer);
    this.#timers.clear();
    this.#publish();
  }

  /**
   * A key was struck.
   * @param {() => void} say tells the others: now, or when enough time has passed
   */
  typed(say) {
    if (this.#waiting !== null) return;
    const early = this.#saidAt + SAY_EVERY_MS - this.#time.now();
    const speak = () => {
      this.#waiting = null;
      this.#saidAt = this.#time.now();
      say();
    };
    if (early <= 0) speak();
    else this.#waiting = this.#time.setTimer(speak, early);
  }

  /** The message is sent: there is nothing left to say. */
  stop() {
    if (this.#waiting !== null) this.#time.clearTimer(this.#waiting);
    this.#waiting = null;
  }

  #publish() {
    this.names.value = [...this.#timers.keys()];
  }
}
