/**
 * <pb-connection>: says so when the page's connection is lost, and offers to try at once.
 * The countdown is for the eye only; screen readers are told once (see `app.js`).
 */

import { h } from "../lib/dom.js";
import { View } from "../lib/view.js";
import { t } from "./strings.js";

/** @typedef {import("../lib/socket.js").ConnectionState} ConnectionState */
/** @typedef {import("../lib/signal.js").Signal<ConnectionState>} ConnectionSignal */

/** Between two steps of the countdown, milliseconds. */
const TICK_MS = 1_000;

/** @extends {View<never>} */
export class ConnectionBanner extends View {
  #words = h("span", { class: "words" });
  #button = h("button", { type: "button", class: "small" }, t.connection.tryNow);
  #reconnect = () => {};

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    this.hidden = true;
    this.replaceChildren(h("div", { class: "banner" }, h("span", { class: "spinner", "aria-hidden": "true" }), this.#words, this.#button));
    this.#button.addEventListener("click", () => this.#reconnect(), { signal });
  }

  /**
   * @param {ConnectionSignal | null} connection null where the page has none
   * @param {() => void} reconnect
   * @param {AbortSignal} signal aborted when the reader leaves the page
   */
  show(connection, reconnect, signal) {
    this.#reconnect = reconnect;
    this.hidden = true;
    if (connection === null) return;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    let ticking;
    const refresh = () => this.#refresh(connection.value);
    connection.watch((state) => {
      clearInterval(ticking);
      if (state.phase === "waiting") ticking = setInterval(refresh, TICK_MS);
      refresh();
    }, signal);
    for (const event of ["online", "offline"]) window.addEventListener(event, refresh, { signal });
    signal.addEventListener("abort", () => clearInterval(ticking));
  }

  /** @param {ConnectionState} state */
  #refresh(state) {
    const { words, button } = describe(state);
    this.hidden = words === "";
    this.#words.textContent = words;
    this.#button.hidden = !button;
  }
}

/**
 * @param {ConnectionState} state
 * @returns {{words: string, button: boolean}}
 */
function describe(state) {
  if (state.phase === "open" || state.phase === "idle") return { words: "", button: false };
  if (!navigator.onLine) return { words: t.connection.offline, button: true };
  if (state.phase === "connecting") {
    return { words: state.again ? t.connection.reconnecting : t.connection.connecting, button: false };
  }
  const seconds = Math.max(1, Math.ceil((state.until - Date.now()) / 1000));
  return { words: t.connection.waiting(seconds), button: true };
}
