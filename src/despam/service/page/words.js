/* The page's words for what the API says in short names, and the examples.

   A name this file does not know is shown as it came: an older page in front of a newer server stays honest. */

const REPAIRS = {
  html: "was written in HTML",
  hidden: "contained text that a reader would not see",
  entities: "contained characters written as HTML codes",
  "zero-width": "contained invisible characters inside words",
  bidi: "contained characters that reverse the reading direction",
  "full-width": "contained full-width or decorated letters",
  "look-alikes": "contained letters of another alphabet inside words, such as Cyrillic ones inside Latin words",
  "spaced-out": "contained words with their letters spaced out",
};

/** Say one kind of repair in words. */
export const repairInWords = (kind) => REPAIRS[kind] ?? `needed repair: ${kind}`;

const REASONS = {
  "between the two cutoffs": "too close to the cutoff to be sure, so a person should have a look",
};

/** Say in words why a verdict is unsure. */
export const reasonInWords = (reason) => REASONS[reason] ?? (reason || "a person should have a look");

export const EXAMPLES = [
  [
    "A prize",
    "CONGRATULATIONS! You have WON a free iPhone 15. Claim your prize now at http://prize-claim.example/win " +
      "or text WIN to 80888. Offer ends tonight!",
  ],
  [
    "A friend",
    "Hey, are we still on for lunch tomorrow? I can be at the station by half past twelve, " +
      "call me if the train is late.",
  ],
  [
    "In disguise",
    "Сongratulations! Yоu wоn a f\u200br\u200be\u200be  p r i z e. Clаim your саsh рrize today: reply YES now",
  ],
  ["Hard to say", "Your order 4711 has shipped. Track it at https://shop.example/track/4711"],
];
