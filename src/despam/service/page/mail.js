/* Reads a mail source (.eml) into what a person would see: the subject and the text.

   Knows as much of MIME as mail in the wild needs: folded and encoded headers, nested parts, quoted-printable, base64,
   charsets. Never fails: a part it cannot decode is given as it stands. HTML stays HTML source; the server reads it as
   a reader would, and here it is never rendered. */

const DEPTH = 20;

/** Give subject and text of a mail source as one string. */
export function readMail(source) {
  const { headers, body } = splitPart(source.replace(/\r\n?/g, "\n"));
  const subject = decodeWords(headers.get("subject") ?? "");
  const parts = textParts(headers, body, 0)
    .map((part) => part.trim())
    .filter(Boolean);
  return [subject, ...parts].filter(Boolean).join("\n\n") || source;
}

function splitPart(source) {
  const end = source.search(/\n\n|^\n/);
  const head = end < 0 ? source : source.slice(0, end);
  const headers = new Map();
  for (const line of head.replace(/\n[ \t]+/g, " ").split("\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim().toLowerCase();
    if (colon > 0 && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return { headers, body: end < 0 ? "" : source.slice(end).replace(/^\n{1,2}/, "") };
}

/** Collect the texts; of alternatives the plain one, else the HTML one. */
function textParts(headers, body, depth) {
  const type = headers.get("content-type") ?? "text/plain";
  const kind = type.split(";")[0].trim().toLowerCase();
  if (kind.startsWith("multipart/") && depth < DEPTH) {
    const parts = splitBody(body, parameter(type, "boundary")).map(splitPart);
    if (kind === "multipart/alternative") {
      const plain = parts.filter((part) => /^text\/plain/i.test(part.headers.get("content-type") ?? "text/plain"));
      const texts = plain
        .flatMap((part) => textParts(part.headers, part.body, depth + 1))
        .filter((text) => text.trim());
      if (texts.length) return texts;
    }
    return parts.flatMap((part) => textParts(part.headers, part.body, depth + 1));
  }
  if (kind === "message/rfc822" && depth < DEPTH) {
    const inner = splitPart(body);
    return textParts(inner.headers, inner.body, depth + 1);
  }
  if (!kind.startsWith("text/") || /^attachment/i.test(headers.get("content-disposition") ?? "")) return [];
  return [decodeBody(body, (headers.get("content-transfer-encoding") ?? "").toLowerCase(), parameter(type, "charset"))];
}

function splitBody(body, boundary) {
  if (!boundary) return [body];
  return `\n${body}`
    .split(`\n--${boundary}`)
    .slice(1)
    .filter((part) => !part.startsWith("--"))
    .map((part) => part.replace(/^[^\n]*\n/, ""));
}

function parameter(value, name) {
  const found = value.match(new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^;\\s]+))`, "i"));
  return found ? (found[1] ?? found[2]) : "";
}

function decodeBody(body, encoding, charset) {
  if (encoding === "base64") return decodeBase64(body, charset) ?? body;
  if (encoding === "quoted-printable") return decodeQuoted(body.replace(/[ \t]*=\n/g, ""), charset);
  return body;
}

function decodeBytes(bytes, charset) {
  for (const name of [charset || "utf-8", "windows-1252"]) {
    try {
      return new TextDecoder(name, { fatal: true }).decode(bytes);
    } catch {
      // an unknown charset, or bytes that are not in it
    }
  }
  return new TextDecoder().decode(bytes);
}

function decodeBase64(text, charset) {
  try {
    return decodeBytes(
      Uint8Array.from(atob(text.replace(/[^A-Za-z0-9+/]/g, "")), (sign) => sign.charCodeAt(0)),
      charset,
    );
  } catch {
    return null;
  }
}

function decodeQuoted(text, charset) {
  // only runs of =XX are bytes; what stands between is text already
  return text.replace(/(?:=[0-9A-Fa-f]{2})+/g, (run) =>
    decodeBytes(
      Uint8Array.from(run.slice(1).split("="), (hex) => Number.parseInt(hex, 16)),
      charset,
    ),
  );
}

/** Decode words such as =?utf-8?B?...?= in a header. */
function decodeWords(header) {
  return header
    .replace(/\?=\s+=\?/g, "?==?")
    .replace(/=\?([^?]+)\?([bq])\?([^?]*)\?=/gi, (whole, charset, way, text) =>
      way.toLowerCase() === "b"
        ? (decodeBase64(text, charset) ?? whole)
        : decodeQuoted(text.replaceAll("_", " "), charset),
    );
}
