/**
 * Files as texts, in IndexedDB; in memory where the browser allows none (an opaque origin).
 *
 * What a server has to bear with: to add to a text is to read all of it, to wait, and to
 * write all of it. Two additions that overlap are one: the later forgets the earlier.
 */

/** What the slow storage of an old machine takes, beside the time of this browser's own. */
const WRITE_MS = 60;

const DATABASE = "files";
const TABLE = "texts";

/** @type {Map<string, string>} */
const memory = new Map();

/** @type {Promise<IDBDatabase | null>} */
const opened = new Promise((resolve, reject) => {
  try {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  } catch {
    resolve(null);
  }
});

/**
 * @param {string} key
 * @returns {Promise<string>} empty if there is none
 */
export async function read(key) {
  const database = await opened;
  if (database === null) return memory.get(key) ?? "";
  return (await done(database.transaction(TABLE).objectStore(TABLE).get(key))) ?? "";
}

/**
 * @param {string} key
 * @param {string} text
 */
export async function write(key, text) {
  const database = await opened;
  if (database === null) memory.set(key, text);
  else await done(database.transaction(TABLE, "readwrite").objectStore(TABLE).put(text, key));
}

/**
 * @param {string} key
 * @param {string} more
 * @returns {Promise<string>} the whole
 */
export async function append(key, more) {
  const whole = (await read(key)) + more;
  await new Promise((resolve) => setTimeout(resolve, WRITE_MS));
  await write(key, whole);
  return whole;
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
