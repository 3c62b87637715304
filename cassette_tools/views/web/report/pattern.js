// Regular expressions of the filter: those of Python's `re`, in a machine that cannot hang.
//
// Law: whether a pattern is found anywhere, and nothing else; no groups are captured. The answer is that of Python's
// `re.search` with re.IGNORECASE. The time grows with the text and the pattern, never faster: a pattern becomes a set
// of places (Thompson, 1968) that all move at once over the text, and sets that were met are remembered. What needs a
// look back or around (`\1`, `(?=`, `(?<!`, `(?>`, `a*+`, `(?(1)`), and the flags L and x, is refused: WrongPattern.
//
// Bounds: LARGEST places in a pattern, KEPT_SETS sets remembered. A text that a large pattern takes longer than PATIENCE
// for is given up: TooSlow.
"use strict";

const patterns = (() => {
  const LARGEST = 2000;
  const PATIENCE = 500; // milliseconds
  const KEPT_SETS = 1000;
  const MOST_REPEATS = 4294967295; // as Python's
  const DEEPEST = 200;

  class WrongPattern extends Error {}
  class TooSlow extends Error {}

  const wrong = (said) => {
    throw new WrongPattern(said);
  };
  const notHere = (what) => wrong(`this page does not know ${what}. Give it to --only of ctools`);

  // -- characters. A class is a test of one code (a byte, or a code point).

  const isWordByte = (code) => (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
  const isDigitByte = (code) => code >= 48 && code <= 57;
  const isBlankByte = (code) => code === 32 || (code >= 9 && code <= 13);
  const WORD = /[\p{L}\p{N}_]/u;
  const DIGIT = /\p{Nd}/u;
  const BLANK = /[^\S\ufeff]|[\x1c-\x1f\x85]/u;
  const textual = (pattern) => (code) => pattern.test(String.fromCodePoint(code));

  function categories(isBytes, ascii) {
    return isBytes || ascii
      ? { d: isDigitByte, s: isBytes ? isBlankByte : isBlankByte, w: isWordByte }
      : { d: textual(DIGIT), s: textual(BLANK), w: textual(WORD) };
  }

  // Small letters that `re` takes for one another beside capitals: those that share a capital, and such.
  const ALIKE = [
    [0x69, 0x131, 0x130], [0x73, 0x17f], [0xb5, 0x3bc], [0x345, 0x3b9, 0x1fbe], [0x390, 0x1fd3], [0x3b0, 0x1fe3],
    [0x3b2, 0x3d0], [0x3b5, 0x3f5], [0x3b8, 0x3d1], [0x3ba, 0x3f0], [0x3c0, 0x3d6], [0x3c1, 0x3f1], [0x3c2, 0x3c3],
    [0x3c6, 0x3d5], [0x1e61, 0x1e9b], [0xfb05, 0xfb06], [0x6b, 0x212a], [0xe5, 0x212b], [0x3c9, 0x2126],
  ];

  function single(text) {
    const code = text.codePointAt(0);
    return String.fromCodePoint(code) === text ? [code] : [];
  }

  // Gives what counts as the same character where case does not.
  function variants(code, bytesOnly) {
    if (code < 128 || bytesOnly) {
      const letter = code | 32;
      const found = letter >= 97 && letter <= 122 ? [letter, letter - 32] : [code];
      if (bytesOnly) return found;
      return letter === 105 || letter === 115 || letter === 107 ? [...found, ...more(letter)] : found;
    }
    const text = String.fromCodePoint(code);
    const small = single(text.toLowerCase());
    const all = new Set([code, ...small, ...single(text.toUpperCase()), ...more(code), ...small.flatMap(more)]);
    for (const one of [...all]) for (const other of single(String.fromCodePoint(one).toUpperCase())) all.add(other);
    return [...all];
  }

  const more = (code) => ALIKE.find((group) => group.includes(code)) ?? [];

  // -- reading a pattern. The result is a tree of arrays: ["set", test], ["all", ...], ["any", ...],
  // ["repeat", node, least, most], ["at", what].

  class Reader {
    constructor(text, { isBytes, dotAll, lines }) {
      this.codes = Array.from(text);
      this.at = 0;
      this.isBytes = isBytes;
      this.flags = { i: true, m: lines, s: dotAll, a: false };
      this.names = new Set();
      this.levels = 0;
    }

    read() {
      this.globalFlags();
      const node = this.alternatives();
      if (this.at < this.codes.length) wrong("unbalanced parenthesis");
      return node;
    }

    next() {
      return this.codes[this.at] ?? "";
    }

    take() {
      return this.codes[this.at++] ?? "";
    }

    took(sign) {
      if (this.next() !== sign) return false;
      this.at++;
      return true;
    }

    until(end, what) {
      const start = this.at;
      while (this.at < this.codes.length) if (this.take() === end) return this.codes.slice(start, this.at - 1).join("");
      return wrong(`missing ${end}, unterminated ${what}`);
    }

    // Flags may stand at the beginning only: `(?i)`.
    globalFlags() {
      for (;;) {
        const found = /^\(\?([aiLmsux]+)\)/.exec(this.codes.slice(this.at, this.at + 12).join(""));
        if (!found) return;
        for (const flag of found[1]) this.setFlag(this.flags, flag, true);
        this.at += found[0].length;
      }
    }

    setFlag(flags, flag, on) {
      if (flag === "L" || flag === "x") notHere(`the flag ${flag}`);
      if (flag === "u" && this.isBytes) wrong("bad inline flags: cannot use 'u' flag with a bytes pattern");
      if (flag === "u") flags.a = false;
      else flags[flag] = on;
    }

    alternatives() {
      if (++this.levels > DEEPEST) notHere("patterns with so many brackets");
      const found = [this.sequence()];
      while (this.took("|")) found.push(this.sequence());
      this.levels--;
      return found.length === 1 ? found[0] : ["any", ...found];
    }

    sequence() {
      const found = ["all"];
      while (this.at < this.codes.length && this.next() !== "|" && this.next() !== ")") {
        const node = this.repeated(this.one());
        if (node) found.push(node);
      }
      return found;
    }

    repeated(node) {
      for (let times = 0; ; times++) {
        const range = this.quantifier();
        if (!range) return node;
        if (!node || node[0] === "at") wrong("nothing to repeat");
        if (times) wrong("multiple repeat");
        if (this.next() === "+") notHere("possessive quantifiers");
        this.took("?"); // as few as can be: the same, where it only matters whether there is a match
        node = ["repeat", node, ...range];
      }
    }

    quantifier() {
      if (this.took("*")) return [0, Infinity];
      if (this.took("+")) return [1, Infinity];
      if (this.took("?")) return [0, 1];
      if (this.next() !== "{") return null;
      const found = /^\{([0-9]*)(,?)([0-9]*)\}/.exec(this.codes.slice(this.at, this.at + 40).join(""));
      if (!found || found[0] === "{}") return null;
      const [whole, low, comma, high] = found;
      const least = Number(low || 0);
      const most = comma ? (high ? Number(high) : Infinity) : least;
      if (least >= MOST_REPEATS || (most !== Infinity && most >= MOST_REPEATS)) wrong("the repetition number is too large");
      if (most < least) wrong("min repeat greater than max repeat");
      this.at += whole.length;
      return [least, most];
    }

    one() {
      if (this.quantifier()) wrong("nothing to repeat");
      const sign = this.take();
      if (sign === "(") return this.group();
      if (sign === "[") return this.set();
      if (sign === "\\") return this.escape();
      if (sign === "^") return ["at", this.flags.m ? "line" : "start"];
      if (sign === "$") return ["at", this.flags.m ? "lineEnd" : "textEnd"];
      if (sign === ".") return ["set", this.flags.s ? () => true : (code) => code !== 10];
      return this.literal(sign.codePointAt(0));
    }

    literal(code) {
      return ["set", this.folded((one) => one === code)];
    }

    // Minds or does not mind case, by the flags that hold here.
    folded(test) {
      if (!this.flags.i) return test;
      const bytesOnly = this.isBytes || this.flags.a;
      return (code) => variants(code, bytesOnly).some(test);
    }

    group() {
      if (!this.took("?")) return this.inside(this.flags);
      const sign = this.take();
      if (sign === ":") return this.inside(this.flags);
      if (sign === "P") return this.named();
      if (sign === "#") {
        this.until(")", "comment");
        return null;
      }
      if (sign === "=" || sign === "!") return notHere("a look ahead");
      if (sign === "<") return this.next() === "=" || this.next() === "!" ? notHere("a look behind") : wrong("unknown extension ?<");
      if (sign === ">") return notHere("atomic groups");
      if (sign === "(") return notHere("conditions");
      this.at--;
      return this.flagged();
    }

    named() {
      if (this.next() === "=") return notHere("backreferences");
      if (!this.took("<")) return wrong("unknown extension ?P");
      const name = this.until(">", "name");
      if (!/^[\p{L}\p{Nl}_][\p{L}\p{N}\p{M}_]*$/u.test(name)) wrong("bad character in group name");
      if (this.names.has(name)) wrong("redefinition of group name");
      this.names.add(name);
      return this.inside(this.flags);
    }

    flagged() {
      const found = /^([aiLmsux]*)(-([imsx]*))?([:)])/.exec(this.codes.slice(this.at, this.at + 20).join(""));
      if (!found || (found[2] !== undefined && !found[3])) return wrong("unknown extension or flag");
      if (found[4] === ")") return wrong("global flags not at the start of the expression");
      const flags = { ...this.flags };
      for (const flag of found[1]) this.setFlag(flags, flag, true);
      for (const flag of found[3] ?? "") {
        if (found[1].includes(flag)) wrong("bad inline flags: flag turned on and off");
        if (flag !== "x") this.setFlag(flags, flag, false);
      }
      this.at += found[0].length;
      return this.inside(flags);
    }

    inside(flags) {
      const outer = this.flags;
      this.flags = { ...flags };
      const node = this.alternatives();
      this.flags = outer;
      if (!this.took(")")) wrong("missing ), unterminated subpattern");
      return ["all", node]; // may be repeated, whatever is in it
    }

    escape() {
      const sign = this.take();
      if (sign === "") wrong("bad escape (end of pattern)");
      if (sign === "A") return ["at", "start"];
      if (sign === "Z") return ["at", "end"];
      if (sign === "b") return ["at", this.flags.a ? "asciiEdge" : "edge"];
      if (sign === "B") return ["at", this.flags.a ? "notAsciiEdge" : "notEdge"];
      const category = this.category(sign);
      if (category) return ["set", this.folded(category)];
      if (/[1-9]/.test(sign)) {
        const octal = /^[0-7]{3}/.exec(sign + this.codes.slice(this.at, this.at + 2).join(""));
        if (!octal) return notHere("backreferences");
      }
      return this.literal(this.escaped(sign, false));
    }

    category(sign) {
      const found = categories(this.isBytes, this.flags.a)[sign.toLowerCase()];
      if (!found || !/[dswDSW]/.test(sign)) return null;
      return sign === sign.toLowerCase() ? found : (code) => !found(code);
    }

    // Gives the code that an escape stands for.
    escaped(sign, inSet) {
      const simple = { a: 7, b: inSet ? 8 : null, f: 12, n: 10, r: 13, t: 9, v: 11, "\\": 92 }[sign];
      if (simple) return simple;
      if (sign === "x") return this.digits(2, sign);
      if (sign === "u" && !this.isBytes) return this.digits(4, sign);
      if (sign === "U" && !this.isBytes) return this.digits(8, sign);
      if (sign === "N" && !this.isBytes) return notHere("characters by name");
      if (/[0-7]/.test(sign)) return this.octal(sign, inSet);
      if (/[A-Za-z0-9]/.test(sign)) wrong(`bad escape \\${sign}`);
      return sign.codePointAt(0);
    }

    digits(count, sign) {
      const text = this.codes.slice(this.at, this.at + count).join("");
      if (!new RegExp(`^[0-9A-Fa-f]{${count}}$`).test(text)) wrong(`incomplete escape \\${sign}`);
      const code = parseInt(text, 16);
      if (code > 0x10ffff) wrong(`bad escape \\${sign}`);
      this.at += count;
      return code;
    }

    octal(sign, inSet) {
      const text = /^[0-7]{1,3}/.exec(sign + this.codes.slice(this.at, this.at + 2).join(""))[0];
      if (!inSet && sign !== "0" && text.length < 3) wrong("invalid group reference");
      this.at += text.length - 1;
      const code = parseInt(text, 8);
      if (code > 0o377) wrong("octal escape value outside of range 0-0o377");
      return code;
    }

    set() {
      const negated = this.took("^");
      const tests = [];
      for (let first = true; first || this.next() !== "]"; first = false) {
        if (this.at >= this.codes.length) wrong("unterminated character set");
        tests.push(this.member());
      }
      this.at++;
      const any = this.folded((code) => tests.some((test) => test(code)));
      return ["set", negated ? (code) => !any(code) : any];
    }

    member() {
      const low = this.end();
      if (this.next() !== "-" || this.codes[this.at + 1] === "]") return typeof low === "number" ? (code) => code === low : low;
      this.at++;
      if (this.at >= this.codes.length) wrong("unterminated character set");
      const high = this.end();
      if (typeof low !== "number" || typeof high !== "number" || low > high) return wrong("bad character range");
      return (code) => code >= low && code <= high;
    }

    // One end of a range: a code, or the test of a category.
    end() {
      const sign = this.take();
      if (sign !== "\\") return sign.codePointAt(0);
      const escaped = this.take();
      if (escaped === "") wrong("bad escape (end of pattern)");
      return this.category(escaped) ?? this.escaped(escaped, true);
    }
  }

  // -- from the tree to places. Each is [what, ...]: a test goes on at the next place, "jump" at others without a
  // character, "at" where a condition holds, "found" is the end.

  function placesOf(tree) {
    const places = [];
    const add = (place) => {
      if (places.length >= LARGEST) notHere("so large a pattern");
      return places.push(place) - 1;
    };
    function write(node) {
      const [what, ...parts] = node;
      if (what === "all") parts.forEach(write);
      else if (what === "any") writeAny(parts);
      else if (what === "repeat") writeRepeat(...parts);
      else add(node);
    }
    function writeAny(parts) {
      const ends = [];
      parts.forEach((part, at) => {
        const fork = at < parts.length - 1 ? add(["jump", places.length + 1]) : null;
        write(part);
        if (fork === null) return;
        ends.push(add(["jump"]));
        places[fork].push(places.length);
      });
      for (const end of ends) places[end].push(places.length);
    }
    function writeRepeat(node, least, most) {
      if (!places.length && node[0] === "all" && node.length === 1) return;
      const once = sizeOf(node);
      if (once * Math.max(least, most === Infinity ? 1 : most) > LARGEST) notHere("so large a pattern");
      if (once === 0) return; // nothing, however often
      for (let times = 0; times < least; times++) write(node);
      if (most === Infinity) {
        const fork = add(["jump", places.length + 1]);
        write(node);
        add(["jump", fork]);
        places[fork].push(places.length);
        return;
      }
      const forks = [];
      for (let times = least; times < most; times++) {
        forks.push(add(["jump", places.length + 1]));
        write(node);
      }
      for (const fork of forks) places[fork].push(places.length);
    }
    write(tree);
    add(["found"]);
    return places;
  }

  // Counts the places of a node, before any is made: `((a{99}){99}){99}` must not be.
  function sizeOf(node) {
    const [what, ...parts] = node;
    if (what === "all" || what === "any") return parts.reduce((sum, part) => sum + sizeOf(part), what === "any" ? 2 * parts.length : 0);
    if (what !== "repeat") return 1;
    const [inner, least, most] = parts;
    return sizeOf(inner) * Math.max(least, most === Infinity ? 1 : most) + (most === Infinity ? 2 : most - least);
  }

  // -- the machine. Neighbours decide conditions: what kind of character stands on each side of a place.

  const NONE = 0; // the beginning or the end of the text
  const LINE_FEED = 1;
  const LAST_LINE_FEED = 2; // the last character is one
  const OTHER = 3;
  const LETTER = 4; // of a word, beyond ASCII
  const ASCII_LETTER = 5;

  const isAsciiLetter = (kind) => kind === ASCII_LETTER;
  const isLetter = (kind) => kind >= LETTER;
  const HOLDS = {
    start: (before) => before === NONE,
    end: (before, after) => after === NONE,
    line: (before) => before === NONE || before === LINE_FEED || before === LAST_LINE_FEED,
    lineEnd: (before, after) => after === NONE || after === LINE_FEED || after === LAST_LINE_FEED,
    textEnd: (before, after) => after === NONE || after === LAST_LINE_FEED,
    edge: (before, after) => isLetter(before) !== isLetter(after),
    // Python: nothing is no edge, and no inside either, of an empty text
    notEdge: (before, after) => isLetter(before) === isLetter(after) && !(before === NONE && after === NONE),
    asciiEdge: (before, after) => isAsciiLetter(before) !== isAsciiLetter(after),
    notAsciiEdge: (before, after) => isAsciiLetter(before) === isAsciiLetter(after) && !(before === NONE && after === NONE),
  };

  const END = -1; // in place of a character
  const LAST = 256; // a line feed that is the last character, in a table of bytes

  class Machine {
    constructor(places, isBytes) {
      this.places = places;
      this.answers = places.map(() => new Uint8Array(256)); // of tests, for each small code: 0 unknown, 1 no, 2 yes
      this.marks = new Uint32Array(places.length); // of places that were reached, by the number of the step
      this.steps = 0;
      this.deadline = 0;
      this.isLetter = isBytes ? isWordByte : textual(WORD);
      this.forget();
    }

    forget() {
      this.sets = new Map();
      this.first = this.setOf([], NONE);
    }

    kindOf(code, isLast) {
      if (code === 10) return isLast ? LAST_LINE_FEED : LINE_FEED;
      if (isWordByte(code)) return ASCII_LETTER;
      return this.isLetter(code) ? LETTER : OTHER;
    }

    // `before` is the kind of the character that led here. A new search begins at each place, so 0 is always in.
    setOf(at, before) {
      const key = `${before} ${at.join(" ")}`;
      let set = this.sets.get(key);
      if (!set) {
        set = { at, before, quick: new Array(257), others: new Map() };
        this.sets.set(key, set);
      }
      return set;
    }

    // Gives the set after a character, true where the pattern was found before it.
    step(set, code, isLast) {
      const after = code === END ? NONE : this.kindOf(code, isLast);
      const here = this.reached(set, after);
      if (here === true) return true;
      if (code === END) return false;
      const next = [];
      for (const at of here) if (this.takes(at, code)) next.push(at + 1);
      if (this.sets.size > KEPT_SETS) this.forget();
      return this.setOf(next, after);
    }

    takes(at, code) {
      if (code > 255) return this.places[at][1](code);
      const answers = this.answers[at];
      if (!answers[code]) answers[code] = this.places[at][1](code) ? 2 : 1;
      return answers[code] === 2;
    }

    // Gives the places with a test that can be reached without a character, in order; true where "found" can.
    reached(set, after) {
      const mark = ++this.steps;
      if (mark % 64 === 0 && performance.now() > this.deadline) throw new TooSlow("this text takes too long");
      const { marks } = this;
      const waiting = [0, ...set.at];
      const tests = [];
      while (waiting.length) {
        const at = waiting.pop();
        if (marks[at] === mark) continue;
        marks[at] = mark;
        const place = this.places[at];
        if (place[0] === "found") return true;
        if (place[0] === "set") tests.push(at);
        else if (place[0] === "jump") waiting.push(...place.slice(1));
        else if (HOLDS[place[1]](set.before, after)) waiting.push(at + 1);
      }
      return tests.sort((one, other) => one - other);
    }

    inBytes(bytes) {
      this.deadline = performance.now() + PATIENCE;
      let set = this.first;
      const last = bytes.length - 1;
      for (let at = 0; at <= last; at++) {
        const code = bytes[at];
        const symbol = code === 10 && at === last ? LAST : code;
        let next = set.quick[symbol];
        if (next === undefined) next = set.quick[symbol] = this.step(set, code, at === last);
        if (next === true) return true;
        set = next;
      }
      return this.step(set, END, true) === true;
    }

    inText(text) {
      this.deadline = performance.now() + PATIENCE;
      let set = this.first;
      for (let at = 0; at < text.length; ) {
        const code = text.codePointAt(at);
        at += code > 0xffff ? 2 : 1;
        const isLast = at >= text.length;
        const symbol = code === 10 && isLast ? LAST : code;
        const isQuick = code < 256;
        let next = isQuick ? set.quick[symbol] : set.others.get(code);
        if (next === undefined) {
          next = this.step(set, code, isLast);
          if (isQuick) set.quick[symbol] = next;
          else if (set.others.size < KEPT_SETS) set.others.set(code, next);
        }
        if (next === true) return true;
        set = next;
      }
      return this.step(set, END, true) === true;
    }
  }

  // Gives a test: of text, or, with `isBytes`, of a Uint8Array; then the pattern stands for its UTF-8. `dotAll` and
  // `lines` are re.DOTALL and re.MULTILINE. Throws WrongPattern; the test throws TooSlow.
  function compile(text, { isBytes = false, dotAll = false, lines = false } = {}) {
    const read = isBytes ? String.fromCharCode(...new TextEncoder().encode(text)) : text;
    const machine = new Machine(placesOf(new Reader(read, { isBytes, dotAll, lines }).read()), isBytes);
    return isBytes ? (bytes) => machine.inBytes(bytes) : (value) => machine.inText(value);
  }

  return { compile, TooSlow, WrongPattern };
})();
