/** What the shell and the pages give each other; nothing here crosses the wire. */

import type { Api } from "../lib/api.js";
import type { JsonStorage } from "../lib/storage.js";
import type { Signal } from "../lib/signal.js";
import type { ConnectionState } from "../lib/socket.js";

/** A line of `pages/pages.json`, with what the server has found in the page's folder. */
export interface PageEntry {
  /** Segments in braces are parameters, as in the server's routes: `/rooms/{name}`. */
  path: string;
  /** The folder under `pages/`; its `page.js` exports `open`. */
  page: string;
  /** Stands before the product's name in the tab; empty for the start page. */
  title: string;
  /** The word in the navigation; without one the page is reached by links alone. */
  nav?: string;
  /** Readers who are not signed in are led to the log-in page instead. */
  signIn: boolean;
  /** Addresses of the folder's style sheets. */
  styles: string[];
}

/** A page as an address names it. */
export interface Route {
  entry: PageEntry;
  params: Record<string, string>;
  url: URL;
}

/** What a page's module exports. */
export interface PageModule {
  /**
   * Makes the page. `signal` is aborted when the reader leaves it: everything that it
   * started ends then.
   */
  open(shell: Shell, route: Route, signal: AbortSignal): PageView;
}

/** What a page shows, and where. All but the first two are left out where there is nothing. */
export interface PageView {
  /** The page itself, with its `<main>`. */
  element: HTMLElement;
  /** The heading of level 1, in the header. */
  heading: string;
  /** A line under the heading. */
  status?: Node;
  /** Buttons in the header. */
  actions?: Node[];
  /** The page's own choices, in the account menu. */
  options?: Node[];
  /** What the first link of the page skips to. */
  skip?: { href: string; label: string };
  /** A connection that the banner watches over. */
  connection?: Signal<ConnectionState>;
  /** What the banner's button does. */
  reconnect?: () => void;
  /** How much is unread, for the tab. */
  unread?: { watch(listener: (state: { count: number }) => void, signal: AbortSignal): void };
  /** Puts the focus where the page begins; without it the heading gets it. */
  focus?: () => void;
  /** The reader logs out on purpose: nothing of theirs stays in this browser. */
  forget?: () => void;
}

/** What a page may use of the shell. */
export interface Shell {
  api: Api;
  session: Signal<SessionState>;
  /** The session is over, as the page's own connection was told. */
  sessionEnded: () => void;
  /** KeyValueStorage in this browser, and in this tab. */
  local: JsonStorage;
  perTab: JsonStorage;
  time: Time;
  /** Tells screen readers. */
  announce: (text: string) => void;
  /** Shows a short message for some seconds. */
  toast: (text: string) => void;
  /** Goes to a page as a link would. */
  go: (href: string) => void;
}

export interface Time {
  now: () => number;
  setTimer: (run: () => void, ms: number) => number;
  clearTimer: (timer: number) => void;
}

export type SessionState =
  /** `failed`: the server could not be asked so far. */
  | { phase: "checking"; failed: boolean }
  | { phase: "signed-in"; name: string }
  /** `left` by the reader's wish, or `ended` by the server. */
  | { phase: "signed-out"; reason: "left" | "ended" };

export interface ShellSettings {
  theme: "auto" | "light" | "dark";
}

/** What the shell's elements ask for; `app.js` answers. */
export type ShellIntent =
  | { type: "log-out"; onStuck: () => void }
  | { type: "set-theme"; theme: ShellSettings["theme"] };
