/** Times as people read them, in their own language and zone. */

import { t } from "../strings.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const DAY_OF_YEAR = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });

/** @param {number} at milliseconds since the epoch */
export const clock = (at) => CLOCK.format(at);

/** @param {number} at milliseconds since the epoch */
export const fullDate = (at) => FULL.format(at);

/**
 * @param {number} at milliseconds since the epoch
 * @returns {string} a key that is equal within one local day
 */
export function dayKey(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

/**
 * @param {number} at milliseconds since the epoch
 * @returns {number} midnight before it, local: the same for all times of the day
 */
export const startOfDay = (at) => new Date(at).setHours(0, 0, 0, 0);

/**
 * @param {number} at
 * @param {number} now
 */
export function dayLabel(at, now) {
  const key = dayKey(at);
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (key === dayKey(now)) return t.today;
  if (key === dayKey(yesterday.getTime())) return t.yesterday;
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? DAY : DAY_OF_YEAR).format(at);
}
