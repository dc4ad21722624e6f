/* Reads a file that the visitor chose: one message, or many with their columns.

   Everything happens in the browser; nothing is uploaded here. The ending decides how a file is read (.gz is opened
   first). UTF-8 is expected, Windows-1252 taken when it is not. A file that makes no sense throws `FileProblem` with
   one sentence. Answers `{text}` or `{rows: [{row, text, label, fields}], labelled}`. */

import { count } from "./dom.js";
import { readMail } from "./mail.js";

export const MAX_FILE = 50 * 1024 * 1024;
const TEXT_NAMES = ["text", "message", "v2", "body", "content", "comment", "sms"];
const LABEL_NAMES = ["label", "category", "v1", "class", "target", "spam"];
const SPAM = ["spam", "1", "true", "yes"];
const HAM = ["ham", "0", "false", "no", "not spam"];

export class FileProblem extends Error {}

/** Read a file into one message or many. */
export async function readFile(file) {
  if (file.size > MAX_FILE)
    throw new FileProblem(`${file.name} is larger than 50 MB. The command line reads it: despam classify --batch.`);
  const name = file.name.toLowerCase().replace(/\.gz$/, "");
  const text = await decode(file);
  if (!text.trim()) throw new FileProblem(`${file.name} is empty.`);
  if (text.includes("\0")) throw new FileProblem(`${file.name} is no text file.`);
  if (/\.(csv|tsv)$/.test(name)) return one(table(parseCsv(text), file.name));
  if (/\.(jsonl|ndjson)$/.test(name)) return one(jsonLines(text, file.name));
  return { text: name.endsWith(".eml") ? readMail(text) : text };
}

const one = (many) => (many.rows.length === 1 ? { text: many.rows[0].text } : many);

async function decode(file) {
  let bytes;
  try {
    const stream = file.name.toLowerCase().endsWith(".gz")
      ? file.stream().pipeThrough(new DecompressionStream("gzip"))
      : file.stream();
    bytes = await upTo(stream, file.name);
  } catch (error) {
    throw error instanceof FileProblem
      ? error
      : new FileProblem(`${file.name} could not be read: it is broken, or no longer there.`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** Collect a stream, but not more than a packed file may pretend to be. */
async function upTo(stream, name) {
  const parts = [];
  let size = 0;
  for (const reader = stream.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts).arrayBuffer();
    size += value.length;
    if (size > MAX_FILE)
      throw new FileProblem(`${name} unpacks to more than 50 MB. The command line reads it: despam classify --batch.`);
    parts.push(value);
  }
}

/** Split comma, semicolon or tab separated values; quotes may hold separators and line breaks. */
export function parseCsv(text) {
  const head = text.slice(0, text.indexOf("\n") + 1 || undefined);
  const separator = [",", "\t", ";"].reduce(
    (best, sign) => (head.split(sign).length > head.split(best).length ? sign : best),
    ",",
  );
  const rows = [];
  let row = [];
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (at < text.length) {
    let cell = "";
    if (text[at] === '"') {
      let end = at + 1;
      for (;;) {
        const quote = text.indexOf('"', end);
        if (quote < 0) {
          cell += text.slice(end);
          at = text.length;
          break;
        }
        cell += text.slice(end, quote);
        if (text[quote + 1] !== '"') {
          at = quote + 1;
          break;
        }
        cell += '"';
        end = quote + 2;
      }
    }
    const start = at;
    while (at < text.length && text[at] !== separator && text[at] !== "\n") at += 1;
    const atEnd = text[at] !== separator;
    row.push(cell + (atEnd ? text.slice(start, at).replace(/\r$/, "") : text.slice(start, at)));
    at += 1;
    if (atEnd) {
      if (row.length > 1 || row[0]) rows.push(row);
      row = [];
    }
  }
  if (row.length) rows.push([...row, ""]);
  return rows;
}

function table(cells, name) {
  if (cells.length < 2) throw new FileProblem(`${name} holds a heading and no messages.`);
  const names = cells[0].map((cell, index) => cell.trim() || `column ${index + 1}`);
  const rows = cells
    .slice(1)
    .map((row) => Object.fromEntries(names.map((column, index) => [column, row[index] ?? ""])));
  return withColumns(rows, names, name);
}

function jsonLines(text, name) {
  const rows = [];
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index += 1) {
    if (!lines[index].trim()) continue;
    let row;
    try {
      row = JSON.parse(lines[index]);
    } catch {
      throw new FileProblem(`${name}, line ${count(index + 1)} is no JSON. One object a line is expected.`);
    }
    if (typeof row === "string") row = { text: row };
    if (!row || typeof row !== "object") throw new FileProblem(`${name}, line ${count(index + 1)} is no object.`);
    rows.push(row);
  }
  return withColumns(rows, [...new Set(rows.slice(0, 100).flatMap(Object.keys))], name);
}

function withColumns(rows, names, file) {
  const find = (wanted) => wanted.map((want) => names.find((name) => name.trim().toLowerCase() === want)).find(Boolean);
  const column = find(TEXT_NAMES) ?? (names.length === 1 ? names[0] : undefined);
  if (!column)
    throw new FileProblem(
      `${file} has no column named text, message or body. It has: ${names.slice(0, 12).join(", ")}.`,
    );
  const labelColumn = find(LABEL_NAMES.filter((name) => name !== column));
  const read = rows.map((fields, index) => ({
    row: index + 1,
    text: typeof fields[column] === "string" ? fields[column] : "",
    label: labelColumn && labelOf(fields[labelColumn]),
    fields,
  }));
  return { rows: read, labelled: read.some((row) => row.label) };
}

function labelOf(value) {
  const word = String(value).trim().toLowerCase();
  return SPAM.includes(word) ? "SPAM" : HAM.includes(word) ? "HAM" : undefined;
}
