/**
 * Building and keeping DOM. Text only ever becomes text nodes and attributes: there is no
 * function here that parses HTML, and none may be added.
 */

/** @typedef {Node | string | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Attributes */

/**
 * An element with attributes (`true` is the empty one; `false`, `null`, `undefined` none).
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...present(children));
  return element;
}

/**
 * @param {Child[]} children
 * @returns {(Node | string)[]}
 */
export function present(children) {
  return children.filter((child) => child !== null && child !== undefined && child !== false);
}

/**
 * Makes the children of `parent` be `rows`, in order, reusing the elements of rows it had:
 * an unchanged row is not touched, so focus, selection and hover survive.
 * @template {{key: string}} T
 * @param {HTMLElement} parent
 * @param {T[]} rows
 * @param {(row: T) => HTMLElement} create
 */
export function reconcile(parent, rows, create) {
  const old = new Map();
  for (const child of parent.children) {
    if (child instanceof HTMLElement) old.set(child.dataset["key"], child);
  }
  /** @type {Element | null} */
  let place = parent.firstElementChild;
  for (const row of rows) {
    const sign = JSON.stringify(row);
    const had = old.get(row.key);
    old.delete(row.key);
    let element = had;
    if (!had || had.dataset["sign"] !== sign) {
      element = create(row);
      element.dataset["key"] = row.key;
      element.dataset["sign"] = sign;
      if (had && had === place) place = had.nextElementSibling;
      had?.remove();
    }
    if (element === place) place = place?.nextElementSibling ?? null;
    else parent.insertBefore(element, place);
  }
  for (const gone of old.values()) gone.remove();
}
