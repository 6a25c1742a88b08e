/**
 * The page's composition root: makes the stores, gives them the browser, shows the view
 * that fits the session, and answers what the elements ask for. State flows one way:
 * socket → store → element; wishes come back as `intent` events.
 */

import { Announcer } from "./elements/announcer.js";
import { Composer } from "./elements/composer.js";
import { ConnectionBanner } from "./elements/connection-banner.js";
import { KeyCard } from "./elements/key-card.js";
import { LoginForm } from "./elements/login-form.js";
import { PeopleList } from "./elements/people-list.js";
import { RegisterForm } from "./elements/register-form.js";
import { RoomView } from "./elements/room-view.js";
import { SettingsMenu } from "./elements/settings-menu.js";
import { Timeline } from "./elements/timeline.js";
import { VisitorView } from "./elements/visitor-view.js";
import { MessageAnnouncer } from "./lib/announce.js";
import { Api } from "./lib/api.js";
import { showUnread } from "./lib/badge.js";
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

/** How often a quiet tab renews its session, which ends after an hour; milliseconds. */
const RENEW_EVERY_MS = 20 * 60_000;

/** @type {[string, CustomElementConstructor][]} */
const ELEMENTS = [
  ["pb-announcer", Announcer],
  ["pb-composer", Composer],
  ["pb-connection", ConnectionBanner],
  ["pb-key", KeyCard],
  ["pb-login", LoginForm],
  ["pb-people", PeopleList],
  ["pb-register", RegisterForm],
  ["pb-room", RoomView],
  ["pb-settings", SettingsMenu],
  ["pb-timeline", Timeline],
  ["pb-visitor", VisitorView],
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
const session = new Session(api, local);
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
  onEnded: () => session.left(t.notice.ended),
  random: () => Math.random(),
});

const stage = document.querySelector("#stage") ?? document.body;
/** @type {RoomView | null} */
let roomView = null;

session.state.watch((state) => {
  if (state.phase === "checking") return;
  if (state.phase === "member") showRoom(state.name);
  else showVisitor(state.notice);
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

/** @param {string | null} notice */
function showVisitor(notice) {
  socket.stop();
  room.leave();
  roomView = null;
  const view = new VisitorView();
  view.session = session;
  view.notice = notice;
  stage.replaceChildren(view);
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
    case "signed-in":
      return session.entered(intent.name);
    case "log-out":
      room.outbox.clear();
      roomView?.forgetDraft();
      return void session.logout(t.notice.loggedOut);
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
window.addEventListener("storage", () => session.changedElsewhere());
setInterval(() => void session.renew(t.notice.ended), RENEW_EVERY_MS);

document.body.append(announcer);
room.unread.visible(!document.hidden);
void session.start();
