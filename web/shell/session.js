/**
 * Who is signed in here. The session is a cookie that scripts cannot see, so only the
 * server knows: this store asks it and remembers nothing.
 */

import { Refusal } from "../lib/api.js";
import { backoff } from "../lib/backoff.js";
import { Signal } from "../lib/signal.js";

/** @typedef {import("./types.js").SessionState} SessionState */
/** @typedef {import("../lib/api.js").Api} Api */

/**
 * @typedef {object} SessionOptions
 * @property {Pick<Api, "me" | "logout">} api
 * @property {(run: () => void, ms: number) => unknown} setTimer
 * @property {() => number} random in [0, 1)
 */

export class Session {
  /** @type {Signal<SessionState>} */
  state = new Signal(/** @type {SessionState} */ ({ phase: "checking", failed: false }));

  /** @type {SessionOptions} */
  #options;
  #attempt = 0;
  #leaving = false;
  #endHeard = false;

  /** @param {SessionOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** Asks who this is, until the server answers. */
  async start() {
    try {
      const name = await this.#options.api.me();
      this.state.value = { phase: "signed-in", name };
    } catch (error) {
      if (error instanceof Refusal && error.ended) {
        this.ended();
        return;
      }
      this.state.value = { phase: "checking", failed: true };
      this.#options.setTimer(() => void this.start(), backoff(this.#attempt++, this.#options.random));
    }
  }

  /**
   * Ends the session on the server, and only then here: a page that shows the way out while
   * the cookie still works would lie.
   * @returns {Promise<boolean>} whether it is over
   */
  async logout() {
    this.#leaving = true;
    try {
      await this.#options.api.logout();
    } catch {
      this.#leaving = false;
      if (!this.#endHeard) return false;
    }
    this.state.value = { phase: "signed-out", reason: "left" };
    return true;
  }

  /** The server says that the session is over. */
  ended() {
    this.#endHeard = true;
    // Sockets are closed before the log-out is answered: they must not say "expired".
    if (this.#leaving || this.state.value.phase === "signed-out") return;
    this.state.value = { phase: "signed-out", reason: "ended" };
  }

  /** Keeps the session and its cookie alive. */
  async renew() {
    if (this.state.value.phase !== "signed-in") return;
    try {
      await this.#options.api.me();
    } catch (error) {
      if (error instanceof Refusal && error.ended) this.ended();
    }
  }
}
