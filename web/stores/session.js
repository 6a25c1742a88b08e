/**
 * Who is signed in here. The session is a cookie that scripts cannot see, so only the
 * server knows: this store asks it and remembers nothing.
 */

import { Refusal } from "../lib/api.js";
import { backoff } from "../lib/backoff.js";
import { Signal } from "../lib/signal.js";

/** @typedef {import("../types/app.js").SessionState} SessionState */
/** @typedef {import("../lib/api.js").Api} Api */

/**
 * @typedef {object} SessionNeeds
 * @property {Pick<Api, "me" | "logout">} api
 * @property {(run: () => void, ms: number) => unknown} later
 * @property {() => number} random in [0, 1)
 */

export class Session {
  /** @type {Signal<SessionState>} */
  state = new Signal(/** @type {SessionState} */ ({ phase: "checking", failed: false }));

  /** @type {SessionNeeds} */
  #needs;
  #attempt = 0;
  #leaving = false;
  #endHeard = false;

  /** @param {SessionNeeds} needs */
  constructor(needs) {
    this.#needs = needs;
  }

  /** Asks who this is, for as long as nobody answers. */
  async start() {
    try {
      const name = await this.#needs.api.me();
      this.state.value = { phase: "member", name };
    } catch (error) {
      if (error instanceof Refusal && error.ended) {
        this.ended();
        return;
      }
      this.state.value = { phase: "checking", failed: true };
      this.#needs.later(() => void this.start(), backoff(this.#attempt++, this.#needs.random));
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
      await this.#needs.api.logout();
    } catch {
      this.#leaving = false;
      if (!this.#endHeard) return false;
    }
    this.state.value = { phase: "over", reason: "left" };
    return true;
  }

  /** The server says that the session is over. */
  ended() {
    this.#endHeard = true;
    // Sockets are closed before the log-out is answered: they must not say "expired".
    if (this.#leaving || this.state.value.phase === "over") return;
    this.state.value = { phase: "over", reason: "ended" };
  }

  /** Keeps the session and its cookie alive. */
  async renew() {
    if (this.state.value.phase !== "member") return;
    try {
      await this.#needs.api.me();
    } catch (error) {
      if (error instanceof Refusal && error.ended) this.ended();
    }
  }
}
