/**
 * What arrived while the reader was not looking: how many, and where the divider stands.
 * "Looking" is a visible page scrolled to its end.
 */

import { Signal } from "../../../lib/signal.js";

/** @typedef {{count: number, from: number | null}} UnreadState */

export class Unread {
  /** @type {Signal<UnreadState>} */
  state = new Signal(/** @type {UnreadState} */ ({ count: 0, from: null }));

  #visible = true;
  #atBottom = true;

  /** @param {number} id */
  arrived(id) {
    if (this.#visible && this.#atBottom) return;
    const { count, from } = this.state.value;
    // The divider of an earlier absence moves to the first message of this one.
    this.state.value = { count: count + 1, from: count === 0 ? id : from };
  }

  /** @param {boolean} visible */
  visible(visible) {
    this.#visible = visible;
    this.#look();
  }

  /** @param {boolean} atBottom */
  atBottom(atBottom) {
    this.#atBottom = atBottom;
    this.#look();
  }

  /** A person who writes has read. */
  reset() {
    this.state.value = { count: 0, from: null };
  }

  #look() {
    const { count, from } = this.state.value;
    if (count > 0 && this.#visible && this.#atBottom) this.state.value = { count: 0, from };
  }
}
