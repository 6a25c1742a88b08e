/**
 * Who is here. The server names at most 500 people; `count` is always the whole number.
 */

import { Signal } from "../lib/signal.js";

/** Names kept and drawn. */
const NAMES_LIMIT = 500;

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
   * @param {string} name
   * @param {number} count
   */
  join(name, count) {
    const { names } = this.state.value;
    const known = names.includes(name) || names.length >= NAMES_LIMIT;
    this.state.value = { names: known ? names : sorted([...names, name]), count };
  }

  /**
   * @param {string} name
   * @param {number} count
   */
  leave(name, count) {
    const names = this.state.value.names.filter((other) => other !== name);
    this.state.value = { names, count };
  }
}

/** @param {string[]} names */
function sorted(names) {
  return [...names].sort((a, b) => a.localeCompare(b, undefined, { sensitivity: "base" }));
}
