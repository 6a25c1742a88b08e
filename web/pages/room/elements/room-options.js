/**
 * <pb-room-options>: the reader's choices about the room, which stand in the account menu.
 * Set `settings` before connecting it. Asks: `set`.
 */

import { h } from "../../../lib/dom.js";
import { View } from "../../../lib/view.js";
import { mayNotify } from "../lib/notify.js";
import { t } from "../strings.js";

/** @extends {View<import("../types.js").RoomIntent>} */
export class RoomOptions extends View {
  /** @type {import("../../../lib/signal.js").Signal<import("../types.js").RoomSettings>} */
  settings = /** @type {never} */ (null);

  #sound = h("input", { type: "checkbox", role: "switch" });
  #notifications = h("input", { type: "checkbox", role: "switch" });
  #note = h("p", { class: "note", role: "status" });

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    this.replaceChildren(
      h("label", { class: "switch" }, h("span", {}, t.options.sound), this.#sound),
      h("label", { class: "switch" }, h("span", {}, t.options.notifications), this.#notifications),
      this.#note,
    );
    this.settings.watch(({ sound, notifications }) => {
      this.#sound.checked = sound;
      this.#notifications.checked = notifications;
    }, signal);
    this.#sound.addEventListener("change", () => this.ask({ type: "set", settings: { sound: this.#sound.checked } }), { signal });
    this.#notifications.addEventListener("change", () => void this.#toggleNotifications(), { signal });
  }

  /** Permission is asked here and nowhere else: only those who want notifications are bothered. */
  async #toggleNotifications() {
    const wanted = this.#notifications.checked;
    const allowed = !wanted || (await mayNotify());
    this.#note.textContent = allowed ? "" : t.options.blocked;
    this.#notifications.checked = wanted && allowed;
    this.ask({ type: "set", settings: { notifications: wanted && allowed } });
  }
}
