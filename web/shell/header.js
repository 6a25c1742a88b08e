/**
 * <pb-header>: what stands over every page: the way home, the page's heading and status,
 * its buttons, the account menu, the navigation, the connection banner. Set `pages`,
 * `session` and `settings` before connecting it.
 */

import { h } from "../lib/dom.js";
import { mark } from "../lib/icons.js";
import { Signal } from "../lib/signal.js";
import { View } from "../lib/view.js";
import { AccountMenu } from "./account-menu.js";
import { ConnectionBanner } from "./connection-banner.js";
import { t } from "./strings.js";

/** @typedef {import("./types.js").PageEntry} PageEntry */
/** @typedef {import("./types.js").PageView} PageView */
/** @typedef {import("./types.js").SessionState} SessionState */

/** @extends {View<never>} */
export class Header extends View {
  /** @type {PageEntry[]} */
  pages = [];
  /** @type {Signal<SessionState>} */
  session = /** @type {never} */ (null);
  /** @type {Signal<import("./types.js").ShellSettings>} */
  settings = /** @type {never} */ (null);

  #skip = h("a", { class: "skip", href: "#page" });
  #heading = h("h1", { tabindex: "-1" });
  #status = h("div", { class: "status" });
  #actions = h("div", { class: "actions" });
  #banner = new ConnectionBanner();
  #menu = new AccountMenu();
  #nav = h("nav", { class: "pages", "aria-label": t.header.pages, hidden: true });
  /** @type {Signal<PageEntry | null>} */
  #entry = new Signal(/** @type {PageEntry | null} */ (null));

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    this.#menu.session = this.session;
    this.#menu.settings = this.settings;
    const home = h("a", { class: "home", href: "/", "aria-label": t.product }, mark());
    this.replaceChildren(
      this.#skip,
      h(
        "header",
        {},
        h("div", { class: "topbar" }, home, h("div", { class: "title" }, this.#heading, this.#status), this.#actions, this.#menu),
        this.#nav,
        this.#banner,
      ),
    );
    this.session.watch(() => this.#drawNav(), signal);
    this.#entry.watch(() => this.#drawNav(), signal);
  }

  /**
   * @param {PageEntry} entry
   * @param {PageView} view
   * @param {AbortSignal} signal aborted when the reader leaves the page
   */
  show(entry, view, signal) {
    const skip = view.skip ?? { href: "#page", label: t.header.skip };
    this.#skip.href = skip.href;
    this.#skip.textContent = skip.label;
    this.#heading.textContent = view.heading;
    this.#status.replaceChildren(...(view.status ? [view.status] : []));
    this.#actions.replaceChildren(...(view.actions ?? []));
    this.#menu.show(view.options ?? []);
    this.#banner.show(view.connection ?? null, view.reconnect ?? (() => {}), signal);
    this.#entry.value = entry;
  }

  focusHeading() {
    this.#heading.focus();
  }

  /** Of a single page there is nothing to choose. */
  #drawNav() {
    const open = this.#entry.value;
    const signedIn = this.session.value.phase === "signed-in";
    const pages = this.pages.filter(({ nav, signIn }) => nav !== undefined && (signedIn || !signIn));
    this.#nav.hidden = pages.length < 2;
    if (this.#nav.hidden) return this.#nav.replaceChildren();
    const links = pages.map(({ path, nav, page }) =>
      h("li", {}, h("a", { href: path, "aria-current": page === open?.page && "page" }, nav)),
    );
    this.#nav.replaceChildren(h("ul", {}, ...links));
  }
}
