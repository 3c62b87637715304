// Asks every row whether the filter takes it.
//
// Law: rows that can answer do so at once. For the others their details are unpacked block by block, between which the
// page goes on; a newer question ends an older one. No question takes longer than the text it looks at (see pattern.js).
"use strict";

const search = (() => {
  const SLICE = 40; // milliseconds, after which the page has its turn

  let asked = 0;
  let known = null; // the last complete answer, by the text of the filter

  const turn = () => new Promise((done) => setTimeout(done));

  // Answers with one truth for each row: at once, or, where details are needed, later, as a promise that may be null
  // where another question came meanwhile. `tell` hears which share was looked at.
  function ask(text, filter, rows, tell) {
    asked++;
    if (known?.text === text) return known.verdicts;
    const verdicts = new Uint8Array(rows.length);
    const open = [];
    for (const row of rows) {
      const answer = filter.holds(row, undefined);
      if (answer === undefined) open.push(row);
      else verdicts[row.place] = answer ? 1 : 0;
    }
    if (!open.length) return keep(text, verdicts);
    return lookInto(text, filter, open, verdicts, tell);
  }

  function keep(text, verdicts) {
    known = { text, verdicts };
    return verdicts;
  }

  async function lookInto(text, filter, open, verdicts, tell) {
    const ticket = asked;
    let began = performance.now();
    for (const [at, row] of open.entries()) {
      const details = await store.detailsOf(row.place);
      if (ticket !== asked) return null;
      verdicts[row.place] = filter.holds(row, details) ? 1 : 0;
      if (performance.now() - began < SLICE) continue;
      tell(at / open.length);
      await turn();
      if (ticket !== asked) return null;
      began = performance.now();
    }
    return keep(text, verdicts);
  }

  return { ask };
})();
