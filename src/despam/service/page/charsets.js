/* Decodes bytes by the charset that somebody named for them, as `core/charsets.py` does.

   Browsers know the supersets that senders mean (gb2312 is gb18030, shift_jis is Windows-31J); here stand only the names
   that Python knows and they do not, and what happens to bytes that are not in their charset. Charsets no browser
   has (utf-7, utf-32, DOS code pages) are read as if none was named. Any bytes and any name give a text. */

const NAMES = {
  "": "utf-8",
  ascii: "utf-8",
  "us-ascii": "utf-8",
  "ansi-x3.4-1968": "utf-8",
  "latin-1": "windows-1252",
  cp932: "shift_jis",
  ms932: "shift_jis",
  cp936: "gb18030",
  ms936: "gb18030",
  cp949: "euc-kr",
  ms949: "euc-kr",
  cp874: "windows-874",
  big5hkscs: "big5",
  utf16: "utf-16",
};
// those whose broken text is still read by them, not as Windows-1252
const SEVERAL_BYTES = /^(gbk|gb18030|big5|shift_jis|euc-kr|euc-jp|iso-2022-jp|utf-16)/;
const SAMPLE = 20000;
const LEFT_OUT = /[\x81\x8d\x8f\x90\x9d]/; // the five bytes that Windows-1252 has no character for

/** Give the bytes of a string that has one character for each. */
export const toBytes = (binary) => Uint8Array.from(binary, (sign) => sign.charCodeAt(0));

/** Give a string with one character for each byte. */
export function toBinary(bytes) {
  const pieces = [];
  for (let at = 0; at < bytes.length; at += 0x8000)
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + 0x8000)));
  return pieces.join("");
}

/** Decode by the charset named, else as UTF-8, else as near as can be; `binary` has one character for each byte. */
export function decodeText(binary, charset) {
  const bytes = toBytes(binary);
  const named = nameOf(charset, bytes);
  for (const name of [named, "utf-8"]) {
    if (!name || (name === "windows-1252" && LEFT_OUT.test(binary))) continue;
    try {
      return new TextDecoder(name, { fatal: true, ignoreBOM: !name.startsWith("utf-16") }).decode(bytes);
    } catch {
      // not in it
    }
  }
  if (SEVERAL_BYTES.test(named)) return new TextDecoder(named, { ignoreBOM: true }).decode(bytes);
  if (named === "utf-8" && !mostlyLatin(bytes)) return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return new TextDecoder("windows-1252").decode(bytes).replace(new RegExp(LEFT_OUT, "g"), "\ufffd");
}

/** Give a browser's name of a charset as senders write it, or the empty string for none that it knows. */
function nameOf(charset, bytes) {
  const plain = charset
    .replace(/^['" \t]+|['" \t]+$/g, "")
    .toLowerCase()
    .split("*")[0];
  const hyphened = plain.replaceAll("_", "-");
  for (const name of [NAMES[hyphened] ?? plain, hyphened, hyphened.replace(/^iso-?8859-/, "iso-8859-")]) {
    try {
      const known = new TextDecoder(name).encoding;
      if (known === "x-user-defined") return "";
      return known === "utf-16le" && bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : known;
    } catch {
      // not known by this name
    }
  }
  return "";
}

/** Say whether bytes that are not all UTF-8 are rather Windows-1252: more of them break UTF-8 than fit it. */
function mostlyLatin(bytes) {
  const sample = bytes.subarray(0, SAMPLE);
  const broken = new TextDecoder().decode(sample).split("\ufffd").length - 1;
  return broken * 2 > sample.filter((byte) => byte > 127).length;
}
