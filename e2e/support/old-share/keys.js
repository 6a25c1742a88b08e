/** ECDH over P-256, AES-256-GCM, and the texts in which keys and chunks travel. */

const CURVE = { name: "ECDH", namedCurve: "P-256" };
const CIPHER = { name: "AES-GCM", length: 256 };
const IV_BYTES = 12;

/** @returns {Promise<{open: string, secret: string}>} both in base64, to be kept */
export async function newPair() {
  const pair = await crypto.subtle.generateKey(CURVE, true, ["deriveKey"]);
  const open = await crypto.subtle.exportKey("raw", pair.publicKey);
  const secret = await crypto.subtle.exportKey("pkcs8", pair.privateKey);
  return { open: base64(open), secret: base64(secret) };
}

/**
 * @param {string} secret ours
 * @param {string} open theirs
 * @returns {Promise<string>} the key that both have, in base64
 */
export async function agreed(secret, open) {
  const ours = await crypto.subtle.importKey("pkcs8", bytes(secret), CURVE, false, ["deriveKey"]);
  const theirs = await crypto.subtle.importKey("raw", bytes(open), CURVE, false, []);
  const key = await crypto.subtle.deriveKey({ name: "ECDH", public: theirs }, ours, CIPHER, true, ["encrypt"]);
  return base64(await crypto.subtle.exportKey("raw", key));
}

/**
 * @param {string} key
 * @param {string} text
 * @returns {Promise<{chunk: string, iv: string}>} in hex, and in base64
 */
export async function encrypted(key, text) {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const data = new TextEncoder().encode(text);
  const chunk = await crypto.subtle.encrypt({ name: CIPHER.name, iv }, await imported(key, "encrypt"), data);
  return { chunk: hex(chunk), iv: base64(iv.buffer) };
}

/**
 * @param {string} key
 * @param {{chunk: string, iv: string}} data
 * @returns {Promise<string>}
 */
export async function decrypted(key, { chunk, iv }) {
  const data = Uint8Array.from(chunk.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const plain = await crypto.subtle.decrypt({ name: CIPHER.name, iv: bytes(iv) }, await imported(key, "decrypt"), data);
  return new TextDecoder().decode(plain);
}

/**
 * @param {string} text
 * @returns {Promise<string>} its SHA-256, in lower-case hex
 */
export async function digest(text) {
  return hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/**
 * @param {string} key
 * @param {KeyUsage} use
 */
function imported(key, use) {
  return crypto.subtle.importKey("raw", bytes(key), CIPHER.name, false, [use]);
}

/** @param {ArrayBuffer} buffer */
function hex(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {ArrayBuffer} buffer */
function base64(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer)));
}

/** @param {string} text */
function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
