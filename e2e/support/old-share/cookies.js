/**
 * What the page keeps in cookies: its token and the keys of all transfers, for as long as the
 * browser runs. Where there are no cookies (an opaque origin), it has them until it is closed.
 */

/** What a cookie of an earlier transfer holds: an exported key of P-256, in base64. */
const EXPORTED_KEY = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg".repeat(6);

/** @type {Map<string, string>} */
const kept = new Map();

/**
 * @param {string} name
 * @param {string} value
 */
export function keep(name, value) {
  kept.set(name, value);
  try {
    document.cookie = `${encodeURIComponent(name)}=${encodeURIComponent(value)}; path=/`;
  } catch {
    // An opaque origin has none.
  }
}

/** @param {string} name */
export function recall(name) {
  return stored().get(name) ?? kept.get(name) ?? "";
}

/**
 * Keys of earlier transfers, until all cookies together have `bytes`. A browser keeps 180 of
 * a site, so they are large ones.
 * @param {number} bytes
 */
export function keepEarlierKeys(bytes) {
  for (let number = 0; cookies().length < bytes; number += 1) {
    const before = cookies().length;
    keep(`${crypto.randomUUID()}-privateKey`, EXPORTED_KEY);
    if (cookies().length <= before) throw new Error(`the browser keeps no more than ${before} bytes of cookies (${number})`);
  }
}

function cookies() {
  try {
    return document.cookie;
  } catch {
    return "";
  }
}

function stored() {
  const pairs = cookies().split("; ").map((pair) => pair.split("="));
  return new Map(pairs.map(([name = "", value = ""]) => [decodeURIComponent(name), decodeURIComponent(value)]));
}
