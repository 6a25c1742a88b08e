/**
 * <pb-visitor>: the card for people who are not signed in: create an account, or log in.
 * Set `session` and `notice` before connecting it. Asks: `signed-in`.
 */

import { h } from "../lib/dom.js";
import { icon, mark } from "../lib/icons.js";
import { t } from "../lib/strings.js";
import { View } from "../lib/view.js";
import { KeyCard } from "./key-card.js";
import { LoginForm } from "./login-form.js";
import { RegisterForm } from "./register-form.js";

/** @typedef {"register" | "login"} Mode */

export class VisitorView extends View {
  /** @type {import("../stores/session.js").Session} */
  session = /** @type {never} */ (null);
  /** @type {string | null} why the reader is here again */
  notice = null;

  #card = h("div", { class: "card" });
  #panel = h("div", { class: "panel", role: "tabpanel", id: "visitor-panel" });
  #tabs = /** @type {const} */ (["register", "login"]).map((mode) =>
    h("button", { type: "button", role: "tab", id: `tab-${mode}`, "aria-controls": "visitor-panel", "data-mode": mode }, t.visitor[mode]),
  );

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": t.visitor.modes }, ...this.#tabs);
    this.#card.replaceChildren(tabs, this.#panel);
    this.replaceChildren(
      h(
        "main",
        { class: "visitor" },
        drawPitch(),
        h("div", { class: "entrance" }, this.notice !== null && h("p", { class: "notice", role: "status" }, this.notice), this.#card),
      ),
    );
    tabs.addEventListener("click", (event) => {
      if (event.target instanceof HTMLElement) this.#show(modeOf(event.target));
    }, { signal });
    tabs.addEventListener("keydown", (event) => this.#key(event), { signal });
    // Whoever was here before has a key already.
    this.#show(this.notice === null ? "register" : "login");
  }

  /** @param {Mode} mode */
  #show(mode) {
    for (const tab of this.#tabs) {
      const selected = modeOf(tab) === mode;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
    }
    this.#panel.setAttribute("aria-labelledby", `tab-${mode}`);
    if (mode === "register") {
      const form = new RegisterForm();
      form.session = this.session;
      form.onKey = (name, key) => this.#showKey(name, key);
      this.#panel.replaceChildren(form);
    } else {
      const form = new LoginForm();
      form.session = this.session;
      this.#panel.replaceChildren(form);
    }
  }

  /**
   * @param {string} name
   * @param {string} key
   */
  #showKey(name, key) {
    const card = new KeyCard();
    card.session = this.session;
    card.name = name;
    card.key = key;
    this.#card.replaceChildren(card);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    const at = this.#tabs.findIndex((tab) => tab === document.activeElement);
    // Two tabs: either arrow leads to the other one.
    const next = event.key === "Home" ? 0 : event.key === "End" ? 1 : 1 - at;
    const tab = this.#tabs[next];
    if (!tab) return;
    this.#show(modeOf(tab));
    tab.focus();
  }
}

function drawPitch() {
  return h(
    "div",
    { class: "pitch" },
    h("p", { class: "brand" }, mark(), t.product),
    h("h1", {}, t.visitor.heading),
    h("p", { class: "words" }, t.visitor.pitch),
    h("ul", {}, ...t.visitor.points.map((point) => h("li", {}, icon("check"), point))),
  );
}

/**
 * @param {HTMLElement} tab
 * @returns {Mode}
 */
function modeOf(tab) {
  return tab.dataset["mode"] === "login" ? "login" : "register";
}
