/**
 * A WebSocket that is opened again when it is gone. It knows this server's close codes and
 * waiting, and of the frames only that they are JSON: which one makes a connection usable,
 * and which one always has an answer, its owner says. At most one socket and one timer of
 * each kind exist at a time.
 */

import { backoff, spread } from "./backoff.js";
import { Refusal } from "./api.js";
import { Signal } from "./signal.js";

/**
 * @typedef {{phase: "idle"}
 *   | {phase: "connecting", again: boolean}
 *   | {phase: "open"}
 *   | {phase: "waiting", until: number}} ConnectionState
 */

/** A hand-shake that takes longer is given up, milliseconds. */
const OPEN_TIMEOUT_MS = 10_000;
/**
 * An open connection that has not said a word for so long is given up, milliseconds: the
 * server makes thousands who come at once wait up to 15 s for their welcome, and a long one
 * then takes its time on a slow line.
 */
const WELCOME_TIMEOUT_MS = 45_000;
/** Silence after a sign of life was asked for that means the connection is dead. */
const ANSWER_TIMEOUT_MS = 8_000;
/** A connection that lasted this long makes the next wait start small again. */
const STABLE_MS = 5_000;
/** How long to stay away when the server answers 429 without saying, seconds. */
const THROTTLED_S = 10;

const CLOSE = { goingAway: 1001, sessionEnded: 1008, tryAgainLater: 1013 };

/**
 * @template In a frame of the server
 * @template Out a frame of this client
 * @typedef {object} SocketOptions
 * @property {() => WebSocket} open opens the connection, to go on from where it broke off
 * @property {(frame: In) => boolean} isWelcome whether a frame makes the connection usable
 * @property {Out} ping a frame that always has an answer, even if it were refused
 * @property {() => Promise<unknown>} probe rejects with a `Refusal` if the session is not good
 * @property {(frame: In) => void} onFrame
 * @property {() => void} onEnded the session is over: nothing is tried any more
 * @property {() => number} now
 * @property {() => number} random
 * @property {(run: () => void, ms: number) => number} setTimer
 * @property {(timer: number) => void} clearTimer
 */

/**
 * @template In
 * @template Out
 */
export class ReconnectingSocket {
  /** @type {Signal<ConnectionState>} */
  state = new Signal(/** @type {ConnectionState} */ ({ phase: "idle" }));

  /** @type {SocketOptions<In, Out>} */
  #options;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {number | undefined} */
  #retryTimer;
  /** @type {number | undefined} */
  #deadline;
  #attempt = 0;
  #openedAt = 0;
  #everOpen = false;

  /** @param {SocketOptions<In, Out>} options */
  constructor(options) {
    this.#options = options;
  }

  start() {
    if (this.state.value.phase === "idle") this.#connect();
  }

  /** Closes the connection and tries nothing until `start`. */
  stop() {
    this.#clear();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#attempt = 0;
    this.#everOpen = false;
    this.state.value = { phase: "idle" };
  }

  /**
   * @param {Out} frame
   * @returns {boolean} false if there is no connection to send it on
   */
  send(frame) {
    if (this.#socket === null || this.state.value.phase !== "open") return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** The user, the network or the page's return suggests that now is a good time. */
  nudge() {
    const { phase } = this.state.value;
    if (phase === "waiting") this.#connect();
    else if (phase === "open" && this.send(this.#options.ping)) this.expect();
  }

  /** From now on something must arrive soon, or the connection counts as dead. */
  expect() {
    if (this.#deadline !== undefined || this.state.value.phase !== "open") return;
    this.#deadline = this.#options.setTimer(() => {
      this.#deadline = undefined;
      this.#drop();
      this.#connect();
    }, ANSWER_TIMEOUT_MS);
  }

  #connect() {
    this.#clear();
    const socket = this.#options.open();
    this.#socket = socket;
    this.state.value = { phase: "connecting", again: this.#everOpen };
    this.#giveUpAfter(OPEN_TIMEOUT_MS);
    socket.onopen = () => {
      if (socket === this.#socket && this.state.value.phase === "connecting") this.#giveUpAfter(WELCOME_TIMEOUT_MS);
    };
    socket.onmessage = (event) => this.#received(socket, event.data);
    socket.onclose = (event) => this.#closed(socket, event.code);
  }

  /**
   * The next step of connecting must be done by then.
   * @param {number} ms
   */
  #giveUpAfter(ms) {
    this.#options.clearTimer(this.#deadline ?? 0);
    this.#deadline = this.#options.setTimer(() => {
      this.#deadline = undefined;
      this.#drop();
      this.#wait(backoff(this.#attempt++, this.#options.random));
    }, ms);
  }

  /**
   * @param {WebSocket} socket
   * @param {unknown} data
   */
  #received(socket, data) {
    if (socket !== this.#socket) return;
    this.#options.clearTimer(this.#deadline ?? 0);
    this.#deadline = undefined;
    /** @type {In} */
    let frame;
    try {
      frame = JSON.parse(String(data));
    } catch {
      return;
    }
    // Only a welcome makes a connection usable; an HTTP intermediary may open a dumb one.
    if (this.#options.isWelcome(frame)) {
      this.#openedAt = this.#options.now();
      this.#everOpen = true;
      this.state.value = { phase: "open" };
    }
    this.#options.onFrame(frame);
  }

  /**
   * @param {WebSocket} socket
   * @param {number} code
   */
  #closed(socket, code) {
    if (socket !== this.#socket) return;
    const wasOpen = this.state.value.phase === "open";
    const lasted = this.#options.now() - this.#openedAt;
    this.#socket = null;
    this.#clear();
    if (wasOpen && lasted >= STABLE_MS) this.#attempt = 0;
    if (code === CLOSE.sessionEnded) this.#end();
    else if (code === CLOSE.goingAway) this.#wait(spread(this.#options.random));
    else if (code === CLOSE.tryAgainLater && wasOpen && lasted >= STABLE_MS) this.#wait(spread(this.#options.random));
    else if (wasOpen) this.#wait(backoff(this.#attempt++, this.#options.random));
    else void this.#afterRefusal();
  }

  /** A refused hand-shake gives no status to scripts, so a request must find out why. */
  async #afterRefusal() {
    const wait = backoff(this.#attempt++, this.#options.random);
    this.#wait(wait);
    const waiting = this.state.value;
    try {
      await this.#options.probe();
    } catch (error) {
      if (this.state.value !== waiting || !(error instanceof Refusal)) return;
      if (error.ended) this.#end();
      if (error.status === 429) this.#wait((error.retryAfter ?? THROTTLED_S) * 1000);
    }
  }

  /** @param {number} ms */
  #wait(ms) {
    this.#clear();
    this.state.value = { phase: "waiting", until: this.#options.now() + ms };
    this.#retryTimer = this.#options.setTimer(() => this.#connect(), ms);
  }

  #end() {
    this.stop();
    this.#options.onEnded();
  }

  /** Forgets a socket that may never say that it is closed. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #clear() {
    this.#options.clearTimer(this.#retryTimer ?? 0);
    this.#options.clearTimer(this.#deadline ?? 0);
    this.#retryTimer = undefined;
    this.#deadline = undefined;
  }
}
