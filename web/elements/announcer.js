/**
 * <pb-announcer>: the one place screen readers listen to for what happens by itself. It
 * stays on the page when the views change.
 */

import { h } from "../lib/dom.js";
import { View } from "../lib/view.js";

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
