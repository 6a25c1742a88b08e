/**
 * What screen readers are told about new messages: one sentence at most every so often,
 * however fast the room talks.
 */

import { t } from "../strings.js";

/** Milliseconds in which messages are gathered. */
const GATHER_MS = 1_500;
/** Messages read out one by one; more are only counted. */
const SPOKEN_LIMIT = 2;
/** Characters of a message that are read out. */
const TEXT_LIMIT = 160;

export class MessageAnnouncer {
  /** @type {{author: string, text: string}[]} */
  #gathered = [];
  /** @type {(text: string) => void} */
  #say;
  /** @type {(run: () => void, ms: number) => number} */
  #setTimer;

  /**
   * @param {(text: string) => void} say
   * @param {(run: () => void, ms: number) => number} setTimer
   */
  constructor(say, setTimer) {
    this.#say = say;
    this.#setTimer = setTimer;
  }

  /**
   * @param {string} author
   * @param {string} text without marks
   */
  message(author, text) {
    this.#gathered.push({ author, text });
    if (this.#gathered.length === 1) this.#setTimer(() => this.#speak(), GATHER_MS);
  }

  #speak() {
    const gathered = this.#gathered;
    this.#gathered = [];
    const last = gathered.at(-1);
    if (last === undefined) return;
    if (gathered.length > SPOKEN_LIMIT) {
      this.#say(t.announce.many(gathered.length, last.author));
      return;
    }
    const spoken = gathered.map(({ author, text }) => {
      const short = text.length > TEXT_LIMIT ? `${text.slice(0, TEXT_LIMIT)}…` : text;
      return t.announce.message(author, short);
    });
    this.#say(spoken.join(". "));
  }
}
