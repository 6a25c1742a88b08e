/**
 * The container where the present page stands: loads pages with their style sheets, and lets
 * one page and no more be open. The code of a page is loaded when it is first opened.
 */

import { h } from "../lib/dom.js";

/** @typedef {import("./types.js").PageModule} PageModule */
/** @typedef {import("./types.js").PageView} PageView */
/** @typedef {import("./types.js").Route} Route */
/** @typedef {import("./types.js").Shell} Shell */

export class PageHost {
  /** @type {HTMLElement} */
  #container;
  /** @type {Shell} */
  #shell;
  /** Ends what the present page started. */
  #life = new AbortController();

  /**
   * @param {HTMLElement} container
   * @param {Shell} shell
   */
  constructor(container, shell) {
    this.#container = container;
    this.#shell = shell;
  }

  /**
   * @param {Route} route
   * @returns {Promise<(() => {view: PageView, signal: AbortSignal})>} rejects where something cannot be loaded
   */
  async load(route) {
    const { entry } = route;
    /** @type {[PageModule, ...HTMLLinkElement[]]} */
    const [module, ...styles] = await Promise.all([
      import(`../pages/${entry.page}/page.js`),
      ...entry.styles.map((href) => this.#link(href)),
    ]);
    return () => {
      this.#life.abort();
      this.#life = new AbortController();
      const { signal } = this.#life;
      const view = module.open(this.#shell, route, signal);
      this.#container.replaceChildren(view.element);
      // Those of the page before, and of one that was left while it was loading.
      for (const link of document.querySelectorAll("link[data-page]")) {
        if (!styles.some((style) => style === link)) link.remove();
      }
      return { view, signal };
    };
  }

  /**
   * @param {string} href
   * @returns {Promise<HTMLLinkElement>} when its rules hold
   */
  async #link(href) {
    const present = document.querySelector(`link[rel=stylesheet][href="${CSS.escape(href)}"]`);
    if (present instanceof HTMLLinkElement && present.sheet !== null) return present;
    const link = present instanceof HTMLLinkElement ? present : h("link", { rel: "stylesheet", href, "data-page": true });
    return new Promise((resolve, reject) => {
      link.addEventListener("load", () => resolve(link), { once: true });
      link.addEventListener("error", () => {
        link.remove();
        reject(new Error(`no style sheet at ${href}`));
      }, { once: true });
      if (present === null) document.head.append(link);
    });
  }
}
