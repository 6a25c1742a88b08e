/** Emoji by name: look-up, and search for the completion list. The table is elsewhere. */

import { EMOJI } from "./emoji-table.js";

/** How many suggestions are offered at a time. */
const SUGGESTION_LIMIT = 8;

/** Offered before anything has been typed. */
const FAVOURITES = ["smile", "joy", "heart", "thumbsup", "tada", "eyes", "wave", "ship"];

/** @type {Map<string, string>} */
const BY_NAME = new Map();
for (const line of EMOJI.trim().split("\n")) {
  const [char, ...names] = line.split(" ");
  for (const name of names) BY_NAME.set(name, char ?? "");
}

/**
 * @param {string} name without the colons
 * @returns {string | null}
 */
export function charOf(name) {
  return BY_NAME.get(name) ?? null;
}

/**
 * Names that start with `query` first, then those that hold it; one name an emoji.
 * @param {string} query
 * @returns {{name: string, char: string}[]}
 */
export function suggestEmoji(query) {
  const wanted = query.toLowerCase();
  const names =
    wanted === ""
      ? FAVOURITES
      : [
          ...[...BY_NAME.keys()].filter((name) => name.startsWith(wanted)).sort(byLength),
          ...[...BY_NAME.keys()].filter((name) => name.indexOf(wanted) > 0),
        ];
  const seen = new Set();
  const out = [];
  for (const name of names) {
    const char = BY_NAME.get(name) ?? "";
    if (seen.has(char)) continue;
    seen.add(char);
    out.push({ name, char });
    if (out.length === SUGGESTION_LIMIT) break;
  }
  return out;
}

/**
 * @param {string} a
 * @param {string} b
 */
function byLength(a, b) {
  return a.length - b.length;
}

/**
 * @param {string} segment one grapheme
 * @returns {boolean} whether it is drawn as a picture
 */
export function isOneEmoji(segment) {
  return /^\p{RGI_Emoji}$/v.test(segment);
}
