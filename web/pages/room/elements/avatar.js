/** A person's initial on their colour. Decoration: the name stands beside it. */

import { hueOf, initialOf } from "../lib/colour.js";
import { h } from "../../../lib/dom.js";

/** @param {string} name */
export function avatar(name) {
  const element = h("span", { class: "avatar", "aria-hidden": "true" }, initialOf(name));
  element.style.setProperty("--hue", String(hueOf(name)));
  return element;
}
