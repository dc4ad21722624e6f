/* Classifies many messages: in portions, with progress, to be stopped and gone on with.

   Knows how to portion and when to wait; how a portion is asked for is `api.js`, how it looks is `table.js`. A row
   keeps its answer as soon as there is one, so after a failure only the rest is asked for again. */

import { classifyMany, MAX_BYTES } from "./api.js";

const ROWS = 200;
const BYTES = MAX_BYTES / 2;
const PATIENCE = 3; // how often to wait when the server says it is busy

/** Cut the rows that have no answer yet into portions the server takes. */
export function* portions(rows) {
  let portion = [];
  let bytes = 0;
  for (const row of rows) {
    if (row.answer) continue;
    const size = sizeOf(row.text);
    if (portion.length && (portion.length === ROWS || bytes + size > BYTES)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(row);
    bytes += size;
  }
  if (portion.length) yield portion;
}

/** Say how many bytes a text takes in a body; guessed where even the worst guess (six bytes a unit) is small. */
function sizeOf(text) {
  return text.length < BYTES / 6 ? text.length * 6 : new Blob([JSON.stringify(text)]).size;
}

/** Ask for every row's verdict; `progress(done)` after each portion. */
export async function runBatch(rows, signal, progress) {
  for (const row of rows) {
    if (!row.answer && sizeOf(row.text) > MAX_BYTES - 100) row.answer = { error: "Too long: over 1 MB." };
  }
  let done = rows.filter((row) => row.answer).length;
  for (const portion of portions(rows)) {
    const answers = await patiently(
      portion.map((row) => row.text),
      signal,
    );
    portion.forEach((row, index) => {
      row.answer = answers[index];
    });
    done += portion.length;
    progress(done);
    signal.throwIfAborted();
  }
}

async function patiently(texts, signal) {
  for (let time = 1; ; time += 1) {
    try {
      return await classifyMany(texts, signal);
    } catch (problem) {
      if (problem.kind !== "busy" || time > PATIENCE) throw problem;
      await new Promise((resolve) => {
        setTimeout(resolve, Math.min(problem.wait || time, 10) * 1000);
      });
      signal.throwIfAborted();
    }
  }
}

/** Count what came out. */
export function tally(rows) {
  const total = { SPAM: 0, HAM: 0, unsure: 0, errors: 0, labelled: 0, agree: 0 };
  for (const { answer, label } of rows) {
    if (!answer) continue;
    if (answer.error) total.errors += 1;
    else {
      total[answer.classification] += 1;
      if (answer.unsure) total.unsure += 1;
      if (label) {
        total.labelled += 1;
        if (label === answer.classification) total.agree += 1;
      }
    }
  }
  return total;
}

/** Write the results as JSON Lines, a row's own fields first, as `despam classify --batch --keep-text` does. */
export function toJsonLines(rows) {
  return rows.map((row) => `${JSON.stringify({ ...row.fields, ...verdictFields(row.answer) })}\n`).join("");
}

/** Write the results as CSV. */
export function toCsv(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys({ ...row.fields, ...verdictFields(row.answer) })))];
  const lines = rows.map((row) => {
    const fields = { ...row.fields, ...verdictFields(row.answer) };
    return columns.map((column) => cell(fields[column])).join(",");
  });
  return `\ufeff${[columns.map(cell).join(","), ...lines].join("\r\n")}\r\n`;
}

function verdictFields(answer) {
  if (!answer) return { error: "not asked" };
  if (answer.error) return { error: answer.error };
  const { classification, spam_probability, score, unsure } = answer;
  return { classification, spam_probability, score, unsure };
}

function cell(value) {
  const text = value == null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  // strangers wrote these texts, and a spreadsheet runs a cell that begins like a formula
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
