/* Reads a mail source (.eml, .mbox) into what a person would see, as `core/mail.py` does: the subject and the text.

   A source is a string with one character for each byte: which letters they are is known part by part, once its
   transfer encoding is undone. Knows folded and encoded headers, nested parts, quoted-printable, base64. Never fails: a
   part it cannot decode is given as it stands. HTML stays HTML source; here it is never rendered. */

import { decodeText, toBinary } from "./charsets.js";

const SOURCE_LIMIT = 1 << 20; // bytes of one message that are looked at
const DEPTH = 20;
const SUBJECT_LIMIT = 1 << 15;
const STUB_LETTERS = 60; // a plain part with fewer letters beside a longer HTML part is a stub
const FIRST_HEADER = /^[!-9;-~]{1,76}[ \t]*:/;
const HEADER_END = /\n(?:\n|(?=--)(?!--[!-9;-~]{0,74}[ \t]*:))/; // a boundary ends it too, an empty line missing
const MESSAGES = ["message/rfc822", "message/global"];
const SAYS_HTML = /\bhtml\b|mime|mail (?:client|reader|program)|view (?:this|it|the)|browser/i;
const HEAD_LINE = /[ \t>]*(from|to|cc|bcc|date|sent|reply-to|subject)[ \t]*:[ \t]*([^\n]*)(?:\n|$)/iy;

/** Cut an mbox into the sources of its messages: at each line "From ..." behind an empty one. */
export function splitMbox(source) {
  const messages = [];
  let lines = null;
  let blank = true;
  for (const line of source.replace(/\r\n?/g, "\n").split("\n")) {
    if (blank && line.startsWith("From ")) {
      if (lines) messages.push(lines.join("\n"));
      lines = [];
      blank = false;
      continue;
    }
    blank = !line.trim();
    if (!blank) lines ??= []; // empty lines before the first message are none
    lines?.push(line.replace(/^>(>*From )/, "$1"));
  }
  if (lines) messages.push(lines.join("\n"));
  return messages;
}

/** Give subject and text of a mail source as one string. */
export function readMail(source) {
  const plain = source
    .slice(0, SOURCE_LIMIT)
    .replace(/\r\n?/g, "\n")
    .replace(/^\xef\xbb\xbf/, "")
    .replace(/^\n+/, "")
    .replace(/^>?From [^\n]*(?:\n|$)/, ""); // the line that mbox files put in front
  const whole = splitPart(plain);
  const texts = choices([...leaves(whole, null, "text/plain", 0)]);
  return [subjects(whole), dropHead(texts.join("\n"))].filter(Boolean).join("\n");
}

