/**
 * A reader's choices, kept in this browser. The shell and the pages each own some of one
 * kept record: what one writes leaves the others' as they are.
 */

import { Signal } from "./signal.js";

/** Where the record is kept; `theme.js` reads it, too. */
const KEY = "settings";

/** @typedef {{get(key: string): unknown, set(key: string, value: unknown): void}} KeyValueStorage */

/** @template {object} T */
export class Settings {
  /** @type {Signal<T>} */
  state;
  /** @type {KeyValueStorage} */
  #storage;

  /**
   * @param {KeyValueStorage} storage
   * @param {(kept: Record<string, unknown>) => T} parse takes from the record what is one's
   *   own, with defaults for what is missing or makes no sense
   */
  constructor(storage, parse) {
    this.#storage = storage;
    this.state = new Signal(parse(this.#record()));
  }

  /** @param {Partial<T>} change */
  set(change) {
    this.state.value = { ...this.state.value, ...change };
    this.#storage.set(KEY, { ...this.#record(), ...this.state.value });
  }

  /** @returns {Record<string, unknown>} */
  #record() {
    const kept = this.#storage.get(KEY);
    return typeof kept === "object" && kept !== null ? { ...kept } : {};
  }
}
