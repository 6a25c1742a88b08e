/**
 * One row of the message list. A row is drawn anew when anything about it changes, so
 * these functions keep no state and listen to nothing: buttons carry `data-action`, and
 * the list answers.
 */

import { h } from "../../../lib/dom.js";
import { hueOf } from "../lib/colour.js";
import { icon } from "../../../lib/icons.js";
import { t } from "../strings.js";
import { clock, fullDate } from "../lib/time.js";
import { avatar } from "./avatar.js";
import { messageBody } from "./message-body.js";

/** @typedef {import("../types.js").Row} Row */
/** @typedef {import("../types.js").MessageRow} MessageRow */

/**
 * @param {Row} row
 * @param {string} me
 * @returns {HTMLElement}
 */
export function drawRow(row, me) {
  switch (row.kind) {
    case "day":
      return h("li", { class: "day" }, h("h2", {}, h("time", { datetime: isoDay(row.at) }, row.label)));
    case "new":
      return h("li", { class: "new-divider" }, h("span", {}, t.log.new));
    case "presence":
      return h("li", { class: "presence" }, t.log.presence(row));
    case "message":
      return drawMessage(row, me);
  }
}

/**
 * @param {MessageRow} row
 * @param {string} me
 */
function drawMessage(row, me) {
  const { body, mentioned } = row.text === "" ? removedBody() : messageBody(row.text, me);
  const classes = ["message", row.state];
  if (row.own) classes.push("own");
  if (row.head) classes.push("head");
  if (mentioned && !row.own) classes.push("mentions-me");
  const time = h("time", { datetime: new Date(row.at).toISOString(), title: fullDate(row.at) }, clock(row.at));
  const author = h("span", { class: row.head && !row.own ? "author" : "visually-hidden" }, row.own ? t.log.you : row.author);
  author.style.setProperty("--hue", String(hueOf(row.author)));
  return h(
    "li",
    { class: classes.join(" ") },
    row.head && !row.own && avatar(row.author),
    h("div", { class: "meta" }, author, time),
    body,
    drawState(row),
  );
}

/** No message is posted without a text: one without had it taken away. */
function removedBody() {
  return { body: h("div", { class: "body removed" }, h("p", {}, t.log.removed)), mentioned: false };
}

/** @param {MessageRow} row */
function drawState({ state, code, clientId }) {
  if (state === "stored") return null;
  if (state !== "failed") {
    const words = state === "sent" ? t.log.sending : t.log.waiting;
    return h("div", { class: "state" }, words);
  }
  return h(
    "div",
    { class: "state" },
    h("span", { class: "reason" }, icon("alert"), t.log.failed(code)),
    h("button", { type: "button", class: "small", "data-action": "retry", "data-client-id": clientId }, t.log.retry),
    h("button", { type: "button", class: "small", "data-action": "discard", "data-client-id": clientId }, t.log.discard),
  );
}

/** @param {number} at */
function isoDay(at) {
  const date = new Date(at);
  const part = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${part(date.getMonth() + 1)}-${part(date.getDate())}`;
}
