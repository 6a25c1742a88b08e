/** The reader's choices about the room, kept in this browser. */

/** @typedef {import("./types.js").RoomSettings} RoomSettings */

/**
 * @param {Record<string, unknown>} kept
 * @returns {RoomSettings}
 */
export function roomSettings({ sound, notifications, people }) {
  return { sound: sound === true, notifications: notifications === true, people: people !== false };
}
