/* Puts the clues into the visitor's text.

   The API counts offsets in code points, JavaScript in UTF-16 units: an emoji is one there and two here. This file
   alone knows the difference. Clues may overlap; the text comes back as pieces in order, each with the clues that
   cover it, and the pieces joined are always exactly the text. */

/** Turn code point offsets (ascending) into UTF-16 offsets, in one walk through the text. */
export function unitOffsets(text, points) {
  const units = [];
  let point = 0;
  let unit = 0;
  for (const wanted of points) {
    while (point < wanted && unit < text.length) {
      unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
      point += 1;
    }
    units.push(unit);
  }
  return units;
}

export const isPlaced = (clue) => Number.isInteger(clue.start) && Number.isInteger(clue.end) && clue.end > clue.start;

/** Cut the text at every border of a clue: `[{text, clues, weight}]`. */
export function cut(text, clues) {
  const placed = clues.filter(isPlaced);
  const borders = [...new Set([0, ...placed.flatMap((clue) => [clue.start, clue.end])])].sort((a, b) => a - b);
  const units = unitOffsets(text, borders);
  const starting = groupByStart(placed);
  const pieces = [];
  let open = [];
  borders.forEach((border, index) => {
    open = open.filter((clue) => clue.end > border).concat(starting.get(border) ?? []);
    const piece = text.slice(units[index], units[index + 1] ?? text.length);
    if (piece) pieces.push({ text: piece, clues: open, weight: weigh(open, borders[index + 1] - border) });
  });
  return pieces;
}

function groupByStart(clues) {
  const groups = new Map();
  for (const clue of clues) {
    const group = groups.get(clue.start);
    if (group) group.push(clue);
    else groups.set(clue.start, [clue]);
  }
  return groups;
}

/** A piece weighs its share of every clue that covers it. */
function weigh(clues, length) {
  return clues.reduce((sum, clue) => sum + (clue.contribution * length) / (clue.end - clue.start), 0);
}

/** How strongly to mark a weight, 0 (not at all) to 4, measured against the heaviest of this message. */
export function strength(weight, heaviest) {
  const share = Math.abs(weight) / Math.max(heaviest, 0.4);
  return [0.12, 0.3, 0.55, 0.8].filter((step) => share >= step).length;
}

/** Take spans out of the text, for the question what they decided. */
export function without(text, spans) {
  const inOrder = [...spans].sort((a, b) => a[0] - b[0]);
  const apart = inOrder.filter(([start], index) => index === 0 || start >= inOrder[index - 1][1]);
  const units = unitOffsets(text, apart.flat());
  let rest = "";
  let from = 0;
  for (let index = 0; index < units.length; index += 2) {
    const [start, end] = units.slice(index, index + 2);
    rest += text.slice(from, start);
    from = text[start - 1] === " " && text[end] === " " ? end + 1 : end;
  }
  return rest + text.slice(from);
}

/** Add up clues that say the same in any case of letters, heaviest first; `spans` in the order of the text. */
export function merge(clues) {
  const merged = new Map();
  for (const clue of clues) {
    const whole = !isPlaced(clue);
    const name = `${whole}${clue.text.toLowerCase()}`;
    if (!merged.has(name)) merged.set(name, { text: clue.text, whole, spans: [], times: 0, contribution: 0 });
    const entry = merged.get(name);
    entry.times += 1;
    entry.contribution += clue.contribution;
    if (!whole) entry.spans.push([clue.start, clue.end]);
  }
  for (const entry of merged.values()) entry.spans.sort((a, b) => a[0] - b[0]);
  return [...merged.values()].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
}
