/**
 * <pb-announcer>: the one place screen readers listen to for what happens by itself. It
 * stays in the document when the pages change.
 */

import { h } from "../lib/dom.js";
import { View } from "../lib/view.js";

/** @extends {View<never>} */
export class Announcer extends View {
  #line = h("p", { class: "visually-hidden", role: "status" });

  /** @override */
  draw() {
    this.replaceChildren(this.#line);
  }

  /** @param {string} text */
  say(text) {
    this.#line.textContent = text;
  }
}