function splitPart(source) {
  const headers = new Map([["subject", []]]);
  if (source.startsWith("\n")) return { headers, body: source.slice(1) };
  if (!FIRST_HEADER.test(source)) return { headers, body: source };
  const end = source.match(HEADER_END);
  const head = end ? source.slice(0, end.index) : source;
  for (const line of head.replace(/\n(?=[ \t])/g, " ").split("\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (colon > 0 && name === "subject") headers.get(name).push(value);
    else if (colon > 0 && !headers.has(name)) headers.set(name, value);
  }
  return { headers, body: end ? source.slice(end.index + end[0].length) : "" };
}

/** Every subject of a message: which of them a reader is shown is the reader's choice. */
const subjects = ({ headers }) => headers.get("subject").map(decodeHeader).filter(Boolean).join("\n");

/** Find the texts, in order: `{group, html, text}`; those that are versions of one text share a group. */
function* leaves({ headers, body }, group, usual, depth) {
  const type = headers.get("content-type") ?? usual;
  let kind = type.split(";")[0].trim().toLowerCase();
  if (!kind.includes("/")) kind = "text/plain";
  if (depth < DEPTH && MESSAGES.includes(kind)) {
    const inner = splitPart(body);
    yield { group: null, html: false, text: subjects(inner) };
    return yield* leaves(inner, group, "text/plain", depth + 1);
  }
  const boundary = kind.startsWith("multipart/") && depth < DEPTH ? parameter(type, "boundary").trimEnd() : "";
  if (boundary) {
    const parts = splitBody(body, boundary);
    if (!parts.length) return yield { group: null, html: false, text: decodeText(body, "") };
    const inside = kind === "multipart/alternative" ? {} : group;
    const each = kind === "multipart/digest" ? MESSAGES[0] : "text/plain";
    for (const part of parts) yield* leaves(splitPart(part), inside, each, depth + 1);
    return;
  }
  if (kind.startsWith("multipart/")) kind = "text/plain";
  if (!kind.startsWith("text/") || kind === "text/css" || kind === "text/javascript") return;
  const raw = decodeTransfer(body, headers.get("content-transfer-encoding") ?? "");
  const text = bare(decodeText(raw, parameter(type, "charset")).replaceAll("\r\n", "\n"));
  const attached = /^attachment/i.test(headers.get("content-disposition") ?? "");
  yield { group: attached ? null : group, html: kind === "text/html", text };
}

/** Take the line ends off both ends; a pattern would go through a long run of them once for each. */
function bare(text) {
  let [start, end] = [0, text.length];
  while (text[start] === "\n") start += 1;
  while (end > start && text[end - 1] === "\n") end -= 1;
  return text.slice(start, end);
}

/** Put the versions of one text where the first of them stood, and choose between them. */
function choices(found) {
  const groups = new Map();
  for (const leaf of found.filter(({ text }) => text)) {
    const group = leaf.group ?? leaf;
    if (!groups.has(group)) groups.set(group, { plain: [], html: [] });
    groups.get(group)[leaf.html && leaf.group ? "html" : "plain"].push(leaf.text);
  }
  return [...groups.values()].map(({ plain, html }) => choose(plain.join("\n"), html.join("\n")));
}

const lettersOf = (text) => text.replace(/[^\p{L}\p{N}]+/gu, "").length;

/** Choose between two versions of one text: the plain one, unless it only says that there is another. */
function choose(plain, html) {
  if (!html.trim()) return plain;
  const letters = lettersOf(plain.slice(0, 2000));
  if (letters >= STUB_LETTERS && !(letters < 400 && SAYS_HTML.test(plain))) return plain;
  const shown = html.slice(0, 100000).replace(/<(?:style|script)\b[^<]*|<[^<>]*>/gi, " ");
  return lettersOf(shown) > letters ? html : plain;
}

/** Cut a body at its boundary's lines; what stands before the first and behind the last is nobody's. */
function splitBody(body, boundary) {
  const parts = [];
  let from = -1;
  for (const line of `\n${body}`.matchAll(/\n--([^\n]+)/g)) {
    const mark = line[1].trimEnd();
    if (mark !== boundary && mark !== `${boundary}--`) continue;
    if (from >= 0) parts.push(body.slice(from, Math.max(from, line.index - 1)));
    from = mark === boundary ? line.index + line[0].length : -1;
    if (from < 0) break;
  }
  if (from >= 0) parts.push(body.slice(from));
  return parts;
}

function parameter(value, name) {
  const found = value.match(new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^;\\s]+))`, "i"));
  return found ? (found[1] ?? found[2]) : "";
}

/** Undo base64 or quoted-printable, as far as it goes: bytes in, bytes out. */
function decodeTransfer(body, header) {
  const encoding = header.split(";")[0].trim().toLowerCase();
  if (encoding === "quoted-printable") return decodeQuoted(body);
  if (encoding !== "base64") return body;
  const [head, ...pieces] = body.split("=");
  const tail = pieces.join("=").replace(/^[=\n\t ]+/, "");
  // a mailing list's footer, put behind what was encoded
  if (tail.trimEnd().includes(" ")) return `${decodeBase64(head)}\n${tail}`;
  return [head, ...pieces].map(decodeBase64).join("") || body;
}

/** Decode the letters of base64 among whatever else there is. */
function decodeBase64(text) {
  const letters = text.replace(/[^A-Za-z0-9+/]/g, "");
  return atob(letters.length % 4 === 1 ? letters.slice(0, -1) : letters);
}

const decodeQuoted = (text) =>
  text.replace(/=(\n|=|[0-9A-Fa-f]{2}|$)/g, (_, behind) =>
    behind.length === 2 ? String.fromCharCode(Number.parseInt(behind, 16)) : behind.trim(),
  );

/** Decode a header's value: encoded words such as =?utf-8?B?...?=, bare bytes, folded lines. */
function decodeHeader(header) {
  const text = decodeText(header.slice(0, SUBJECT_LIMIT), "").replace(
    /(=\?[^?\s]{1,60}\?[bq]\?[^?]*\?=)\s+(?==\?)/gi,
    "$1",
  );
  // neighbours in one charset may share a character
  const words = /(?:=\?([^?\s]{1,60})\?[bq]\?[^?]*\?=)(?:=\?\1\?[bq]\?[^?]*\?=)*/gi;
  const decoded = text.replace(words, (run, charset) => {
    const each = run.matchAll(/=\?[^?]+\?([bq])\?([^?]*)\?=/gi);
    return decodeText(Array.from(each, ([, way, word]) => decodeWord(way, word)).join(""), charset);
  });
  return decoded.split(/\s+/).filter(Boolean).join(" ");
}

function decodeWord(way, word) {
  const bytes = toBinary(new TextEncoder().encode(word));
  return way.toLowerCase() === "b" ? decodeTransfer(bytes, "base64") : decodeQuoted(bytes.replaceAll("_", " "));
}

/** Drop From, To and Date lines at the head of a body, one of each, and the word Subject, keeping its words. */
function dropHead(text) {
  HEAD_LINE.lastIndex = text.length - text.trimStart().length;
  const start = HEAD_LINE.lastIndex;
  const seen = new Set();
  let subject = "";
  let end = start;
  for (let found = HEAD_LINE.exec(text); found; found = HEAD_LINE.exec(text)) {
    const name = found[1].toLowerCase();
    if (seen.has(name) || !(name === "subject" || isDull(name, found[2]))) break;
    if (name === "subject") subject = found[2];
    seen.add(name);
    end = HEAD_LINE.lastIndex;
  }
  if (!subject && !end) return text;
  return [subject, text.slice(end)].filter(Boolean).join("\n");
}

/** Say whether a value is addresses or a date and next to nothing besides, so that no message hides in it. */
function isDull(name, value) {
  const words = value.split(/\s+/).filter(Boolean);
  const dated = name === "date" || name === "sent";
  const known = words.filter((word) => (dated ? /\p{Nd}/u.test(word) : word.includes("@"))).length;
  return !value.includes("://") && words.length - known <= Math.max(2, 3 * known);
}
