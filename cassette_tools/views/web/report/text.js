// Recorded text for eyes, as views/escape.py and json_layout.py make it.
//
// Law: what `visible` gives can neither hide nor reorder other text; what `laidOut` gives differs from its text in white
// space between tokens only. Both take linear time. Tests compare both with Python's, character by character.
"use strict";

const texts = (() => {
  // Characters that are written out: controls, what reorders text, what takes no room, what no encoding can write.
  const HIDDEN = new RegExp(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u115f\\u1160\\u17b4\\u17b5" +
      "\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ud800-\\udfff\\ufdd0-\\ufdef\\ufe00-\\ufe0f\\ufeff\\uffa0" +
      "\\ufff0-\\ufffb\\ufffe\\uffff\\u{110bd}\\u{110cd}\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}]",
    "gu",
  );
  const SHORT = { 7: "\\a", 8: "\\b", 11: "\\v", 12: "\\f", 13: "\\r" };

  // Line feeds and tabs stay.
  const visible = (text) => text.replace(HIDDEN, writtenOut);

  function writtenOut(sign) {
    const code = sign.codePointAt(0);
    if (SHORT[code]) return SHORT[code];
    const [letter, digits] = code <= 0xff ? ["x", 2] : code <= 0xffff ? ["u", 4] : ["U", 8];
    return `\\${letter}${code.toString(16).padStart(digits, "0")}`;
  }

  // -- JSON over lines

  // A string, perhaps cut off; a bracket, comma or colon; anything else that stands together.
  const SYMBOL = /"(?:[^"\\]+|\\.)*(?:"|\\)?|[{}[\],:]|[^ \t\r\n{}[\],:"]+/gs;
  const LITERAL = /^(?:-?[0-9][0-9.eE+-]*|true|false|null|NaN|-?Infinity)$/;
  const DEEPEST = 40; // deeper values stay on one line
  const ONE_LINE = 72; // characters of an array of scalars that stays on one
  const GROWTH = 8;
  const GROWTH_FREE = 65536;

  // Gives the text over lines, or null where it is no JSON by its brackets and separators. It may be cut off.
  function laidOut(text) {
    const symbols = text.match(SYMBOL) ?? [];
    const layout = new Layout(GROWTH * text.length + GROWTH_FREE);
    for (let at = 0; at < symbols.length; ) {
      const end = symbols[at] === "[" ? shortArray(symbols, at) : at + 1;
      if (!layout.take(end === at + 1 ? symbols[at] : onOneLine(symbols.slice(at, end)))) return null;
      at = end;
    }
    if (symbols.length === 1 && layout.isOdd) return null;
    return layout.out.length ? layout.out.join("") : null;
  }

  const onOneLine = (symbols) => symbols.map((symbol) => (symbol === "," ? ", " : symbol)).join("");
  const isScalar = (symbol) => symbol[0] === '"' || LITERAL.test(symbol);

  // Gives where the array that begins at `at` ends, if it holds scalars only and fits a line; else `at` + 1.
  function shortArray(symbols, at) {
    let length = 0;
    for (let end = at + 1; end < symbols.length; end++) {
      const symbol = symbols[end];
      length += symbol.length + 1;
      if (symbol === "]") return isAlternating(symbols.slice(at + 1, end)) ? end + 1 : at + 1;
      if ("[{}:".includes(symbol) || length > ONE_LINE) break;
    }
    return at + 1;
  }

  function isAlternating(inside) {
    return inside.length % 2 === 1 && inside.every((symbol, at) => (at % 2 ? symbol === "," : isScalar(symbol)));
  }

  class Layout {
    constructor(budget) {
      this.out = [];
      this.open = [];
      this.budget = budget;
      this.after = ""; // what came last: "", an opening bracket, "value", "," or ":"
      this.isOdd = false; // whether it was a word that JSON does not have: right at the very end, where text is cut
    }

    // Adds one token; tells whether it may stand there and there is room for it.
    take(symbol) {
      return !this.isOdd && this.add(symbol) && this.budget >= 0;
    }

    add(symbol) {
      if (symbol === "{" || symbol === "[") {
        const fits = this.value(symbol);
        this.open.push(symbol);
        this.after = symbol;
        return fits;
      }
      if (symbol === "}" || symbol === "]") return this.close(symbol);
      if (symbol === "," || symbol === ":") return this.separate(symbol);
      return this.value(symbol);
    }

    separate(symbol) {
      const fits = this.after === "value" && (symbol === "," ? this.open.length > 0 : this.open.at(-1) === "{");
      this.write(symbol === "," ? "," : ": ");
      this.after = symbol;
      return fits;
    }

    // A scalar, a key, an array on one line, or the bracket that opens a value.
    value(symbol) {
      this.isOdd = !'"{['.includes(symbol[0]) && !LITERAL.test(symbol);
      if (this.after === "value") {
        if (this.open.length) return false;
        this.write("\n"); // one value a line, as in NDJSON
      }
      if (this.after && "{[,".includes(this.after)) this.break();
      this.write(symbol);
      this.after = "value";
      return true;
    }

    close(symbol) {
      const opening = symbol === "}" ? "{" : "[";
      if (this.open.at(-1) !== opening || this.after === "," || this.after === ":") return false;
      this.open.pop();
      if (this.after !== opening) this.break();
      this.write(symbol);
      this.after = "value";
      return true;
    }

    break() {
      if (this.open.length <= DEEPEST) this.write(`\n${"  ".repeat(this.open.length)}`);
      else if (this.after === ",") this.write(" ");
    }

    write(text) {
      this.out.push(text);
      this.budget -= text.length;
    }
  }

  return { laidOut, visible };
})();
