// Puts each request on a lane of the waterfall, so that no two on a lane overlap.
//
// Law: where a request stands, and nothing drawn. What belongs together (a connection, a thread, a host) keeps its lanes.
"use strict";

const lanes = (() => {
  let places = new Map();
  let count = 1;
  let labels = [];

  // A connection's lane is free for another after its last request.
  function layOut() {
    const groups = new Map();
    for (const row of view.rows) {
      if (row.started === null) continue;
      const key = groupOf(row);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(row);
    }
    places = new Map();
    labels = [];
    const ends = [];
    const ordered = [...groups].map(([key, members]) => [key, members.sort((a, b) => a.started - b.started)]);
    ordered.sort((a, b) => a[1][0].started - b[1][0].started);
    for (const [key, members] of ordered) {
      const inner = [];
      const own = members.map((row) => freeLane(inner, row.started, row.ended));
      const reuses = view.lanes === "packed" || view.lanes === "connection";
      const start = reuses && inner.length === 1 ? freeLane(ends, members[0].started, inner[0]) : ends.length;
      for (let at = 0; at < inner.length; at++) if (start + at >= ends.length) ends.push(Math.max(...inner));
      members.forEach((row, at) => places.set(row, start + own[at]));
      if (!reuses) labels.push({ text: key, start, count: inner.length });
    }
    count = Math.max(1, ends.length);
  }

  function freeLane(ends, from, to) {
    let lane = ends.findIndex((end) => end <= from);
    if (lane < 0) lane = ends.length;
    ends[lane] = to;
    return lane;
  }

  function groupOf(row) {
    if (view.lanes === "connection" && row.connection !== null) return `${row.pid} ${row.connection}`;
    if (view.lanes === "thread") return row.thread === null ? "unknown" : `${row.thread}`;
    if (view.lanes === "host") return row.host || "unknown";
    return row.place;
  }

  return { count: () => count, labels: () => labels, layOut, of: (row) => places.get(row) };
})();
