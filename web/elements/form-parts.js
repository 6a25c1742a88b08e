/** What the visitor's forms share: a labelled field, its error, a button that waits. */

import { Refusal } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { t } from "../lib/strings.js";

/**
 * A form of one field. The error is tied to the field, so screen readers say both.
 * @param {object} parts
 * @param {HTMLInputElement} parts.field
 * @param {string} parts.label
 * @param {string} parts.hint
 * @param {HTMLElement} [parts.beside] stands in the field's box
 * @param {HTMLElement[]} [parts.before]
 * @param {HTMLButtonElement} parts.button
 */
export function oneFieldForm({ field, label, hint, beside, before, button }) {
  const error = h("p", { class: "error", id: `${field.id}-error`, role: "alert" });
  field.setAttribute("aria-describedby", `${field.id}-hint ${field.id}-error`);
  const form = h(
    "form",
    { novalidate: true },
    ...(before ?? []),
    h("label", { for: field.id }, label),
    h("div", { class: "field" }, field, beside),
    h("p", { class: "hint", id: `${field.id}-hint` }, hint),
    error,
    button,
  );
  /** @param {string} message empty for none */
  const showError = (message) => {
    error.textContent = message;
    field.setAttribute("aria-invalid", String(message !== ""));
    if (message !== "") field.focus();
  };
  return { form, showError };
}

/**
 * Runs `work` once at a time, with the button saying that it does.
 * @param {HTMLButtonElement} button
 * @param {string} busy
 * @param {() => Promise<void>} work
 */
export async function whileBusy(button, busy, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  const label = button.textContent ?? "";
  // Not `disabled`: that would throw the focus away.
  button.setAttribute("aria-disabled", "true");
  button.textContent = busy;
  try {
    await work();
  } finally {
    button.setAttribute("aria-disabled", "false");
    button.textContent = label;
  }
}

/**
 * @param {unknown} error
 * @param {Record<number, string>} known by status
 * @returns {string} what to tell the person
 */
export function explain(error, known) {
  if (!(error instanceof Refusal)) throw error;
  if (error.status === 0) return t.error.offline;
  if (error.status === 429) return t.error.throttled(error.retryAfter);
  return known[error.status] ?? t.error.other(error.status);
}
