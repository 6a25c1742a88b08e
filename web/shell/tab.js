/** The browser's tab: its title and its icon, with how much is unread. */

import { t } from "./strings.js";

const ICON = "/favicon.svg";
const DOT =
  '<circle cx="37" cy="11" r="10" fill="#d7263d" stroke="#fff" stroke-width="2.5"/></svg>';

/** @type {Promise<string> | null} */
let plainIcon = null;

/**
 * @param {string} title the page's; empty for the start page
 * @param {number} unread
 */
export async function showTab(title, unread) {
  document.title = t.title(title, unread);
  const link = document.querySelector("link[rel=icon]");
  if (!(link instanceof HTMLLinkElement)) return;
  if (unread === 0) {
    if (link.getAttribute("href") !== ICON) link.href = ICON;
    return;
  }
  plainIcon ??= fetch(ICON).then((answer) => answer.text());
  try {
    const drawn = (await plainIcon).trim().replace("</svg>", DOT);
    if (document.title === t.title(title, unread)) link.href = `data:image/svg+xml,${encodeURIComponent(drawn)}`;
  } catch {
    // Offline before the icon was fetched: the title says it already. Try again next time.
    plainIcon = null;
  }
}
