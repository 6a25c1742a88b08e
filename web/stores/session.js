/**
 * Who is signed in here. The session itself is a cookie that scripts cannot see, so this
 * browser remembers only a name: without one the visitor is not kept waiting for an
 * answer, with one the room opens at once and the server decides.
 */

import { Refusal } from "../lib/api.js";
import { Signal } from "../lib/signal.js";

/** @typedef {import("../types/app.js").SessionState} SessionState */
/** @typedef {import("../lib/api.js").Api} Api */
/** @typedef {import("../lib/keep.js").Keep} Keep */

const NAME = "name";

export class Session {
  /** @type {Signal<SessionState>} */
  state = new Signal(/** @type {SessionState} */ ({ phase: "checking" }));

  /** @type {Api} */
  #api;
  /** @type {Keep} */
  #keep;

  /**
   * @param {Api} api
   * @param {Keep} keep
   */
  constructor(api, keep) {
    this.#api = api;
    this.#keep = keep;
  }

  async start() {
    const name = this.#keep.get(NAME);
    if (typeof name === "string") {
      this.state.value = { phase: "member", name };
    } else if (this.#keep.works) {
      this.state.value = { phase: "visitor", notice: null };
    } else {
      // Nothing can be remembered here, so only the server knows.
      const found = await this.#api.me().catch(() => null);
      this.state.value = found === null ? { phase: "visitor", notice: null } : { phase: "member", name: found };
    }
  }

  /**
   * @param {string} username
   * @returns {Promise<string>} the access key
   */
  register(username) {
    return this.#api.register(username);
  }

  /** @param {string} key */
  async login(key) {
    await this.#api.login(key);
    return this.#api.me();
  }

  /** @param {string} name */
  entered(name) {
    this.#keep.set(NAME, name);
    this.state.value = { phase: "member", name };
  }

  /**
   * @param {string} notice
   */
  async logout(notice) {
    // Also when the server cannot be told: this browser must show the way out at once, and
    // the session dies of inactivity.
    this.left(notice);
    await this.#api.logout().catch(() => {});
  }

  /** @param {string | null} notice why, for the visitor's page */
  left(notice) {
    this.#keep.set(NAME, null);
    this.state.value = { phase: "visitor", notice };
  }

  /** Another tab of this browser logged in or out. */
  changedElsewhere() {
    const name = this.#keep.get(NAME);
    const state = this.state.value;
    const current = state.phase === "member" ? state.name : null;
    if (state.phase === "checking" || name === current) return;
    if (typeof name === "string") this.state.value = { phase: "member", name };
    else this.state.value = { phase: "visitor", notice: null };
  }

  /**
   * Keeps the session and its cookie alive.
   * @param {string} expired the notice if it is not
   */
  async renew(expired) {
    if (this.state.value.phase !== "member") return;
    try {
      await this.#api.me();
    } catch (error) {
      if (error instanceof Refusal && error.ended) this.left(expired);
    }
  }
}
