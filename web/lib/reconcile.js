/**
 * Making a list of elements be what it should be with the fewest changes to the page. An
 * element that is taken out and put in again loses focus, selection and scrolling, and
 * costs layout; so rows that stay are not touched, and of rows that change places the
 * fewest possible are moved.
 */

/**
 * Makes the children of `parent` be `rows`, in order: what is not among them is removed
 * first, what is new or has changed is drawn, and everything else keeps its element.
 * @template {{key: string}} T a row: its key is unique, and what it says is all that is drawn
 * @param {HTMLElement} parent has no children but these
 * @param {T[]} rows
 * @param {(row: T) => HTMLElement} create
 */
export function reconcile(parent, rows, create) {
  const had = keep(parent, new Set(rows.map(({ key }) => key)));
  const elements = rows.map((row) => {
    const sign = JSON.stringify(row);
    const old = had.get(row.key);
    if (old?.dataset["sign"] === sign) return old;
    const element = create(row);
    element.dataset["key"] = row.key;
    element.dataset["sign"] = sign;
    old?.replaceWith(element);
    return element;
  });
  arrange(parent, elements);
}

/**
 * Removes the children whose keys are not wanted. First: a row that fell out at the top
 * would otherwise stand before every other, and each would look out of place.
 * @param {HTMLElement} parent
 * @param {Set<string>} wanted
 * @returns {Map<string, HTMLElement>} those that stay, by key
 */
function keep(parent, wanted) {
  /** @type {Map<string, HTMLElement>} */
  const kept = new Map();
  for (const child of [...parent.children]) {
    const key = child instanceof HTMLElement ? (child.dataset["key"] ?? "") : "";
    if (child instanceof HTMLElement && wanted.has(key) && !kept.has(key)) kept.set(key, child);
    else child.remove();
  }
  return kept;
}

/**
 * Puts `elements` in order. Children that already stand in the right order among each
 * other stay where they are; the rest is put before what follows it.
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} elements all its children, and new ones
 */
function arrange(parent, elements) {
  const places = new Map([...parent.children].map((child, place) => [child, place]));
  const resting = longestRise(elements.map((element) => places.get(element) ?? -1));
  /** @type {HTMLElement | null} */
  let next = null;
  for (let at = elements.length - 1; at >= 0; at -= 1) {
    const element = /** @type {HTMLElement} */ (elements[at]);
    if (!resting.has(at)) parent.insertBefore(element, next);
    next = element;
  }
}

/**
 * The longest rising subsequence (Fredman, 1975: patience sorting, n log n).
 * @param {number[]} places all different, or -1 for what is to be left out
 * @returns {Set<number>} the indices of it
 */
function longestRise(places) {
  /** @type {number[]} the index at which the best rise of each length ends */
  const ends = [];
  /** @type {number[]} for each index, the one before it in its rise, or -1 */
  const before = [];
  const placeAt = (/** @type {number | undefined} */ index) => places[index ?? -1] ?? -1;
  for (const [index, place] of places.entries()) {
    if (place < 0) continue;
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (placeAt(ends[middle]) < place) low = middle + 1;
      else high = middle;
    }
    before[index] = ends[low - 1] ?? -1;
    ends[low] = index;
  }
  /** @type {Set<number>} */
  const rise = new Set();
  for (let index = ends.at(-1) ?? -1; index >= 0; index = before[index] ?? -1) rise.add(index);
  return rise;
}
