/** What the word before the caret could become: an emoji, or a person who is here. */

import { suggestEmoji } from "./emoji.js";

/** Suggestions shown at a time. */
const LIMIT = 8;
/** Letters after the colon before emoji are offered, so that `:)` and `:D` stay faces. */
const EMOJI_QUERY_MIN = 2;

/** @typedef {{kind: "emoji" | "person", query: string, from: number}} Place */
/** @typedef {{label: string, char: string | null, insert: string}} Suggestion */

/**
 * @param {string} text
 * @param {number} caret
 * @param {boolean} forced offer emoji from the bare colon on
 * @returns {Place | null}
 */
export function placeAt(text, caret, forced) {
  const before = text.slice(0, caret);
  const emoji = /(?:^|[\s(])(:([a-z0-9_+-]*))$/i.exec(before);
  if (emoji?.[1] !== undefined && emoji[2] !== undefined) {
    if (!forced && emoji[2].length < EMOJI_QUERY_MIN) return null;
    return { kind: "emoji", query: emoji[2], from: caret - emoji[1].length };
  }
  const person = /(?:^|[\s(])(@([A-Za-z0-9]{0,32}))$/.exec(before);
  if (person?.[1] !== undefined && person[2] !== undefined) {
    return { kind: "person", query: person[2], from: caret - person[1].length };
  }
  return null;
}

/**
 * @param {Place} place
 * @param {string[]} people
 * @returns {Suggestion[]}
 */
export function suggestionsFor(place, people) {
  if (place.kind === "emoji") {
    return suggestEmoji(place.query).map(({ name, char }) => ({
      label: `:${name}:`,
      char,
      insert: char,
    }));
  }
  const wanted = place.query.toLowerCase();
  return people
    .filter((name) => name.toLowerCase().startsWith(wanted))
    .slice(0, LIMIT)
    .map((name) => ({ label: name, char: null, insert: `@${name}` }));
}
