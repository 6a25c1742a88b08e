/**
 * Web storage that may be missing, full or forbidden: the page works without it and only
 * forgets. Keys carry the prefix `packetboat.`.
 */

/** A kept value as it comes back: only `null` or what the page itself put there. */
export class JsonStorage {
  /** @type {() => Storage} */
  #storage;

  /** @param {() => Storage} storage a function, as the mere access may throw */
  constructor(storage) {
    this.#storage = storage;
  }

  /**
   * @param {string} key
   * @returns {unknown} `null` when there is none, or it cannot be read
   */
  get(key) {
    try {
      return JSON.parse(this.#storage().getItem(`packetboat.${key}`) ?? "null");
    } catch {
      return null;
    }
  }

  /**
   * @param {string} key
   * @param {unknown} value `null` removes it
   */
  set(key, value) {
    try {
      if (value === null) this.#storage().removeItem(`packetboat.${key}`);
      else this.#storage().setItem(`packetboat.${key}`, JSON.stringify(value));
    } catch {
      // Full or forbidden: what is on the page stays right, it is only not kept.
    }
  }
}
