/**
 * What every element of the page shares: it draws when connected, and everything it
 * listens to ends with `signal` when it is taken out.
 */

/** @typedef {import("../types/app.js").Intent} Intent */

export class View extends HTMLElement {
  /** @type {AbortController | null} */
  #life = null;

  connectedCallback() {
    this.#life = new AbortController();
    this.draw(this.#life.signal);
  }

  disconnectedCallback() {
    this.#life?.abort();
    this.replaceChildren();
  }

  /**
   * Fills the element and starts listening.
   * @param {AbortSignal} _signal aborted when the element is taken out
   */
  draw(_signal) {}

  /**
   * Asks the application for something.
   * @param {Intent} intent
   */
  ask(intent) {
    this.dispatchEvent(new CustomEvent("intent", { bubbles: true, detail: intent }));
  }
}
