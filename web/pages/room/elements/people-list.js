/** <pb-people>: who is here. Set `room` before connecting it. */

import { h } from "../../../lib/dom.js";
import { framed } from "../../../lib/frame.js";
import { reconcile } from "../../../lib/reconcile.js";
import { t } from "../strings.js";
import { View } from "../../../lib/view.js";
import { avatar } from "./avatar.js";

/** @extends {View<never>} */
export class PeopleList extends View {
  /** @type {import("../stores/room.js").Room} */
  room = /** @type {never} */ (null);

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    const list = h("ul", { class: "people" });
    const rest = h("p", { class: "rest" });
    this.replaceChildren(list, rest);
    const refresh = framed(() => {
      const { names, count } = this.room.people.state.value;
      const me = this.room.me.value;
      const rows = [me, ...names.filter((name) => name !== me)].map((name) => ({ key: name, you: name === me }));
      reconcile(list, names.length === 0 ? [] : rows, ({ key, you }) =>
        h("li", {}, avatar(key), h("span", { class: "name" }, key), you && h("span", { class: "you" }, t.people.you)),
      );
      rest.textContent = count > names.length ? t.people.more(count - names.length) : "";
    }, signal);
    this.room.people.state.watch(refresh, signal);
    this.room.me.watch(refresh, signal);
  }
}
