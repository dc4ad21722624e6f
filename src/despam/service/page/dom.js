/* Builds elements, and says numbers the way the page says them.

   Everything a visitor or a server wrote goes in as a text node: there is no way here to make HTML out of a string,
   and the page's policy (trusted types) forbids one anywhere else. Knows no state and no address. */

/** Make an element; strings among the children become text nodes, nothing else. */
export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  SPAM: "M12 7.5v5.5m0 3v.5M8.2 3h7.6L21 8.2v7.6L15.8 21H8.2L3 15.8V8.2z",
  HAM: "M8 12.4l2.8 2.8L16 9.6M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18z",
  ERROR: "M12 9v4.5m0 2.6v.4M12 3.6L2.8 19.8h18.4z",
};

/** Draw one of three icons; it is decoration, the word beside it carries the meaning. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Say a share: 97 %, and 0 % or 100 % only for none and all. */
export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.1) return "under 0.1\u00a0%";
  if (value < 100 && value > 99.9) return "over 99.9\u00a0%";
  return `${(value > 0 && value < 1) || (value > 99 && value < 100) ? value.toFixed(1) : value.toFixed(0)}\u00a0%`;
}

/** Say a contribution with its sign, a true minus included. */
export function signed(value) {
  const digits = Math.abs(value).toFixed(2);
  return `${value < 0 ? "−" : "+"}${digits}`;
}

export const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

export const count = (number) => number.toLocaleString("en");

/** Say how many there are of something, in the right number. */
export const many = (number, one, several = `${one}s`) => `${count(number)} ${number === 1 ? one : several}`;

/** Shorten for a label; cuts between code points, so that no emoji is split. */
export function shorten(text, length) {
  const clean = text
    .slice(0, length * 4)
    .replace(/\s+/g, " ")
    .trim();
  const points = Array.from(clean);
  return points.length > length || text.length > length * 4 ? `${points.slice(0, length - 1).join("")}…` : clean;
}
