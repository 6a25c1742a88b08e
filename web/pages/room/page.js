/**
 * The room's page: makes its stores, gives them the connection, and answers what its
 * elements ask for. State flows one way: socket → store → element; wishes come back as
 * `intent` events.
 */

import { uuid } from "../../lib/identifier.js";
import { Settings } from "../../lib/settings.js";
import { ReconnectingSocket } from "../../lib/socket.js";
import { define } from "../../lib/view.js";
import { Composer } from "./elements/composer.js";
import { connectionState } from "./elements/connection-state.js";
import { PeopleList } from "./elements/people-list.js";
import { RoomOptions } from "./elements/room-options.js";
import { RoomView } from "./elements/room-view.js";
import { Timeline } from "./elements/timeline.js";
import { MessageAnnouncer } from "./lib/announce.js";
import { parse } from "./lib/markdown.js";
import { plainText } from "./lib/markdown-text.js";
import { chime, notify } from "./lib/notify.js";
import { roomSettings } from "./settings.js";
import { Room } from "./stores/room.js";
import { t } from "./strings.js";

/** @typedef {import("./types.js").RoomIntent} RoomIntent */
/** @typedef {import("./types.js").RoomSettings} RoomSettings */
/** @typedef {import("./wire.js").ClientFrame} ClientFrame */
/** @typedef {import("./wire.js").Message} Message */
/** @typedef {import("./wire.js").ServerFrame} ServerFrame */
/** @typedef {import("../../shell/types.js").Shell} Shell */

const SUBPROTOCOL = "packetboat.v1";

define({
  "pb-composer": Composer,
  "pb-people": PeopleList,
  "pb-room": RoomView,
  "pb-room-options": RoomOptions,
  "pb-timeline": Timeline,
});

/** @type {import("../../shell/types.js").PageModule["open"]} */
export function open(shell, _route, signal) {
  const settings = new Settings(shell.local, roomSettings);
  const { room, socket } = connected(shell, settings);
  const element = new RoomView();
  element.room = room;
  element.settings = settings.state;
  element.drafts = shell.perTab;
  const options = new RoomOptions();
  options.settings = settings.state;

  for (const source of [element, options]) {
    source.addEventListener("intent", (event) => {
      if (event instanceof CustomEvent) answer(event.detail, { room, settings, element });
    });
  }
  shell.session.watch((session) => {
    if (session.phase === "signed-in") room.enter(session.name);
    else socket.stop();
  }, signal);
  socket.state.watch(({ phase }) => {
    if (phase !== "open") room.interrupted();
  }, signal);
  document.addEventListener("visibilitychange", () => {
    room.unread.visible(!document.hidden);
    if (!document.hidden) socket.nudge();
  }, { signal });
  window.addEventListener("online", () => socket.nudge(), { signal });
  signal.addEventListener("abort", () => {
    socket.stop();
    room.leave();
  });
  room.unread.visible(!document.hidden);
  socket.start();

  return {
    element,
    heading: t.room,
    status: connectionState(room, socket.state, signal),
    actions: [element.peopleButton],
    options: [options],
    skip: { href: "#composer-text", label: t.log.skip },
    connection: socket.state,
    reconnect: () => socket.nudge(),
    unread: room.unread.state,
    focus: () => element.focusComposer(),
    forget: () => {
      room.outbox.clear();
      element.forgetDraft();
    },
  };
}

/**
 * The room's state and the connection that feeds it.
 * @param {Shell} shell
 * @param {Settings<RoomSettings>} settings
 */
function connected(shell, settings) {
  const { time } = shell;
  const announcer = new MessageAnnouncer(shell.announce, time.setTimer);
  /** @type {Room} */
  const room = new Room({
    send: (frame) => socket.send(frame),
    expect: () => socket.expect(),
    storage: shell.perTab,
    newId: () => uuid(),
    time,
    onMessage: (message) => received(message, announcer, settings.state.value),
    onRefused: (code) => shell.announce(t.log.failed(code)),
  });
  /** @type {ReconnectingSocket<ServerFrame, ClientFrame>} */
  const socket = new ReconnectingSocket({
    ...time,
    open: () => new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws${room.query}`, SUBPROTOCOL),
    isWelcome: ({ type }) => type === "welcome",
    ping: { type: "history", before: 1, limit: 1 },
    probe: () => shell.api.me(),
    onFrame: (frame) => room.receive(frame),
    onEnded: shell.sessionEnded,
    random: () => Math.random(),
  });
  return { room, socket };
}

/**
 * Another person said something.
 * @param {Message} message
 * @param {MessageAnnouncer} announcer
 * @param {RoomSettings} settings
 */
function received({ author, text }, announcer, settings) {
  const words = plainText(parse(text));
  announcer.message(author, words);
  const away = document.hidden || !document.hasFocus();
  if (settings.sound) chime();
  if (away && settings.notifications) notify(author, words);
}

/**
 * What the elements ask for.
 * @param {RoomIntent} intent
 * @param {{room: Room, settings: Settings<RoomSettings>, element: RoomView}} page
 */
function answer(intent, { room, settings, element }) {
  switch (intent.type) {
    case "post":
      room.post(intent.text);
      return element.showLatest();
    case "retry":
      room.retry(intent.clientId);
      return element.focusComposer();
    case "discard":
      room.outbox.remove(intent.clientId);
      return element.focusComposer();
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
    case "set":
      return settings.set(intent.settings);
  }
}
