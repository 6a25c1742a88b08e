/**
 * <pb-connection>: says so when there is no connection, and offers to try at once. Set
 * `connection` before connecting it. Asks: `reconnect`. The countdown is for the eye only;
 * screen readers are told once (see `app.js`).
 */

import { h } from "../lib/dom.js";
import { t } from "../lib/strings.js";
import { View } from "../lib/view.js";

/** @typedef {import("../types/app.js").ConnectionState} ConnectionState */
/** @typedef {import("../lib/signal.js").Signal<ConnectionState>} ConnectionSignal */

export class ConnectionBanner extends View {
  /** @type {ConnectionSignal} */
  connection = /** @type {never} */ (null);

  #words = h("span", { class: "words" });
  #button = h("button", { type: "button", class: "small" }, t.connection.tryNow);

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    this.replaceChildren(h("div", { class: "banner" }, h("span", { class: "spinner", "aria-hidden": "true" }), this.#words, this.#button));
    this.#button.addEventListener("click", () => this.ask({ type: "reconnect" }), { signal });
    /** @type {ReturnType<typeof setInterval> | undefined} */
    let ticking;
    const refresh = () => this.#refresh(this.connection.value);
    this.connection.watch((state) => {
      clearInterval(ticking);
      if (state.phase === "waiting") ticking = setInterval(refresh, 1000);
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
