/**
 * How long to wait before connecting again. All pages of a room may lose their connection
 * in the same moment, so every wait is random over a time in which a server can take all
 * of them back.
 */

/** The shortest wait, milliseconds. */
const LEAST_MS = 200;
/** The first wait is at most this, milliseconds. */
const FIRST_MS = 2_000;
/** The longest wait, milliseconds. */
const LIMIT_MS = 30_000;
/** Clients that the server has let go are asked to come back spread over this time. */
const SPREAD_MS = 5_000;

/**
 * A random wait below a bound that doubles with each attempt ("full jitter": M. Brooker,
 * "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
 * @param {number} attempt from 0
 * @param {() => number} random in [0, 1)
 */
export function backoff(attempt, random) {
  const bound = Math.min(LIMIT_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(LEAST_MS + (bound - LEAST_MS) * random());
}

/**
 * The wait after the server itself has ended a good connection: it shuts down, or found
 * this page too slow or silent, and then perhaps many others with it.
 * @param {() => number} random in [0, 1)
 */
export function spread(random) {
  return Math.round(SPREAD_MS * random());
}
