/** Putting text on the clipboard, also where the page is not a secure context. */

import { h } from "./dom.js";

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it is on the clipboard
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByHand(text);
  }
}

/**
 * The old way: the clipboard interface exists only in secure contexts, and a server on a
 * plain-http address in a home network is not one.
 * @param {string} text
 */
function copyByHand(text) {
  const area = h("textarea", { class: "visually-hidden", "aria-hidden": "true", readonly: true });
  area.value = text;
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
