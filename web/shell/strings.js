/**
 * The words of what stands around every page; each page has its own `strings.js`. Another
 * language is another file of this shape.
 */

export const t = {
  product: "Packetboat",

  boot: {
    offline: "The server cannot be reached. Trying again…",
    failed: "This page could not be loaded. Load it again.",
  },
  /** @param {string} page */
  notLoaded: (page) => `${page} could not be loaded. Check the connection and try again.`,

  connection: {
    connecting: "Connecting…",
    reconnecting: "Reconnecting…",
    /** @param {number} seconds */
    waiting: (seconds) => `Reconnecting in ${seconds} s`,
    offline: "You are offline. What you write is sent when you are back.",
    tryNow: "Try now",
    lost: "Connection lost. Reconnecting.",
    back: "Connected again.",
  },

  header: {
    menu: "Settings",
    pages: "Pages",
    skip: "Skip to the content",
  },
  menu: {
    heading: "Settings",
    /** @param {string} name */
    signedIn: (name) => `Signed in as ${name}`,
    theme: "Appearance",
    themes: { auto: "Auto", light: "Light", dark: "Dark" },
    account: "Account settings",
    logIn: "Log in",
    logOut: "Log out",
    busy: "Logging out…",
    stuck: "The server cannot be reached, so you are still logged in. Try again.",
  },

  /**
   * The title of the tab.
   * @param {string} page empty for the start page
   * @param {number} unread
   */
  title: (page, unread) =>
    `${unread > 0 ? `(${unread > 99 ? "99+" : unread}) ` : ""}${page === "" ? "" : `${page} · `}Packetboat`,
};
