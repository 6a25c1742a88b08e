/** The reader's choices, kept in this browser. */

import { Signal } from "../lib/signal.js";

/** @typedef {import("../types/app.js").Settings} Settings */
/** @typedef {{get(key: string): unknown, set(key: string, value: unknown): void}} Kept */

/** @type {Settings} */
const DEFAULTS = { theme: "auto", sound: false, notifications: false, people: true };

export class SettingsStore {
  /** @type {Signal<Settings>} */
  state;
  /** @type {Kept} */
  #keep;

  /** @param {Kept} keep */
  constructor(keep) {
    this.#keep = keep;
    this.state = new Signal(sane(keep.get("settings")));
  }

  /** @param {Partial<Settings>} change */
  set(change) {
    this.state.value = { ...this.state.value, ...change };
    this.#keep.set("settings", this.state.value);
  }
}

/**
 * @param {unknown} kept
 * @returns {Settings}
 */
function sane(kept) {
  const found = /** @type {Partial<Settings>} */ (
    typeof kept === "object" && kept !== null ? kept : {}
  );
  return {
    theme: found.theme === "light" || found.theme === "dark" ? found.theme : DEFAULTS.theme,
    sound: found.sound === true,
    notifications: found.notifications === true,
    people: found.people !== false,
  };
}
