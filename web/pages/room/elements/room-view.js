/**
 * <pb-room>: the room's frame: list, typing line, message box, people beside it or in a
 * drawer. Set `room`, `settings`, `drafts` before connecting it. Asks: `set`.
 */

import { h } from "../../../lib/dom.js";
import { icon } from "../../../lib/icons.js";
import { View } from "../../../lib/view.js";
import { t } from "../strings.js";
import { Composer } from "./composer.js";
import { PeopleList } from "./people-list.js";
import { Timeline } from "./timeline.js";

/** From this width on people stand beside the messages. */
const WIDE = matchMedia("(min-width: 900px)");

/** @extends {View<import("../types.js").RoomIntent>} */
export class RoomView extends View {
  /** @type {import("../stores/room.js").Room} */
  room = /** @type {never} */ (null);
  /** @type {import("../../../lib/signal.js").Signal<import("../types.js").RoomSettings>} */
  settings = /** @type {never} */ (null);
  /** @type {import("../../../lib/storage.js").JsonStorage} */
  drafts = /** @type {never} */ (null);

  #timeline = new Timeline();
  #composer = new Composer();
  #side = h("aside", { class: "side", "aria-labelledby": "side-heading", hidden: true });
  #drawer = h("dialog", { class: "drawer", "aria-labelledby": "drawer-heading" });
  /** Stands in the header, and opens what is here. */
  peopleButton = h("button", { type: "button", class: "quiet people-button" });

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    this.#timeline.room = this.room;
    this.#composer.room = this.room;
    this.#composer.drafts = this.drafts;
    this.replaceChildren(
      h("main", { class: "room-main" }, this.#timeline, this.#drawTyping(signal), this.#composer),
      this.#side,
      this.#drawer,
    );
    this.#drawPeopleButton(signal);
    this.settings.watch(() => this.#placePeople(), signal);
    WIDE.addEventListener("change", () => this.#placePeople(), { signal });
    this.#drawer.addEventListener("click", (event) => this.#drawerClicked(event), { signal });
    this.#drawer.addEventListener("close", () => this.#drawer.replaceChildren(), { signal });
  }

  showLatest() {
    this.#timeline.jumpToLatest();
  }

  /** Logging out on purpose leaves nothing behind on this computer. */
  forgetDraft() {
    this.#composer.forget();
  }

  /** Puts the focus where the next thing is done: to write. */
  focusComposer() {
    this.#composer.focusGently();
  }

  /** @param {AbortSignal} signal */
  #drawTyping(signal) {
    const line = h("p", { class: "typing" });
    this.room.typing.names.watch((names) => {
      const dots = h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
      line.replaceChildren(...(names.length > 0 ? [dots, t.log.typing(names)] : []));
    }, signal);
    return line;
  }

  /** @param {AbortSignal} signal */
  #drawPeopleButton(signal) {
    const count = h("span", { class: "count" });
    this.peopleButton.replaceChildren(icon("people"), count);
    this.room.people.state.watch((people) => {
      count.textContent = String(people.count);
      this.peopleButton.setAttribute("aria-label", t.header.people(people.count));
    }, signal);
    this.peopleButton.addEventListener("click", () => {
      if (WIDE.matches) this.ask({ type: "set", settings: { people: !this.settings.value.people } });
      else this.#openDrawer();
    }, { signal });
  }

  #placePeople() {
    const shown = WIDE.matches && this.settings.value.people;
    this.classList.toggle("with-people", shown);
    this.#side.hidden = !shown;
    if (WIDE.matches) {
      this.#drawer.close();
      this.peopleButton.setAttribute("aria-expanded", String(shown));
    } else {
      this.peopleButton.removeAttribute("aria-expanded");
    }
    this.#side.replaceChildren(...(shown ? [h("h2", { id: "side-heading" }, t.people.heading), this.#people()] : []));
  }

  #openDrawer() {
    const close = h("button", { type: "button", class: "quiet", "aria-label": t.people.close, "data-action": "close" }, icon("close"));
    this.#drawer.replaceChildren(
      h("div", { class: "drawer-head" }, h("h2", { id: "drawer-heading" }, t.people.heading), close),
      this.#people(),
    );
    this.#drawer.showModal();
  }

  #people() {
    const people = new PeopleList();
    people.room = this.room;
    return people;
  }

  /** @param {MouseEvent} event */
  #drawerClicked(event) {
    const { target } = event;
    // The dialog itself is hit only where its content is not: on the backdrop.
    const outside = target === this.#drawer && event.offsetX < 0;
    if (outside || (target instanceof Element && target.closest("[data-action=close]"))) this.#drawer.close();
  }
}
