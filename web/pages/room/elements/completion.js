/**
 * The list of suggestions over the message box: emoji after `:`, people after `@`. Follows
 * the listbox pattern: focus stays in the text, arrows move, Enter or Tab takes, Escape
 * closes. Not an element of its own, as it is nothing without its text area.
 */

import { placeAt, suggestionsFor } from "../lib/completion.js";
import { h } from "../../../lib/dom.js";
import { t } from "../strings.js";
import { avatar } from "./avatar.js";

/** @typedef {import("../lib/completion.js").Suggestion} Suggestion */

export class Completion {
  element = h("div", { class: "completion", hidden: true });

  #list = h("ul", { role: "listbox", id: "completion", "aria-label": t.composer.suggestions });
  #status = h("p", { class: "visually-hidden", role: "status" });
  /** @type {HTMLTextAreaElement} */
  #text;
  /** @type {() => string[]} */
  #people;
  /** @type {Suggestion[]} */
  #suggestions = [];
  #chosen = 0;
  #from = 0;
  #forced = false;

  /**
   * @param {HTMLTextAreaElement} text
   * @param {() => string[]} people who can be mentioned
   * @param {AbortSignal} signal
   */
  constructor(text, people, signal) {
    this.#text = text;
    this.#people = people;
    this.element.append(this.#list, this.#status);
    text.addEventListener("input", () => this.#update(), { signal });
    text.addEventListener("blur", () => this.close(), { signal });
    // Pressing must not take the focus from the text, or the list closes before the click.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault(), { signal });
    this.#list.addEventListener("click", (event) => this.#clicked(event), { signal });
  }

  /** Types the colon for people who do not know about it. */
  openEmoji() {
    const { value, selectionStart } = this.#text;
    const glued = selectionStart > 0 && !/[\s(]$/.test(value.slice(0, selectionStart));
    this.#text.focus();
    this.#text.setRangeText(glued ? " :" : ":", selectionStart, this.#text.selectionEnd, "end");
    this.#forced = true;
    this.#text.dispatchEvent(new Event("input", { bubbles: true }));
  }

  close() {
    this.#forced = false;
    this.#suggestions = [];
    this.element.hidden = true;
    this.#status.textContent = "";
    this.#text.removeAttribute("aria-activedescendant");
    this.#text.removeAttribute("aria-controls");
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether the list took it
   */
  key(event) {
    const count = this.#suggestions.length;
    if (count === 0) return false;
    if (event.key === "ArrowDown") this.#choose((this.#chosen + 1) % count);
    else if (event.key === "ArrowUp") this.#choose((this.#chosen + count - 1) % count);
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey) this.#take();
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  #update() {
    const { value, selectionStart } = this.#text;
    const place = placeAt(value, selectionStart, this.#forced);
    const suggestions = place === null ? [] : suggestionsFor(place, this.#people());
    if (place === null || suggestions.length === 0) {
      this.close();
      return;
    }
    this.#from = place.from;
    this.#suggestions = suggestions;
    this.#list.replaceChildren(...suggestions.map(drawOption));
    this.element.hidden = false;
    this.#status.textContent = t.composer.found(suggestions.length);
    this.#text.setAttribute("aria-controls", "completion");
    this.#choose(0);
  }

  /** @param {number} index */
  #choose(index) {
    this.#chosen = index;
    for (const [at, option] of [...this.#list.children].entries()) {
      option.setAttribute("aria-selected", String(at === index));
      if (at === index) option.scrollIntoView({ block: "nearest" });
    }
    this.#text.setAttribute("aria-activedescendant", `completion-${index}`);
  }

  #take() {
    const suggestion = this.#suggestions[this.#chosen];
    if (!suggestion) return;
    this.#text.setRangeText(`${suggestion.insert} `, this.#from, this.#text.selectionStart, "end");
    this.close();
    this.#text.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const option = event.target instanceof Element ? event.target.closest("[role=option]") : null;
    if (option === null) return;
    this.#chosen = [...this.#list.children].indexOf(option);
    this.#take();
  }
}

/**
 * @param {Suggestion} suggestion
 * @param {number} index
 */
function drawOption({ label, char }, index) {
  const picture = char === null ? avatar(label) : h("span", { class: "emoji", "aria-hidden": "true" }, char);
  return h("li", { role: "option", id: `completion-${index}` }, picture, h("span", {}, label));
}
