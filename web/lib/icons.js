/** The page's icons, drawn on a 24 × 24 grid with the text's colour. */

const SVG = "http://www.w3.org/2000/svg";

/** @type {Record<string, string>} */
const STROKES = {
  people: "M16 19v-1.5a3.5 3.5 0 0 0-3.5-3.5h-5A3.5 3.5 0 0 0 4 17.5V19M10 10.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6M20 19v-1.5a3.5 3.5 0 0 0-2.6-3.4M15.2 4.7a3 3 0 0 1 0 5.6",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M9 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5",
  send: "M12 19V5.5M6 11l6-6 6 6",
  emoji: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17M8.5 14a4.2 4.2 0 0 0 7 0M9 9.5v.6M15 9.5v.6",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 5v13.5M6 13l6 6 6-6",
  copy: "M9 9h10v11H9zM5.5 15H5V4h10v1.5",
  check: "M5 12.5l4.5 4.5L19 7.5",
  download: "M12 4v11M7 10.5l5 5 5-5M5 20h14",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6",
  alert: "M12 8v5M12 16.2v.3M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17",
};

/** @param {keyof typeof STROKES} name */
export function icon(name) {
  const svg = svgElement("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" });
  svg.append(svgElement("path", { d: STROKES[name] ?? "" }));
  return svg;
}

/** The mark: a letter set as a sail, over a hull and a wave. */
export function mark() {
  const svg = svgElement("svg", { viewBox: "0 0 48 48", class: "mark", "aria-hidden": "true" });
  svg.append(
    svgElement("rect", { class: "mark-sea", width: "48", height: "48", rx: "13" }),
    svgElement("path", { class: "mark-sail", d: "M14 9.5h20a1.5 1.5 0 0 1 1.5 1.5v12.5h-23V11A1.5 1.5 0 0 1 14 9.5z" }),
    svgElement("path", { class: "mark-fold", d: "M13.5 11.5L24 19l10.5-7.5" }),
    svgElement("path", { class: "mark-hull", d: "M7.5 27h33l-4.2 8.2a3 3 0 0 1-2.7 1.6H14.4a3 3 0 0 1-2.7-1.6z" }),
    svgElement("path", { class: "mark-wave", d: "M6 41c3 0 3-1.8 6-1.8s3 1.8 6 1.8 3-1.8 6-1.8 3 1.8 6 1.8 3-1.8 6-1.8 3 1.8 6 1.8" }),
  );
  return svg;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 */
function svgElement(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
