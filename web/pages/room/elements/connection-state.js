/** The line under the room's name: how many are here, or that there is no connection. */

import { h } from "../../../lib/dom.js";
import { t } from "../strings.js";

/**
 * @param {import("../stores/room.js").Room} room
 * @param {import("../../../lib/signal.js").Signal<import("../../../lib/socket.js").ConnectionState>} connection
 * @param {AbortSignal} signal
 */
export function connectionState(room, connection, signal) {
  const state = h("p", { class: "state" });
  const show = () => {
    const { phase } = connection.value;
    const open = phase === "open";
    const { count } = room.people.state.value;
    state.classList.toggle("open", open);
    state.textContent = open ? t.connection.here(count) : phase === "waiting" ? t.connection.closed : t.connection.connecting;
  };
  connection.watch(show, signal);
  room.people.state.watch(show, signal);
  return state;
}
