/**
 * What scripts add to the account pages, which work without any: copying and saving a
 * secret, showing a password, times in the reader's own zone, a question before something
 * ends. The words stand in the pages (`data-*`); this file has none.
 */

import { copyText } from "./lib/clipboard.js";

/**
 * Every element with this attribute, and the attribute's value.
 * @param {string} attribute
 * @param {(element: HTMLElement, value: string) => void} enhance
 */
function each(attribute, enhance) {
  for (const element of document.querySelectorAll(`[${attribute}]`)) {
    if (element instanceof HTMLElement) enhance(element, element.getAttribute(attribute) ?? "");
  }
}

/** @param {string} id */
const textOf = (id) => document.getElementById(id)?.textContent?.trim() ?? "";

each("data-copy", (button, source) => {
  button.hidden = false;
  const label = button.querySelector("[data-label]");
  const status = document.getElementById(button.dataset["status"] ?? "");
  button.addEventListener("click", async () => {
    const done = await copyText(textOf(source));
    const message = (done ? button.dataset["done"] : button.dataset["failed"]) ?? "";
    if (done && label) label.textContent = message;
    if (status) status.textContent = message;
  });
});

each("data-save", (link, source) => {
  if (!(link instanceof HTMLAnchorElement)) return;
  link.hidden = false;
  const words = document.getElementById(link.dataset["words"] ?? "");
  const lines = [...(words?.querySelectorAll("li") ?? [])].map((line) => line.textContent?.trim() ?? "");
  const text = [...lines, `Server: ${location.origin}`, textOf(source), ""].join("\n");
  link.href = `data:text/plain;charset=utf-8,${encodeURIComponent(text)}`;
});

each("data-reveal", (button, id) => {
  const field = document.getElementById(id);
  if (!(field instanceof HTMLInputElement)) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
});

each("data-confirm", (form, question) => {
  form.addEventListener("submit", (event) => {
    if (!window.confirm(question)) event.preventDefault();
  });
});

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
each("data-at", (text, at) => (text.textContent = day.format(Number(at))));

// A second press of an impatient finger must not post the form a second time.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || !(event.target instanceof HTMLFormElement)) return;
  if (event.target.dataset["sent"] === "true") event.preventDefault();
  event.target.dataset["sent"] = "true";
});
window.addEventListener("pageshow", () => each("data-sent", (form) => delete form.dataset["sent"]));
