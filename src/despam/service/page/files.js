/* Reads a file that the visitor chose: one message, or many with their columns.

   Everything happens in the browser; nothing is uploaded here. The ending decides how a file is read (.gz is opened
   first). UTF-8 is expected, Windows-1252 taken when it is not; mail is read as bytes. A file that makes no sense
   throws `FileProblem` with one sentence, one whose texts are in no usual column a `ColumnProblem`. Answers `{text}` or
   `{rows: [{row, text, label, fields}], labelled}`; a row that cannot be read has an `answer` already, its error. */

import { toBinary } from "./charsets.js";
import { count, shorten } from "./dom.js";
import { readMail, splitMbox } from "./mail.js";

export const MAX_FILE = 50 * 1024 * 1024;
export const KINDS = ".txt or .eml for one message; .csv, .tsv, .jsonl or .mbox for many; each packed as .gz too";
// as core reads them: the first that is there wins
export const TEXT_NAMES = [
  ...["text", "message", "body", "content", "sms", "v2", "msg", "comment", "email", "mail", "message_text"],
  ...["email_text", "email text", "text_combined"],
];
export const LABEL_NAMES = [
  ...["label", "category", "class", "v1", "spam", "is_spam", "isspam", "spam/ham", "target", "labels", "label_num"],
];
const SPAM = ["spam", "1", "1.0", "true", "yes"];
const HAM = [
  ...["ham", "0", "0.0", "false", "no", "legitimate"],
  ...["not spam", "not_spam", "notspam", "non-spam", "nonspam", "no spam"],
];

export class FileProblem extends Error {}

/** No usual column: `names` are there, `use(name)` gives what the file holds with its texts in one of them. */
export class ColumnProblem extends FileProblem {
  constructor(message, names, use) {
    super(message);
    Object.assign(this, { names, use });
  }
}

/** Read a file into one message or many. */
export async function readFile(file) {
  if (file.size > MAX_FILE)
    throw new FileProblem(`${file.name} is larger than 50 MB. The command line reads it: despam classify --batch.`);
  const name = file.name.toLowerCase().replace(/\.gz$/, "");
  const bytes = await unpack(file);
  if (/\.(eml|mbox)$/.test(name)) return mails(toBinary(bytes), name.endsWith(".mbox"), file.name);
  const text = decode(bytes);
  if (!text.trim()) throw new FileProblem(`${file.name} is empty.`);
  if (text.includes("\0")) throw new FileProblem(`${file.name} is no text file. Choose ${KINDS}.`);
  if (/\.(csv|tsv)$/.test(name)) return table(parseCsv(text, file.name), file.name);
  if (/\.(jsonl|ndjson)$/.test(name)) return jsonLines(text, file.name);
  return { text };
}

const one = (many) => (many.rows.length === 1 ? { text: many.rows[0].text } : many);

async function unpack(file) {
  try {
    const stream = file.name.toLowerCase().endsWith(".gz")
      ? file.stream().pipeThrough(new DecompressionStream("gzip"))
      : file.stream();
    return await upTo(stream, file.name);
  } catch (error) {
    throw error instanceof FileProblem
      ? error
      : new FileProblem(`${file.name} could not be read: it is broken, or no longer there.`);
  }
}

function decode(bytes) {
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
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    size += value.length;
    if (size > MAX_FILE)
      throw new FileProblem(`${name} unpacks to more than 50 MB. The command line reads it: despam classify --batch.`);
    parts.push(value);
  }
}

/** Read a mail, or each of a mailbox: its label is not in it. */
function mails(source, several, name) {
  if (!source.trim()) throw new FileProblem(`${name} is empty.`);
  const texts = (several ? splitMbox(source) : [source]).map(readMail);
  if (texts.length === 1 && !texts[0].trim())
    throw new FileProblem(`${name} has no subject and no text. Pictures and attachments are not read.`);
  return one({
    rows: texts.map((text, index) => ({ row: index + 1, text, fields: { message: index + 1 } })),
    labelled: false,
  });
}

/** Split comma, semicolon or tab separated values; quotes may hold separators and line breaks. */
export function parseCsv(text, name = "the file") {
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
          const line = text.slice(0, at).split("\n").length;
          throw new FileProblem(`${name}, line ${line}: a double quote opened here is never closed.`);
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
    const line = lines[index];
    if (!line.trim()) continue;
    const { row, error } = parseLine(line);
    // one bad line is an error in its place, as in a batch on the command line
    rows.push(row ?? new Unread(line, `${name}, line ${count(index + 1)} ${error}`));
  }
  if (rows.every((row) => row instanceof Unread)) throw new FileProblem(rows[0].error);
  const names = rows.slice(0, 100).flatMap((row) => (row instanceof Unread ? [] : Object.keys(row)));
  return withColumns(rows, [...new Set(names)], name);
}

/** A line that is no row, and why. */
class Unread {
  constructor(line, error) {
    Object.assign(this, { line, error });
  }
}

function parseLine(line) {
  let row;
  try {
    row = JSON.parse(line);
  } catch {
    return { error: "is no JSON. One object a line is expected." };
  }
  if (typeof row === "string") return { row: { text: row } };
  return row && typeof row === "object" && !Array.isArray(row) ? { row } : { error: "is no object." };
}

function withColumns(rows, names, file) {
  const find = (wanted) => wanted.map((want) => names.find((name) => name.trim().toLowerCase() === want)).find(Boolean);
  // nothing usual and one column: that one
  const column = find(TEXT_NAMES) ?? (names.length === 1 ? names[0] : undefined);
  const labelColumn = find(LABEL_NAMES);
  const use = (chosen) => one(readRows(rows, chosen, labelColumn === chosen ? undefined : labelColumn));
  if (column) return use(column);
  if (!names.length) throw new FileProblem(`${file} has no fields. One with the text of each message is expected.`);
  const there = names.slice(0, 12).map((name) => shorten(name, 30)).join(", ");
  throw new ColumnProblem(
    `${file} has no column named text, message or body. It has: ${there}.`,
    byLength(names, rows),
    use,
  );
}

/** Put the column with the longest texts first: it is the likeliest to hold the messages. */
function byLength(names, rows) {
  const sample = rows.slice(0, 100);
  const length = (name) => sample.reduce((sum, row) => sum + String(row[name] ?? "").length, 0);
  return names.map((name) => [length(name), name]).sort((a, b) => b[0] - a[0]).map(([, name]) => name);
}

function readRows(rows, column, labelColumn) {
  const read = rows.map((fields, index) =>
    fields instanceof Unread
      ? { row: index + 1, text: fields.line, fields: {}, answer: { error: fields.error } }
      : {
          row: index + 1,
          text: typeof fields[column] === "string" ? fields[column] : "",
          label: labelColumn && labelOf(fields[labelColumn]),
          fields,
        },
  );
  return { rows: read, labelled: read.some((row) => row.label) };
}

function labelOf(value) {
  const word = String(value).trim().toLowerCase();
  return SPAM.includes(word) ? "SPAM" : HAM.includes(word) ? "HAM" : undefined;
}
