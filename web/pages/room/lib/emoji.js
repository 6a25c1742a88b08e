/** Emoji by name: look-up, and search for the completion list. The table is elsewhere. */

import { EMOJI } from "./emoji-table.js";

/** How many suggestions are offered at a time. */
const SUGGESTION_LIMIT = 8;

/** Offered before anything has been typed. */
const FAVOURITES = ["smile", "joy", "heart", "thumbsup", "tada", "eyes", "wave", "ship"];

/** @type {Map<string, string>} */
const BY_NAME = new Map();
/** @type {Set<string>} the best known name of each */
const BEST_KNOWN = new Set();
for (const line of EMOJI.trim().split("\n")) {
  const [char, ...names] = line.split(" ");
  for (const name of names) BY_NAME.set(name, char ?? "");
  BEST_KNOWN.add(names[0] ?? "");
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
          ...[...BY_NAME.keys()].filter((name) => name.startsWith(wanted)).sort(byRank),
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
 * Short names first; of equally long ones those that are best known.
 * @param {string} a
 * @param {string} b
 */
function byRank(a, b) {
  return a.length - b.length || Number(BEST_KNOWN.has(b)) - Number(BEST_KNOWN.has(a));
}

/**
 * @param {string} segment one grapheme
 * @returns {boolean} whether it is drawn as a picture
 */
export function isOneEmoji(segment) {
  return /^\p{RGI_Emoji}$/v.test(segment);
}
