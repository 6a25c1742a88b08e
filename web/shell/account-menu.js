/**
 * <pb-account>: who is signed in, the choices of the page and of this browser, and the way
 * out, in a popover. Set `session` and `settings` before connecting it. Asks: `set-theme`,
 * `log-out`.
 */

import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { View } from "../lib/view.js";
import { t } from "./strings.js";

/** @typedef {import("./types.js").SessionState} SessionState */
/** @typedef {import("./types.js").ShellSettings} ShellSettings */

const THEMES = /** @type {const} */ (["auto", "light", "dark"]);

/** @extends {View<import("./types.js").ShellIntent>} */
export class AccountMenu extends View {
  /** @type {import("../lib/signal.js").Signal<SessionState>} */
  session = /** @type {never} */ (null);
  /** @type {import("../lib/signal.js").Signal<ShellSettings>} */
  settings = /** @type {never} */ (null);

  #options = h("div", { class: "options" });
  #themes = THEMES.map((theme) => h("input", { type: "radio", name: "theme", value: theme }));

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    const button = h("button", { type: "button", class: "quiet", "aria-label": t.header.menu, popovertarget: "settings" }, icon("settings"));
    const signedIn = h("p", { class: "signed-in" });
    const links = h("div", { class: "links" });
    const panel = h(
      "div",
      { id: "settings", class: "menu", popover: "auto", role: "dialog", "aria-label": t.menu.heading },
      signedIn,
      this.#options,
      this.#drawThemes(signal),
      links,
    );
    this.replaceChildren(button, panel);
    this.session.watch((session) => {
      const member = session.phase === "signed-in";
      signedIn.textContent = member ? t.menu.signedIn(session.name) : "";
      signedIn.hidden = !member;
      links.replaceChildren(...(member ? this.#drawMember() : [h("a", { class: "button secondary", href: "/login/" }, t.menu.logIn)]));
    }, signal);
    this.settings.watch(({ theme }) => {
      for (const radio of this.#themes) radio.checked = radio.value === theme;
    }, signal);
  }

  /** @param {Node[]} options the page's own */
  show(options) {
    this.#options.replaceChildren(...options);
  }

  /** @param {AbortSignal} signal */
  #drawThemes(signal) {
    for (const radio of this.#themes) {
      const theme = THEMES.find((each) => each === radio.value) ?? "auto";
      radio.addEventListener("change", () => this.ask({ type: "set-theme", theme }), { signal });
    }
    return h(
      "fieldset",
      { class: "segments" },
      h("legend", {}, t.menu.theme),
      ...this.#themes.map((radio, index) => h("label", {}, radio, h("span", {}, t.menu.themes[THEMES[index] ?? "auto"]))),
    );
  }

  #drawMember() {
    const account = h("a", { class: "button secondary", href: "/settings/" }, t.menu.account);
    const logOut = h("button", { type: "button", class: "secondary" }, t.menu.logOut);
    const stuck = h("p", { class: "note", role: "alert" });
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
    });
    return [account, logOut, stuck];
  }
}
