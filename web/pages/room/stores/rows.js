/**
 * What the message list shows, computed from what is known: days, groups by author,
 * joins and leaves summed up, the divider, messages on their way. Pure functions.
 */

import { dayKey, dayLabel, startOfDay } from "../lib/time.js";

/** @typedef {import("../types.js").LoggedMessage} LoggedMessage */
/** @typedef {import("../types.js").Notice} Notice */
/** @typedef {import("../types.js").OutboxEntry} OutboxEntry */
/** @typedef {import("../types.js").Row} Row */
/** @typedef {import("../types.js").MessageRow} MessageRow */

/** Messages of one author further apart than this start a new group, milliseconds. */
const GROUP_GAP_MS = 5 * 60_000;

/**
 * @param {object} known
 * @param {LoggedMessage[]} known.messages
 * @param {Notice[]} known.notices
 * @param {OutboxEntry[]} known.pending shown last; leave out while detached
 * @param {string} known.me
 * @param {number | null} known.newFrom the divider stands before this id, where it is loaded
 * @param {number} known.now
 * @returns {Row[]}
 */
export function buildRows({ messages, notices, pending, me, newFrom, now }) {
  /** @type {Row[]} */
  const rows = [];
  const waiting = noticesByPlace(notices);
  /** @type {MessageRow | null} */
  let previous = null;
  let day = "";

  /** @param {number} after */
  const addNotices = (after) => {
    const row = presenceRow(waiting.get(after) ?? []);
    if (row === null) return;
    rows.push(row);
    previous = null;
  };
  /** @param {Omit<MessageRow, "kind" | "head">} message */
  const addMessage = (message) => {
    if (dayKey(message.at) !== day) {
      day = dayKey(message.at);
      rows.push({ kind: "day", key: `d${day}`, at: startOfDay(message.at), label: dayLabel(message.at, now) });
      previous = null;
    }
    const head =
      previous?.author !== message.author || message.at - previous.at > GROUP_GAP_MS;
    /** @type {MessageRow} */
    const row = { kind: "message", head, ...message };
    rows.push(row);
    previous = row;
  };

  if (messages.length === 0) addNotices(0);
  for (const message of messages) {
    if (message.id === newFrom) {
      rows.push({ kind: "new", key: "new" });
      previous = null;
    }
    addMessage(storedRow(message, me));
    addNotices(message.id);
  }
  for (const entry of pending) if (!entry.echoed) addMessage(pendingRow(entry, me));
  return rows;
}

/**
 * Comings and goings in one place, summed up by what came of them: who left and came back
 * is not worth a word.
 * @param {Notice[]} notices
 * @returns {Row | null}
 */
export function presenceRow(notices) {
  /** @type {Map<string, {first: Notice, last: Notice}>} */
  const people = new Map();
  for (const notice of notices) {
    const known = people.get(notice.name);
    people.set(notice.name, { first: known?.first ?? notice, last: notice });
  }
  /** @type {Record<"joined" | "left" | "visited", string[]>} */
  const sums = { joined: [], left: [], visited: [] };
  for (const [name, { first, last }] of people) {
    if (first.kind === "join") sums[last.kind === "join" ? "joined" : "visited"].push(name);
    else if (last.kind === "leave") sums.left.push(name);
  }
  if (Object.values(sums).every((names) => names.length === 0)) return null;
  return { kind: "presence", key: `p${notices[0]?.seq ?? 0}`, ...sums };
}

/**
 * @param {Notice[]} notices
 * @returns {Map<number, Notice[]>} by the id of the message they follow
 */
function noticesByPlace(notices) {
  const places = new Map();
  for (const notice of notices) {
    const place = places.get(notice.after);
    if (place) place.push(notice);
    else places.set(notice.after, [notice]);
  }
  return places;
}

/**
 * @param {LoggedMessage} message
 * @param {string} me
 * @returns {Omit<MessageRow, "kind" | "head">}
 */
function storedRow({ id, at, author, text, clientId }, me) {
  const key = clientId === undefined ? `m${id}` : `c${clientId}`;
  const own = author === me;
  return { key, own, author, text, at, clientId: null, state: "stored", code: null };
}

/**
 * @param {OutboxEntry} entry
 * @param {string} me
 * @returns {Omit<MessageRow, "kind" | "head">}
 */
function pendingRow({ clientId, at, text, state, code }, me) {
  return { key: `c${clientId}`, own: true, author: me, text, at, clientId, state, code: code ?? null };
}
