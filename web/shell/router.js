/**
 * Which page belongs to an address, and going from one to the next within the document.
 * Knows addresses and the history; what showing a page means is the caller's.
 *
 * Invariants: an address that is no page's is left to the server, so links to the settings,
 * the admin site and files work as links do. Of two navigations at the same time the
 * later one wins.
 */

/** @typedef {import("./types.js").PageEntry} PageEntry */
/** @typedef {import("./types.js").Route} Route */

/**
 * @param {PageEntry[]} pages
 * @param {URL} url
 * @returns {Route | null}
 */
export function routeOf(pages, url) {
  for (const entry of pages) {
    const params = matchPath(entry.path, url.pathname);
    if (params !== null) return { entry, params, url };
  }
  return null;
}

/**
 * @param {string} pattern `/rooms/{name}`
 * @param {string} path a slash at its end makes no difference, as on the server
 * @returns {Record<string, string> | null} the parameters, decoded
 */
function matchPath(pattern, path) {
  const wanted = segments(pattern);
  const found = segments(path);
  if (wanted.length !== found.length) return null;
  /** @type {Record<string, string>} */
  const params = {};
  for (const [index, segment] of wanted.entries()) {
    const value = found[index] ?? "";
    const name = /^\{(.+)\}$/.exec(segment)?.[1];
    if (name === undefined && segment !== value) return null;
    try {
      if (name !== undefined) params[name] = decodeURIComponent(value);
    } catch {
      return null; // A stray `%`: the server says what it makes of it.
    }
  }
  return params;
}

/** @param {string} path */
const segments = (path) => path.split("/").filter((segment) => segment !== "");

/** @param {{pathname: string, search: string}} address */
const withoutFragment = ({ pathname, search }) => pathname + search;

/**
 * @typedef {object} RouterOptions
 * @property {PageEntry[]} pages
 * @property {Pick<Window, "location" | "history" | "addEventListener" | "scrollX" | "scrollY" | "scrollTo">} window
 * @property {(route: Route) => Promise<(() => void) | null>} prepare loads a page; resolves
 *   to what shows it, or to null where it cannot be loaded
 */

export class Router {
  /** @type {RouterOptions} */
  #options;
  #latest = 0;
  /** The address of the page that is shown, without its fragment. */
  #shown = "";

  /** @param {RouterOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** Shows the page of the present address and listens to the history and to links. */
  async start() {
    const { window } = this.#options;
    // A page comes later than the browser would scroll to where the reader was on it.
    window.history.scrollRestoration = "manual";
    window.addEventListener("popstate", (event) => void this.#back(event.state));
    window.addEventListener("click", (event) => this.#clicked(event));
    await this.#navigate(new URL(window.location.href), () => {});
  }

  /**
   * Goes to an address: a page of ours within the document, anything else as a link would.
   * @param {string} href
   */
  async go(href) {
    const { window } = this.#options;
    const url = new URL(href, window.location.href);
    const shown = await this.#navigate(url, () => {
      window.history.replaceState({ scroll: [window.scrollX, window.scrollY] }, "");
      window.history.pushState(null, "", url.href);
    });
    if (shown) window.scrollTo(0, 0);
  }

  /** @param {{scroll?: [number, number]} | null} state of the entry that is now the present */
  async #back(state) {
    const { window } = this.#options;
    const url = new URL(window.location.href);
    // Links within a page come here, too: only the fragment is another one.
    if (withoutFragment(url) === this.#shown) return;
    const shown = await this.#navigate(url, () => {}, () => window.location.reload());
    if (shown) window.scrollTo(...(state?.scroll ?? [0, 0]));
  }

  /**
   * @param {URL} url
   * @param {() => void} commit writes the address into the history
   * @param {() => void} [onFailure] there is an address and no page for it
   * @returns {Promise<boolean>} whether its page is shown
   */
  async #navigate(url, commit, onFailure = () => {}) {
    const attempt = (this.#latest += 1);
    const route = routeOf(this.#options.pages, url);
    if (route === null) {
      this.#options.window.location.assign(url.href);
      return false;
    }
    const show = await this.#options.prepare(route);
    if (attempt !== this.#latest) return false;
    if (show === null) {
      onFailure();
      return false;
    }
    commit();
    this.#shown = withoutFragment(url);
    show();
    return true;
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!(link instanceof HTMLAnchorElement) || link.target !== "" || link.hasAttribute("download")) return;
    const { location } = this.#options.window;
    const url = new URL(link.href);
    const samePlace = withoutFragment(url) === withoutFragment(location);
    if (url.origin !== location.origin || (samePlace && url.hash !== "") || routeOf(this.#options.pages, url) === null) return;
    event.preventDefault();
    if (!samePlace) void this.go(url.href);
  }
}
