// What is looked at: in the address, and from there everywhere.
//
// Law: `view` is the one state of the page, and the address says it, so that it survives a reload and can be sent to
// somebody: #/17?q=~c+500-599&sort=-total&from=1200&to=3400. An address of nonsense is read as far as it has sense.
"use strict";

const view = {
  open: null, // the number of the interaction that is shown in full
  q: "", // the filter
  redacted: false, // only what a policy redacted
  sort: "number",
  from: null, // milliseconds after the first request
  to: null,
  lanes: "packed",
  rows: [],
  shown: [], // rows that the filter leaves, sorted
  span: { first: 0, last: 0, timed: false },
};

// What a part of the page may ask of the whole; page.js fills it.
const actions = {};

const addresses = (() => {
  const LANES = ["connection", "thread", "host"];

  function read(isSort) {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
    const values = new URLSearchParams(query ?? "");
    const number = (name) => (values.has(name) && Number.isFinite(Number(values.get(name))) ? Number(values.get(name)) : null);
    view.open = /^\d+$/.test(path) ? Number(path) : null;
    view.q = values.get("q") ?? "";
    view.redacted = values.get("redacted") === "1";
    view.sort = isSort(values.get("sort") ?? "number") ? values.get("sort") ?? "number" : "number";
    view.from = number("from");
    view.to = number("to");
    if (view.from === null || view.to === null || view.to <= view.from) view.from = view.to = null;
    view.lanes = LANES.includes(values.get("lanes")) ? values.get("lanes") : "packed";
  }

  function written() {
    const values = new URLSearchParams();
    if (view.q) values.set("q", view.q);
    if (view.redacted) values.set("redacted", "1");
    if (view.sort !== "number") values.set("sort", view.sort);
    if (view.from !== null) {
      values.set("from", view.from.toFixed(3));
      values.set("to", view.to.toFixed(3));
    }
    if (view.lanes !== "packed") values.set("lanes", view.lanes);
    const query = values.toString();
    return `#/${view.open ?? ""}${query ? `?${query}` : ""}`;
  }

  function write({ push = false } = {}) {
    const next = written();
    if (next === location.hash) return;
    try {
      if (push) history.pushState(null, "", next);
      else history.replaceState(null, "", next);
    } catch {
      // A browser that counts how often a page does that. The address is then a little late.
    }
  }

  return { read, write };
})();
