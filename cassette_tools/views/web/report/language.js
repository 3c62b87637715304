// The filter of the page: the language of `--only` (docs/filters.md), read and asked here as cassette_tools/filter.py
// reads and asks it there.
//
// Law: an expression becomes a test, or WrongFilter with the place of the mistake. A test answers true, false, or
// `undefined` for "only the details can tell": it is given a row and, where they were unpacked, its details. Terms that
// need no details are asked first, and often answer alone. Which operators there are, and what follows each, comes from
// filter.py with the data of the page; a test compares the answers of both.
"use strict";

const language = (() => {
  const LONGEST = 10000;
  const MOST_LEVELS = 100;

  class WrongFilter extends Error {
    constructor(at, what) {
      super(what);
      this.at = at;
    }
  }

  // -- ranges

  const SIZES = { "": 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 };
  const UNITS = { range: { "": 1 }, duration: { "": 1, ms: 1 }, size: SIZES };
  const EXAMPLES = {
    range: "a number (200), a range (400-499) or a limit (>=500)",
    duration: "milliseconds: a limit (>500) or a range (100-200)",
    size: "a limit (>1MB) or a range (1KiB-2KiB) with B, KB, MB, GB, KiB, MiB or GiB",
  };
  const NUMBER = "(\\d{1,15}(?:\\.\\d{1,9})?)([A-Za-z]{0,3})";
  const COMPARED = new RegExp(`(>=|<=|>|<)\\s*${NUMBER}`, "y");
  const FROM_TO = new RegExp(`${NUMBER}(?:\\s*(-)(?:\\s*${NUMBER})?)?`, "y");

  function valueOf(number, unit, units) {
    const factor = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()] : NaN;
    return Number(number) * factor;
  }

  // Gives a test of a number, or null.
  function comparison([, sign, number, unit], units) {
    const limit = valueOf(number, unit, units);
    if (Number.isNaN(limit)) return null;
    return { ">": (one) => one > limit, ">=": (one) => one >= limit, "<": (one) => one < limit, "<=": (one) => one <= limit }[sign];
  }

  function betweenTest([, first, unit, to, last, lastUnit], units) {
    const low = valueOf(first, unit || lastUnit || "", units);
    const high = to === undefined ? low : last === undefined ? Infinity : valueOf(last, lastUnit || unit, units);
    return low <= high ? (one) => one >= low && one <= high : null;
  }

  // -- what operators look at

  const DETAILS = undefined; // the answer where only they can tell
  const ASSET = /text\/(?:javascript|css)|application\/(?:x-)?javascript|image\/|font\/|application\/font/i;
  const PARTS = { q: ["request"], s: ["response"], "": ["request", "response"] };

  const urlOf = (row) => row.raw?.url ?? row.url;
  const methodOf = (row) => row.raw?.method ?? row.method;
  const typesOf = (row, part) => row.types[part === "request" ? 0 : 1];

  function hostsOf(row) {
    const found = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(?:[^/?#]*@)?([^/?#]*)/.exec(urlOf(row));
    const given = [...(found ? [found[2]] : []), ...row.hosts];
    return given.map((one) => partsOf(one)[0]);
  }

  function partsOf(authority) {
    const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?/.exec(authority);
    return [host.replace(/^[[\]]+|[[\]]+$/g, ""), port];
  }

  function addressesOf(row) {
    const found = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(?:[^/?#]*@)?([^/?#]*)/.exec(urlOf(row));
    const addresses = [];
    if (found) {
      const [host, port] = partsOf(found[2]);
      addresses.push(`${host}:${port ?? { http: "80", https: "443" }[found[1].toLowerCase()] ?? ""}`);
    }
    if (row.peer !== null) addresses.push(row.peer);
    return addresses;
  }

  // Headers and types are bytes there, one for each character; what is none becomes a question mark.
  const bytesOf = (text) => Uint8Array.from(text, (sign) => (sign.codePointAt(0) < 256 ? sign.codePointAt(0) : 63));

  const headers = (parts) => (test) => (row, details) => {
    if (!details) return DETAILS;
    return parts.some((part) => details[part] !== null && test(headOf(details[part])));
  };
  const headOf = (message) => bytesOf((message.raw ?? message.headers).map((pair) => pair.join(": ")).join("\n"));

  const bodies = (parts) => (test) => (row, details) => {
    if (parts.every((part) => row[part === "request" ? "sent" : "size"] === null)) return false;
    if (!details) return DETAILS;
    return parts.some((part) => {
      const bytes = details[part]?.body ? store.bytesOf(details[part].body) : null;
      return bytes !== null && test(bytes);
    });
  };

  const types = (parts) => (test) => (row) => parts.some((part) => typesOf(row, part).some((one) => test(bytesOf(one))));
  const always = () => () => true;

  // What an operator asks, by its name. A name that filter.py has and that is not here is never true.
  const ASKED = {
    a: () => (row) => typesOf(row, "response").some((one) => ASSET.test(one)),
    all: always,
    b: bodies(PARTS[""]),
    bq: bodies(PARTS.q),
    bs: bodies(PARTS.s),
    c: (test) => (row) => row.status !== null && test(row.status),
    d: (test) => (row) => hostsOf(row).some(test),
    dst: (test) => (row) => addressesOf(row).some(test),
    e: () => (row) => row.error !== null,
    h: headers(PARTS[""]),
    hq: headers(PARTS.q),
    hs: headers(PARTS.s),
    http: always,
    i: (test) => (row) => test(row.number),
    m: (test) => (row) => test(methodOf(row)),
    ms: (test) => (row) => row.total !== null && test(row.total),
    q: () => (row) => row.status === null,
    s: () => (row) => row.status !== null,
    size: (test) => (row) => row.status !== null && test(row.size ?? 0),
    t: types(PARTS[""]),
    tq: types(PARTS.q),
    ts: types(PARTS.s),
    u: (test) => (row) => test(urlOf(row)),
  };

  // How late an operator is asked: headers are in the details, bodies are longer.
  const LATE = { h: 1, hq: 1, hs: 1, b: 2, bq: 2, bs: 2 };

  // -- reading an expression

  const BLANK = "(?:[^\\S\\ufeff]|[\\x1c-\\x1f\\x85])";
  const BLANKS = new RegExp(`${BLANK}*`, "y");
  const WORD = /[^\s\x1c-\x1f\x85()~'"]+/y;
  const QUOTED = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/sy;

  class Reader {
    constructor(text, operators) {
      this.text = text;
      this.operators = operators;
      this.at = 0;
      this.levels = 0;
      this.tops = []; // where terms that stand side by side begin and end
    }

    read() {
      const found = this.terms(true);
      if (this.at < this.text.length) this.fail(this.at, "this bracket was never opened");
      return found;
    }

    terms(isTop = false) {
      const terms = [];
      do {
        this.next();
        const start = this.at;
        terms.push(this.alternatives());
        if (isTop) this.tops.push(this.text.slice(start, this.at).trim());
      } while (!["", ")"].includes(this.next()));
      return all(terms);
    }

    alternatives() {
      return any(this.joined("|", () => all(this.joined("&", () => this.one()))));
    }

    joined(sign, read) {
      const terms = [read()];
      while (this.next() === sign) {
        this.at++;
        terms.push(read());
      }
      return terms;
    }

    one() {
      let negated = false;
      for (; this.next() === "!"; this.at++) negated = !negated;
      const term = this.plain();
      return negated ? { ...term, holds: not(term.holds) } : term;
    }

    plain() {
      const sign = this.next();
      if (sign === "(") return this.bracket();
      if (sign === "~") return this.operation();
      if (["", ")", "&", "|"].includes(sign)) {
        this.fail(this.at, "expected an operator (~u, ~m, ~c ...), a pattern for the URL, ! or an opening bracket");
      }
      return this.term("u");
    }

    bracket() {
      const opened = this.at;
      if (++this.levels > MOST_LEVELS) this.fail(opened, `there are more than ${MOST_LEVELS} brackets open`);
      this.at++;
      const term = this.terms();
      if (this.next() !== ")") this.fail(opened, "this bracket is never closed");
      this.at++;
      this.levels--;
      return term;
    }

    operation() {
      const start = this.at;
      const name = this.match(/[A-Za-z]*/y, start + 1)[0];
      if (!Object.hasOwn(this.operators, name)) this.fail(start, `there is no operator ~${name.slice(0, 20)}. ${this.near(name)}`);
      this.at = start + 1 + name.length;
      return this.term(name);
    }

    near(name) {
      if (!name) return "A tilde is followed by a name, as in ~u";
      const names = Object.keys(this.operators);
      const near = names.filter((other) => other[0] === name[0].toLowerCase());
      return `There are ${(near.length ? near : names).map((other) => `~${other}`).join(", ")}`;
    }

    term(name) {
      const { takes } = this.operators[name];
      const value = takes === "nothing" ? null : takes === "pattern" ? this.pattern(name) : this.range(name, takes);
      const holds = Object.hasOwn(ASKED, name) ? ASKED[name](value) : () => false;
      return { holds, late: LATE[name] ?? 0 };
    }

    pattern(name) {
      const sign = this.next();
      const start = this.at;
      let text;
      if (sign === "'" || sign === '"') {
        const found = this.match(QUOTED, start) ?? this.fail(start, "this quote is never closed");
        this.at += found[0].length;
        text = (found[1] ?? found[2]).replace(/\\([\\"'])/g, "$1");
      } else text = this.word(name);
      const { bytes, dotAll, lines } = this.operators[name];
      try {
        return patterns.compile(text, { isBytes: bytes, dotAll, lines });
      } catch (error) {
        if (!(error instanceof patterns.WrongPattern)) throw error;
        const refused = error.message.startsWith("this page");
        return this.fail(start, refused ? error.message : `this is no regular expression: ${error.message}`);
      }
    }

    word(name) {
      const start = this.at;
      const word = this.match(WORD, start)?.[0];
      if (!word || "&|".includes(word[0])) this.fail(start, `expected a pattern for ~${name}: a word, or a text in quotes`);
      this.at += word.length;
      if ("&|".includes(word.at(-1))) {
        this.fail(this.at - 1, "a pattern ends here in an operator. Put a blank before it, or the pattern in quotes");
      }
      if (this.at < this.text.length && "(~'\"".includes(this.text[this.at])) {
        this.fail(this.at, "a pattern with brackets, quotes or a tilde must stand in quotes as a whole");
      }
      return word;
    }

    range(name, takes) {
      this.next();
      const start = this.at;
      const units = UNITS[takes];
      const compared = this.match(COMPARED, start);
      const found = compared ?? this.match(FROM_TO, start);
      const test = found && (compared ? comparison(found, units) : betweenTest(found, units));
      const end = found && start + found[0].length;
      const ends = found && (end === this.text.length || /[&|()~!\s]/.test(this.text[end]));
      if (!test || !ends) this.fail(start, `expected ${EXAMPLES[takes]} for ~${name}`);
      this.at = end;
      return test;
    }

    match(pattern, at) {
      pattern.lastIndex = at;
      return pattern.exec(this.text);
    }

    next() {
      this.at += this.match(BLANKS, this.at)[0].length;
      return this.text[this.at] ?? "";
    }

    fail(at, what) {
      throw new WrongFilter(at, what);
    }
  }

  // -- combining, with "only the details can tell" as a third answer

  function all(terms) {
    return combined(terms, false);
  }

  function any(terms) {
    return combined(terms, true);
  }

  // `decides` is the answer of one term that settles the whole.
  function combined(terms, decides) {
    if (terms.length === 1) return terms[0];
    const ordered = [...terms].sort((one, other) => one.late - other.late).map((term) => term.holds);
    const holds = (row, details) => {
      let answer = !decides;
      for (const test of ordered) {
        const one = test(row, details);
        if (one === decides) return decides;
        if (one === DETAILS) answer = DETAILS;
      }
      return answer;
    };
    return { holds, late: Math.max(...terms.map((term) => term.late)) };
  }

  const not = (test) => (row, details) => {
    const answer = test(row, details);
    return answer === DETAILS ? DETAILS : !answer;
  };

  // Gives `holds` (see above), how late its terms are (0: rows, 1: headers, 2: bodies), and those at the top, as written.
  function compile(text, operators) {
    if (!text.trim()) return { holds: () => true, late: 0, terms: [] };
    if (text.length > LONGEST) throw new WrongFilter(LONGEST, `it is longer than ${LONGEST} characters`);
    const reader = new Reader(text, operators);
    return { ...reader.read(), terms: reader.tops };
  }

  return { compile, WrongFilter };
})();
