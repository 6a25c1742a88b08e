/**
 * <pb-settings>: the reader's choices and the way out, in a popover. Set `room` and
 * `settings` before connecting it. Asks: `set`, `log-out`.
 */

import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { mayNotify } from "../lib/notify.js";
import { t } from "../lib/strings.js";
import { View } from "../lib/view.js";

/** @typedef {import("../types/app.js").Settings} Settings */

const THEMES = /** @type {const} */ (["auto", "light", "dark"]);

export class SettingsMenu extends View {
  /** @type {import("../stores/room.js").Room} */
  room = /** @type {never} */ (null);
  /** @type {import("../lib/signal.js").Signal<Settings>} */
  settings = /** @type {never} */ (null);

  #sound = h("input", { type: "checkbox", role: "switch" });
  #notifications = h("input", { type: "checkbox", role: "switch" });
  #note = h("p", { class: "note", role: "status" });
  #themes = THEMES.map((theme) => h("input", { type: "radio", name: "theme", value: theme }));

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    const button = h("button", { type: "button", class: "quiet", "aria-label": t.header.menu, popovertarget: "settings" }, icon("settings"));
    const signedIn = h("p", { class: "signed-in" });
    const account = h("a", { class: "button secondary", href: "/settings/" }, t.menu.account);
    const logOut = h("button", { type: "button", class: "secondary" }, t.menu.logOut);
    const stuck = h("p", { class: "note", role: "alert" });
    const panel = h(
      "div",
      { id: "settings", class: "menu", popover: "auto", role: "dialog", "aria-label": t.menu.heading },
      signedIn,
      h("label", { class: "switch" }, h("span", {}, t.menu.sound), this.#sound),
      h("label", { class: "switch" }, h("span", {}, t.menu.notifications), this.#notifications),
      this.#note,
      this.#drawThemes(),
      account,
      logOut,
      stuck,
    );
    this.replaceChildren(button, panel);
    this.room.me.watch((me) => (signedIn.textContent = t.menu.signedIn(me)), signal);
    this.settings.watch((settings) => this.#show(settings), signal);
    this.#sound.addEventListener("change", () => this.ask({ type: "set", settings: { sound: this.#sound.checked } }), { signal });
    this.#notifications.addEventListener("change", () => void this.#toggleNotifications(), { signal });
    for (const radio of this.#themes) {
      const theme = THEMES.find((each) => each === radio.value) ?? "auto";
      radio.addEventListener("change", () => this.ask({ type: "set", settings: { theme } }), { signal });
    }
    logOut.addEventListener("click", () => {
      if (logOut.getAttribute("aria-disabled") === "true") return;
      // Not `disabled`: that would throw the focus away.
      logOut.setAttribute("aria-disabled", "true");
      logOut.textContent = t.menu.busy;
      stuck.textContent = "";
      this.ask({
        type: "log-out",
        onStuck: () => {
          logOut.setAttribute("aria-disabled", "false");
          logOut.textContent = t.menu.logOut;
          stuck.textContent = t.menu.stuck;
        },
      });
    }, { signal });
  }

  #drawThemes() {
    return h(
      "fieldset",
      { class: "segments" },
      h("legend", {}, t.menu.theme),
      ...this.#themes.map((radio, index) => h("label", {}, radio, h("span", {}, t.menu.themes[THEMES[index] ?? "auto"]))),
    );
  }

  /** @param {Settings} settings */
  #show({ sound, notifications, theme }) {
    this.#sound.checked = sound;
    this.#notifications.checked = notifications;
    for (const radio of this.#themes) radio.checked = radio.value === theme;
  }

  /** Permission is asked here and nowhere else: only somebody who wants them is bothered. */
  async #toggleNotifications() {
    const wanted = this.#notifications.checked;
    const allowed = !wanted || (await mayNotify());
    this.#note.textContent = allowed ? "" : t.menu.blocked;
    this.#notifications.checked = wanted && allowed;
    this.ask({ type: "set", settings: { notifications: wanted && allowed } });
  }
}
