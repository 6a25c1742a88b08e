/**
 * The composition root of the pages that need scripts: makes what stands around every page
 * (the shell), gives it the browser, and lets the router show the page of the address.
 * What a page is made of, its own folder says (`pages/<page>/page.js`); which pages there
 * are, `pages/pages.json`, which the server writes into the document.
 */

import { Api } from "./lib/api.js";
import { h } from "./lib/dom.js";
import { JsonStorage } from "./lib/storage.js";
import { Settings } from "./lib/settings.js";
import { define } from "./lib/view.js";
import { AccountMenu } from "./shell/account-menu.js";
import { Announcer } from "./shell/announcer.js";
import { ConnectionBanner } from "./shell/connection-banner.js";
import { Header } from "./shell/header.js";
import { Router } from "./shell/router.js";
import { Session } from "./shell/session.js";
import { shellSettings } from "./shell/settings.js";
import { PageHost } from "./shell/page-host.js";
import { t } from "./shell/strings.js";
import { showTab } from "./shell/tab.js";
import { Toasts } from "./shell/toasts.js";

/** @typedef {import("./shell/types.js").PageEntry} PageEntry */
/** @typedef {import("./shell/types.js").PageView} PageView */
/** @typedef {import("./shell/types.js").Route} Route */
/** @typedef {import("./shell/types.js").Shell} Shell */
/** @typedef {import("./shell/types.js").ShellIntent} ShellIntent */

/** How often a quiet tab renews its session and the cookie; milliseconds. */
const RENEW_EVERY_MS = 20 * 60_000;

define({
  "pb-account": AccountMenu,
  "pb-announcer": Announcer,
  "pb-connection": ConnectionBanner,
  "pb-header": Header,
  "pb-toasts": Toasts,
});

const time = {
  now: () => Date.now(),
  /** @type {(run: () => void, ms: number) => number} */
  setTimer: (run, ms) => window.setTimeout(run, ms),
  /** @type {(timer: number) => void} */
  clearTimer: (timer) => window.clearTimeout(timer),
};

/** @type {PageEntry[]} */
const pages = JSON.parse(document.querySelector("#pages")?.textContent ?? "[]");
const local = new JsonStorage(() => localStorage);
const api = new Api((input, init) => fetch(input, init));
const settings = new Settings(local, shellSettings);
const session = new Session({ api, setTimer: time.setTimer, random: () => Math.random() });
const announcer = new Announcer();
const toasts = new Toasts();
const header = new Header();
header.pages = pages;
header.session = session.state;
header.settings = settings.state;

const container = h("div", { id: "page" });
const boot = document.querySelector(".boot");

/** @type {Shell} */
const shell = {
  api,
  session: session.state,
  sessionEnded: () => session.ended(),
  local,
  perTab: new JsonStorage(() => sessionStorage),
  time,
  announce: (text) => announcer.say(text),
  toast: (text) => toasts.show(text),
  go: (href) => void router.go(href),
};
const host = new PageHost(container, shell);
const router = new Router({ pages, window, prepare });
/** @type {{route: Route, view: PageView} | null} */
let present = null;

/**
 * @param {Route} route
 * @returns {Promise<(() => void) | null>}
 */
async function prepare(route) {
  const loading = host.load(route).catch(() => null);
  if (route.entry.signIn && !(await signedIn())) {
    // The server let this document in, so a session has ended; a visitor's it leads on itself.
    return present === null ? toLogIn("ended", route.url) : leave(() => location.assign(route.url));
  }
  const open = await loading;
  if (open !== null) return () => show(route, open());
  if (present === null) sayAtStart(t.boot.failed);
  else toasts.show(t.notLoaded(route.entry.title || route.entry.nav || t.product));
  return null;
}

/**
 * @param {Route} route
 * @param {{view: PageView, signal: AbortSignal}} opened
 */
function show(route, { view, signal }) {
  const first = present === null;
  present = { route, view };
  if (first) document.querySelector("#app")?.replaceChildren(header, container);
  header.show(route.entry, view, signal);
  const { title } = route.entry;
  if (view.unread) view.unread.watch(({ count }) => void showTab(title, count), signal);
  else void showTab(title, 0);
  if (view.connection) announceConnection(view.connection, signal);
  // The first page is announced by the browser, and only the page knows what has the focus.
  if (!first) announcer.say(title || view.heading);
  if (view.focus) view.focus();
  else if (!first) header.focusHeading();
}

/**
 * Tells screen readers that a connection broke and that it is back.
 * @param {NonNullable<PageView["connection"]>} connection
 * @param {AbortSignal} signal
 */
function announceConnection(connection, signal) {
  let wasOpen = false;
  connection.watch(({ phase }) => {
    if (phase === "open") {
      if (wasOpen) announcer.say(t.connection.back);
      wasOpen = true;
    } else if (phase === "waiting") {
      if (wasOpen) announcer.say(t.connection.lost);
    } else if (phase === "idle") {
      wasOpen = false;
    }
  }, signal);
}

/** @returns {Promise<boolean>} as soon as the server has said it */
function signedIn() {
  const life = new AbortController();
  return new Promise((resolve) => {
    session.state.watch(({ phase }) => {
      if (phase === "checking") return;
      life.abort();
      resolve(phase === "signed-in");
    }, life.signal);
  });
}

/**
 * @param {"signed-out" | "ended"} notice what the log-in page says
 * @param {URL} next where it leads
 */
function toLogIn(notice, { pathname, search }) {
  const next = encodeURIComponent(pathname + search).replaceAll("%2F", "/");
  return leave(() => location.replace(`/login/?next=${next}&notice=${notice}`));
}

/**
 * @param {() => void} go leads out of this document
 * @returns {Promise<never>} nothing comes after it
 */
function leave(go) {
  go();
  return new Promise(() => {});
}

/** @param {string} text */
function sayAtStart(text) {
  const status = boot?.querySelector("[role=status]") ?? h("p", { role: "status" });
  status.textContent = text;
  boot?.append(status);
}

/**
 * Logging out on purpose leaves nothing behind on this computer.
 * @param {() => void} onStuck
 */
async function logOut(onStuck) {
  if (!(await session.logout())) return onStuck();
  present?.view.forget?.();
  void toLogIn("signed-out", new URL("/", location.href));
}

/**
 * What the elements of the shell ask for.
 * @param {ShellIntent} intent
 */
function answer(intent) {
  if (intent.type === "log-out") void logOut(intent.onStuck);
  else settings.set({ theme: intent.theme });
}

header.addEventListener("intent", (event) => {
  if (event instanceof CustomEvent) answer(event.detail);
});

session.state.watch((state) => {
  if (state.phase === "checking" && state.failed) sayAtStart(t.boot.offline);
  const ended = state.phase === "signed-out" && state.reason === "ended";
  if (ended && present?.route.entry.signIn) void toLogIn("ended", present.route.url);
});
settings.state.watch(({ theme }) => {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
});
setInterval(() => void session.renew(), RENEW_EVERY_MS);

document.body.append(toasts, announcer);
void session.start();
void router.start();
