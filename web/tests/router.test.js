import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Router, routeOf } from "../shell/router.js";

const HOME = { path: "/", page: "home", title: "", signIn: true, styles: [] };
const ROOM = { path: "/rooms/{name}", page: "room", title: "Room", signIn: true, styles: [] };
const PAGES = [HOME, ROOM];
const ORIGIN = "https://boat.example";

class Anchor {
  target = "";
  constructor(href, attributes = []) {
    this.href = new URL(href, ORIGIN).href;
    this.attributes = attributes;
  }
  hasAttribute(name) {
    return this.attributes.includes(name);
  }
  closest() {
    return this;
  }
}

beforeEach(() => {
  globalThis.Element = Anchor;
  globalThis.HTMLAnchorElement = Anchor;
});

/** A window with a history, as far as the router looks at it. */
function browser(path) {
  const entries = [{ href: ORIGIN + path, state: null }];
  let at = 0;
  const heard = {};
  const left = [];
  const window = {
    scrollX: 0,
    scrollY: 0,
    scrollTo: (x, y) => Object.assign(window, { scrollX: x, scrollY: y }),
    location: {
      get href() {
        return entries[at].href;
      },
      get origin() {
        return ORIGIN;
      },
      get pathname() {
        return new URL(entries[at].href).pathname;
      },
      get search() {
        return new URL(entries[at].href).search;
      },
      assign: (href) => left.push(href),
      reload: () => left.push("reload"),
    },
    history: {
      replaceState: (state) => (entries[at].state = state),
      pushState: (state, _, href) => {
        entries.splice((at += 1), Infinity, { href, state });
      },
    },
    addEventListener: (type, listener) => (heard[type] = listener),
  };
  return {
    window,
    left,
    /** As the button does: the address is another one first, and then the page hears of it. */
    async back(steps = -1) {
      at += steps;
      heard.popstate({ state: entries[at].state });
      await settled();
    },
    async click(link, event = {}) {
      const click = { button: 0, target: link, defaultPrevented: false, preventDefault: () => (click.prevented = true), ...event };
      heard.click(click);
      await settled();
      return click.prevented === true;
    },
  };
}
const settled = () => new Promise(setImmediate);

async function setup(path = "/", prepare = null) {
  const scene = browser(path);
  const shown = [];
  const show = async (route) => () => shown.push(route.entry.page + JSON.stringify(route.params));
  const router = new Router({ pages: PAGES, window: scene.window, prepare: prepare ?? show });
  await router.start();
  return { ...scene, router, shown };
}

test("an address is a page's with or without a slash at its end, its parameters decoded", () => {
  const at = (path) => routeOf(PAGES, new URL(path, ORIGIN));
  assert.equal(at("/")?.entry, HOME);
  assert.deepEqual(at("/rooms/a%20b/?x=1")?.params, { name: "a b" });
  for (const unknown of ["/rooms", "/rooms/a/b", "/settings/", "/rooms/%ff"]) assert.equal(at(unknown), null, unknown);
});

test("a link to a page is followed within the document, and back leads back to where one was", async () => {
  const { window, shown, click, back, left } = await setup();
  window.scrollY = 120;
  assert.equal(await click(new Anchor("/rooms/deck")), true);
  assert.equal(window.location.pathname, "/rooms/deck");
  assert.equal(window.scrollY, 0);
  await back();
  assert.equal(window.scrollY, 120);
  await back(1);
  assert.deepEqual(shown, ["home{}", 'room{"name":"deck"}', "home{}", 'room{"name":"deck"}']);
  assert.deepEqual(left, []);
});

test("a link within a page opens nothing anew, nor does the way back from it", async () => {
  const { window, shown, back } = await setup();
  window.history.pushState(null, "", `${ORIGIN}/#end`);
  await back(0);
  await back();
  assert.deepEqual(shown, ["home{}"]);
});

test("what is no page of ours, or is meant for another place, is left to the browser", async () => {
  const { click, shown } = await setup();
  for (const link of [new Anchor("/settings/"), new Anchor("https://other.example/rooms/a"), new Anchor("/#end"), new Anchor("/rooms/a", ["download"])]) {
    assert.equal(await click(link), false, link.href);
  }
  const elsewhere = new Anchor("/rooms/a");
  elsewhere.target = "_blank";
  assert.equal(await click(elsewhere), false);
  for (const event of [{ ctrlKey: true }, { metaKey: true }, { shiftKey: true }, { altKey: true }, { button: 1 }, { defaultPrevented: true }]) {
    assert.equal(await click(new Anchor("/rooms/a"), event), false);
  }
  assert.deepEqual(shown, ["home{}"]);
});

test("an address that no page has is the server's to answer", async () => {
  const { router, left, window } = await setup();
  await router.go("/nowhere");
  assert.deepEqual(left, [`${ORIGIN}/nowhere`]);
  assert.equal(window.location.pathname, "/");
});

test("of two navigations at the same time the later one wins", async () => {
  const waiting = [];
  const shown = [];
  const prepare = ({ url }) => new Promise((resolve) => waiting.push(() => resolve(() => shown.push(url.pathname))));
  const scene = browser("/");
  const router = new Router({ pages: PAGES, window: scene.window, prepare });
  void router.start();
  void router.go("/rooms/slow");
  void router.go("/rooms/quick");
  for (const arrive of waiting.reverse()) arrive();
  await settled();
  assert.deepEqual(shown, ["/rooms/quick"]);
  assert.equal(scene.window.location.pathname, "/rooms/quick");
});

test("a page that cannot be loaded leaves the reader where they are, except where the address has gone ahead", async () => {
  let online = true;
  const { router, window, back, left } = await setup("/", async () => (online ? () => {} : null));
  await router.go("/rooms/deck");
  online = false;
  await router.go("/rooms/other");
  assert.equal(window.location.pathname, "/rooms/deck");
  await back();
  assert.deepEqual(left, ["reload"]);
});
