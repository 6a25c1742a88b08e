/**
 * What every element of the page shares: it draws when connected, and everything it
 * listens to ends with `signal` when it is taken out.
 */

/** @template I what the element asks for: messages with a `type` */
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
   * Asks for something, by an event that bubbles: a page answers its elements, `app.js`
   * the shell's.
   * @param {I} intent
   */
  ask(intent) {
    this.dispatchEvent(new CustomEvent("intent", { bubbles: true, detail: intent }));
  }
}

/**
 * Gives elements their tags; those that have one already keep it.
 * @param {Record<string, CustomElementConstructor>} elements by tag
 */
export function define(elements) {
  for (const [tag, constructor] of Object.entries(elements)) {
    if (customElements.get(tag) === undefined) customElements.define(tag, constructor);
  }
}
