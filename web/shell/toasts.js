/** <pb-toasts>: short messages over the page, each for some seconds; screen readers hear them. */

import { h } from "../lib/dom.js";
import { View } from "../lib/view.js";

/** How long a message stays, milliseconds: enough to read two lines. */
const SHOWN_MS = 8_000;
/** Messages at a time; the oldest makes room. */
const LIMIT = 3;

/** @extends {View<never>} */
export class Toasts extends View {
  #list = h("div", { class: "toasts", role: "status" });

  /** @override */
  draw() {
    this.replaceChildren(this.#list);
  }

  /** @param {string} text */
  show(text) {
    const toast = h("p", { class: "toast" }, text);
    this.#list.append(toast);
    while (this.#list.childElementCount > LIMIT) this.#list.firstElementChild?.remove();
    setTimeout(() => toast.remove(), SHOWN_MS);
  }
}
