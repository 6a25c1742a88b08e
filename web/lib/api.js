/**
 * The HTTP half of the protocol. Owns the mapping from answers to `Refusal`s; keeps no
 * state. The session travels in a cookie that scripts cannot read.
 */

/** How long an answer may take, milliseconds. */
const TIMEOUT_MS = 15_000;

/** Why a request did not do what was asked. */
export class Refusal extends Error {
  /**
   * @param {number} status the HTTP status, or 0 when no answer came
   * @param {number | null} retryAfter seconds, from `Retry-After`
   */
  constructor(status, retryAfter = null) {
    super(`answered ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** The session is not, or no longer, valid. */
  get ended() {
    return this.status === 401 || this.status === 422;
  }
}

export class Api {
  /** @type {typeof fetch} */
  #fetch;

  /** @param {typeof fetch} fetcher */
  constructor(fetcher) {
    this.#fetch = fetcher;
  }

  /** Ends the session. The server answers 200 whether there was one or not. */
  async logout() {
    await this.#send("/api/logout");
  }

  /** @returns {Promise<string>} the name this session belongs to; renews the session */
  async me() {
    const body = await this.#json("/api/user/@me");
    return String(body["username"]);
  }

  /**
   * @param {string} path
   * @returns {Promise<Record<string, unknown>>}
   */
  async #json(path) {
    const answer = await this.#send(path);
    try {
      return await answer.json();
    } catch {
      // A captive portal's page, for example: not our server speaking.
      throw new Refusal(0);
    }
  }

  /** @param {string} path */
  async #send(path) {
    let answer;
    try {
      answer = await this.#fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store" });
    } catch {
      throw new Refusal(0);
    }
    if (answer.ok) return answer;
    const after = Number(answer.headers.get("retry-after"));
    throw new Refusal(answer.status, after > 0 ? after : null);
  }
}
