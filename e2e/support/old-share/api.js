/** The HTTP side, as the original asks and as it understands what it is answered. */

import { recall } from "./cookies.js";

const SERVER = new URLSearchParams(location.search).get("server") ?? "";

/** Where its WebSockets go. */
export const SOCKETS = SERVER.replace("http", "ws");

/** The original's HTTP library asks again once for these, if it was a GET. */
const AGAIN = [408, 409, 425, 429, 500, 502, 503, 504];

/** Whether there is a server at all. */
export async function reachable() {
  return (await ask("GET", "/", {})).ok;
}

export const createSession = () => call("POST", "/session");
export const ownSession = () => call("GET", "/session", bearer());
/** @param {string} id */
export const sessionOf = (id) => call("GET", `/session/${id}`);
/** @param {string} id @param {string} proof */
export const access = (id, proof) => call("GET", `/access/${id}`, { authorization: proof });
/** @param {string} id */
export const endSession = (id) => call("DELETE", `/session/${id}`, bearer());
/** @param {string} id */
export const filesOf = (id) => call("GET", `/files/${id}`, bearer());
/** @param {string} id @param {{name: string, size: number}} file */
export const addFile = (id, file) => call("POST", `/files/${id}`, bearer(), [file]);
/** The name as it is: what the browser makes of it is the server's to understand. */
/** @param {string} id @param {string} name */
export const removeFile = (id, name) => call("DELETE", `/files/${id}/${name}`, bearer());

function bearer() {
  return { authorization: `Bearer ${recall("jwt")}` };
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Record<string, string>} [headers]
 * @param {object} [body]
 * @returns {Promise<any>} what the server responds
 */
async function call(method, path, headers = {}, body) {
  let answer = await ask(method, path, headers, body);
  if (method === "GET" && AGAIN.includes(answer.status)) answer = await ask(method, path, headers, body);
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  // What comes as JSON its library has parsed already, and then this fails.
  const isJson = answer.headers.get("content-type")?.startsWith("application/json");
  const result = JSON.parse(isJson ? await answer.json() : await answer.text());
  if (!result.success) throw new Error(`${method} ${path}: ${result.message}`);
  return result.response;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Record<string, string>} headers
 * @param {object} [body]
 */
function ask(method, path, headers, body) {
  if (body === undefined) return fetch(SERVER + path, { method, headers });
  const json = { ...headers, "content-type": "application/json", accept: "application/json" };
  return fetch(SERVER + path, { method, headers: json, body: JSON.stringify(body) });
}
