/**
 * A stand-in for the web app of Drag-n-Share, which is in the field and stays as it is: it
 * says and does on the wire what that app does, with as little of a page as that takes.
 * `docs/PROTOCOL.md` has the dialect.
 */

import * as api from "./api.js";
import { keep, keepEarlierKeys, recall } from "./cookies.js";
import { digest } from "./keys.js";
import { write } from "./storage.js";
import { Transfers } from "./transfers.js";

const PARAMETERS = new URLSearchParams(location.search);

/** @type {Transfers | null} */
let transfers = null;

/** @param {string} selector @returns {any} */
const element = (selector) => document.querySelector(selector);

/** @param {string} text */
function note(text) {
  const item = document.createElement("li");
  item.textContent = text;
  element("#notes").append(item);
}

/** On every load, and whenever it is asked to look again: the host's answer has a new code. */
async function load() {
  const id = location.hash.slice(1);
  let name;
  try {
    const own = await api.ownSession();
    name = own.sessionName;
    element("#code").value = own.accessCode;
  } catch {
    // A guest, or the session is over.
    name = (await api.sessionOf(id)).sessionName;
  }
  element("h1").textContent = name;
  const files = await api.filesOf(id).catch(() => []);
  element("#files").replaceChildren(...files.map(row));
}

/** @param {{name: string, is_owner: boolean}} file */
function row({ name, is_owner }) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.textContent = is_owner ? "Remove" : "Download";
  button.onclick = async () => {
    if (!is_owner) return transfers?.request(name);
    await api.removeFile(location.hash.slice(1), name);
    await load();
  };
  item.append(name, " ", button);
  return item;
}

/** @param {string} id */
async function enter(id) {
  location.hash = id;
  await load();
  transfers = new Transfers(id, received, note);
  transfers.connect();
}

async function create() {
  const session = await api.createSession();
  keep("jwt", session.jwt);
  await enter(session.sessionId);
}

/** @param {SubmitEvent} event */
async function join(event) {
  event.preventDefault();
  const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
  const id = String(form.get("session"));
  await api.sessionOf(id);
  keep("jwt", (await api.access(id, await digest(String(form.get("code"))))).jwt);
  await enter(id);
}

async function add() {
  const [file] = element("#add").files;
  // What is sent are the characters of a data URL of a data URL: 16/9 of the file.
  await write(file.name, await dataUrl(new Blob([await dataUrl(file)])));
  await api.addFile(location.hash.slice(1), { name: file.name, size: file.size });
  await load();
}

/** @param {Blob} blob @returns {Promise<string>} */
function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/**
 * Has the browser save what was received.
 * @param {string} name
 * @param {string} text a data URL of a data URL, if all of it came
 */
function received(name, text) {
  try {
    const inner = new TextDecoder().decode(contentOf(text));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([contentOf(inner)]));
    link.download = name;
    link.click();
  } catch {
    note(`damaged ${name}`);
  }
}

/** @param {string} url a data URL in base64 */
function contentOf(url) {
  return Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (character) => character.charCodeAt(0));
}

if (PARAMETERS.has("cookies")) keepEarlierKeys(Number(PARAMETERS.get("cookies")));
note((await api.reachable()) ? "online" : "offline");
element("#create").onclick = create;
element("#join").onsubmit = join;
element("#add").onchange = add;
element("#refresh").onclick = load;
element("#end").onclick = () => api.endSession(location.hash.slice(1));
if (location.hash && recall("jwt")) await enter(location.hash.slice(1));
