/**
 * The page's composition root: makes the stores, gives them the browser, shows the room to
 * whom the session belongs, and answers what the elements ask for. State flows one way:
 * socket → store → element; wishes come back as `intent` events. Whoever has no session
 * goes to the log-in page, which is the server's (crates/accounts/templates).
 */

import { Announcer } from "./elements/announcer.js";
import { Composer } from "./elements/composer.js";
import { ConnectionBanner } from "./elements/connection-banner.js";
import { PeopleList } from "./elements/people-list.js";
import { RoomView } from "./elements/room-view.js";
import { SettingsMenu } from "./elements/settings-menu.js";
import { Timeline } from "./elements/timeline.js";
import { MessageAnnouncer } from "./lib/announce.js";
import { Api } from "./lib/api.js";
import { showUnread } from "./lib/badge.js";
import { h } from "./lib/dom.js";
import { uuid } from "./lib/identifier.js";
import { Keep } from "./lib/keep.js";
import { parse } from "./lib/markdown.js";
import { plainText } from "./lib/markdown-text.js";
import { chime, notify } from "./lib/notify.js";
import { RoomSocket } from "./lib/socket.js";
import { t } from "./lib/strings.js";
import { Room } from "./stores/room.js";
import { Session } from "./stores/session.js";
import { SettingsStore } from "./stores/settings.js";

/** @typedef {import("./types/app.js").Intent} Intent */
/** @typedef {import("./types/wire.js").Message} Message */

/** How often a quiet tab renews its session and the cookie; milliseconds. */
const RENEW_EVERY_MS = 20 * 60_000;

/** Where a page goes whose session is over, and what is said there. */
const DOOR = { left: "/login/?next=/&notice=signed-out", ended: "/login/?next=/&notice=ended" };

/** @type {[string, CustomElementConstructor][]} */
const ELEMENTS = [
  ["pb-announcer", Announcer],
  ["pb-composer", Composer],
  ["pb-connection", ConnectionBanner],
  ["pb-people", PeopleList],
  ["pb-room", RoomView],
  ["pb-settings", SettingsMenu],
  ["pb-timeline", Timeline],
];
for (const [tag, constructor] of ELEMENTS) customElements.define(tag, constructor);

const time = {
  now: () => Date.now(),
  /** @type {(run: () => void, ms: number) => number} */
  later: (run, ms) => window.setTimeout(run, ms),
  /** @type {(timer: number) => void} */
  never: (timer) => window.clearTimeout(timer),
};

const local = new Keep(() => localStorage);
const perTab = new Keep(() => sessionStorage);
const api = new Api((input, init) => fetch(input, init));
const settings = new SettingsStore(local);
const session = new Session({ api, later: time.later, random: () => Math.random() });
const announcer = new Announcer();
const messages = new MessageAnnouncer((text) => announcer.say(text), time.later);

/** @type {Room} */
const room = new Room({
  send: (frame) => socket.send(frame),
  expect: () => socket.expect(),
  keep: perTab,
  newId: () => uuid(),
  time,
  onMessage: gotMessage,
  onRefused: (code) => announcer.say(t.log.failed(code)),
});

const socket = new RoomSocket({
  ...time,
  open: (query) => new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws${query}`, "packetboat.v1"),
  probe: () => api.me(),
  query: () => room.query,
  onFrame: (frame) => room.receive(frame),
  onEnded: () => session.ended(),
  random: () => Math.random(),
});

const stage = document.querySelector("#stage") ?? document.body;
/** @type {RoomView | null} */
let roomView = null;

session.state.watch((state) => {
  if (state.phase === "member") showRoom(state.name);
  else if (state.phase === "over") socket.stop();
  else if (state.failed) sayOffline();
  if (state.phase === "over" && state.reason === "ended") location.replace(DOOR.ended);
});

/** @param {string} name */
function showRoom(name) {
  socket.stop();
  room.leave();
  room.enter(name);
  roomView = new RoomView();
  roomView.room = room;
  roomView.connection = socket.state;
  roomView.settings = settings.state;
  roomView.drafts = perTab;
  stage.replaceChildren(roomView);
  socket.start();
}

function sayOffline() {
  const boot = stage.querySelector(".boot");
  if (boot && !boot.querySelector("[role=status]")) {
    boot.append(h("p", { role: "status" }, t.boot.offline));
  }
}

/**
 * Whoever logs out on purpose leaves nothing behind on this computer.
 * @param {() => void} onStuck
 */
async function logOut(onStuck) {
  const view = roomView;
  if (!(await session.logout())) return onStuck();
  room.outbox.clear();
  view?.forgetDraft();
  location.replace(DOOR.left);
}

/**
 * Somebody said something.
 * @param {Message} message
 */
function gotMessage({ author, text }) {
  const words = plainText(parse(text));
  messages.message(author, words);
  const away = document.hidden || !document.hasFocus();
  if (settings.state.value.sound) chime();
  if (away && settings.state.value.notifications) notify(author, words);
}

/**
 * What the elements ask for.
 * @param {Intent} intent
 */
function answer(intent) {
  switch (intent.type) {
    case "log-out":
      return void logOut(intent.onStuck);
    case "post":
      room.post(intent.text);
      return roomView?.showLatest();
    case "retry":
      room.retry(intent.clientId);
      return roomView?.focusComposer();
    case "discard":
      room.outbox.remove(intent.clientId);
      return roomView?.focusComposer();
    case "typing":
      return room.sayTyping();
    case "load-older":
      return room.older();
    case "load-newer":
      return room.newer();
    case "jump-to-latest":
      return room.latest();
    case "at-bottom":
      room.unread.atBottom(intent.value);
      return room.log.follow(intent.value);
    case "reconnect":
      return socket.nudge();
    case "toggle-people":
      return settings.set({ people: !settings.state.value.people });
    case "set":
      return settings.set(intent.settings);
  }
}

document.addEventListener("intent", (event) => {
  if (event instanceof CustomEvent) answer(event.detail);
});

let wasOpen = false;
socket.state.watch(({ phase }) => {
  if (phase === "open") {
    if (wasOpen) announcer.say(t.connection.back);
    wasOpen = true;
  } else if (phase === "waiting") {
    if (wasOpen) announcer.say(t.connection.lost);
  } else if (phase === "idle") {
    wasOpen = false;
  }
  if (phase !== "open") room.interrupted();
});

settings.state.watch(({ theme }) => {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
});
room.unread.state.watch(({ count }) => void showUnread(count));

document.addEventListener("visibilitychange", () => {
  room.unread.visible(!document.hidden);
  if (!document.hidden) socket.nudge();
});
window.addEventListener("online", () => socket.nudge());
setInterval(() => void session.renew(), RENEW_EVERY_MS);

document.body.append(announcer);
room.unread.visible(!document.hidden);
void session.start();
