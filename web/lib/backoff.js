/** How long to wait before connecting again. */

/** The first wait, milliseconds. */
const BASE_MS = 500;
/** The longest wait, milliseconds. */
const LIMIT_MS = 30_000;
/** A server that shut down asks its clients to come back spread over this time. */
const SPREAD_MS = 5_000;

/**
 * Doubles with each attempt, half of it random, so that clients cut off together do not
 * come back together.
 * @param {number} attempt from 0
 * @param {() => number} random in [0, 1)
 */
export function backoff(attempt, random) {
  const ceiling = Math.min(LIMIT_MS, BASE_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}

/**
 * @param {() => number} random in [0, 1)
 */
export function spread(random) {
  return Math.round(SPREAD_MS * random());
}
