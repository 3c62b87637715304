// Asks every row whether the filter takes it.
//
// Law: no question stops the page for longer than a SLICE and one text (see pattern.js). Rows that can answer alone do so
// first; for the others their details are unpacked, block by block. A newer question ends an older one.
"use strict";

const search = (() => {
  const SLICE = 40; // milliseconds, after which the page has its turn

  let asked = 0;
  let known = null; // the last complete answer

  const turn = () => new Promise((done) => setTimeout(done));

  // Answers with `verdicts`, one truth for each row, and `undecided`, of how many rows a pattern takes too long: at once,
  // or as a promise where that takes more than a slice or needs details; it gives null where another question came
  // meanwhile. `tell` hears which share was looked at.
  function ask(text, filter, rows, tell) {
    const ticket = ++asked;
    if (known?.text === text) return known;
    const answer = { text, verdicts: new Uint8Array(rows.length), undecided: 0 };
    const work = walk(filter, rows, answer);
    const first = work.next();
    if (first.done) return (known = answer);
    return goOn(work, first.value, ticket, answer, tell);
  }

  // Stops where it needs something: details, or, with a share, a turn of the page.
  function* walk(filter, rows, answer) {
    const open = [];
    let began = performance.now();
    const isLate = () => performance.now() - began > SLICE;
    for (const row of rows) {
      const verdict = decide(filter, row, undefined, answer);
      if (verdict === undefined) open.push(row);
      if (!isLate()) continue;
      yield { share: 0 };
      began = performance.now();
    }
    for (const [at, row] of open.entries()) {
      const details = yield { details: row.place };
      decide(filter, row, details, answer);
      if (!isLate()) continue;
      yield { share: at / open.length };
      began = performance.now();
    }
  }

  function decide(filter, row, details, answer) {
    try {
      const verdict = filter.holds(row, details);
      if (verdict) answer.verdicts[row.place] = 1;
      return verdict;
    } catch (error) {
      if (!(error instanceof patterns.TooSlow)) throw error;
      answer.undecided++;
      return false;
    }
  }

  async function goOn(work, first, ticket, answer, tell) {
    for (let wanted = first; wanted; ) {
      let given;
      if (wanted.details === undefined) {
        tell(wanted.share);
        await turn();
      } else given = await store.detailsOf(wanted.details);
      if (ticket !== asked) return null;
      wanted = work.next(given).value;
    }
    return (known = answer);
  }

  return { ask };
})();
