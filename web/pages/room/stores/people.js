/**
 * Who is here. The server names at most 500 people; `count` is always the whole number.
 */

import { Signal } from "../../../lib/signal.js";

/** Names kept and drawn. */
const NAMES_LIMIT = 500;

const COLLATOR = new Intl.Collator(undefined, { sensitivity: "base" });

/** @typedef {{names: string[], count: number}} PeopleState */

export class People {
  /** @type {Signal<PeopleState>} */
  state = new Signal(/** @type {PeopleState} */ ({ names: [], count: 0 }));

  clear() {
    this.state.value = { names: [], count: 0 };
  }

  /**
   * @param {string[]} names
   * @param {number} count
   * @param {string} me always among the names: one sees oneself here
   */
  replace(names, count, me) {
    const all = names.includes(me) ? names : [...names, me];
    this.state.value = { names: sorted(all), count: Math.max(count, all.length) };
  }

  /**
   * What has changed since, all at once. Without names only the number is news: some of
   * those shown may have left, which the server tells later.
   * @param {number} count
   * @param {string[]} joined
   * @param {string[]} left none of them in `joined`
   */
  change(count, joined, left) {
    const had = this.state.value.names;
    const names = new Set(had);
    for (const name of left) names.delete(name);
    for (const name of joined) if (names.size < NAMES_LIMIT) names.add(name);
    const same = names.size === had.length && had.every((name) => names.has(name));
    this.state.value = { names: same ? had : sorted([...names]), count };
  }
}

/** @param {string[]} names */
function sorted(names) {
  return [...names].sort(COLLATOR.compare);
}
