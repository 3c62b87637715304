// The data of the page: what views/report.py and report.py wrote, unpacked.
//
// Law: rows are unpacked when the page opens, an interaction's details when they are looked at or searched, a block of
// them at a time; KEPT blocks stay. Nothing is shown from here.
"use strict";

const store = (() => {
  const ROW = [
    "number", "started", "method", "url", "status", "error", "type", "sent", "size", "connect", "firstByte", "total",
    "pid", "thread", "connection", "rss", "redacted", "client", "types", "hosts", "peer", "raw",
  ];
  const KEPT = 8;

  function bytesIn(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
    return bytes;
  }

  const dataOf = (id) => elements.byId(id)?.textContent;

  async function unpacked(id) {
    const stream = new Blob([bytesIn(dataOf(id))]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  const facts = JSON.parse(new TextDecoder().decode(bytesIn(dataOf("facts"))));

  async function loadRows() {
    const rows = [];
    for (let block = 0; dataOf(`rows-${block}`) !== undefined; block++) {
      for (const values of await unpacked(`rows-${block}`)) rows.push(rowOf(values, rows.length));
    }
    return rows;
  }

  function rowOf(values, place) {
    const row = { place };
    for (let at = 0; at < ROW.length; at++) row[ROW[at]] = values[at];
    const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(row.url);
    row.host = authority ? authority[1].slice(authority[1].lastIndexOf("@") + 1).toLowerCase() : "";
    row.path = authority ? row.url.slice(authority[0].length) || "/" : row.url;
    row.ended = row.started === null ? null : row.started + (row.total ?? 0);
    row.kind = kindOf(row);
    return row;
  }

  function kindOf(row) {
    if (row.error !== null || row.status === null || row.status >= 500) return "failed";
    if (row.status >= 400) return "refused";
    return row.status >= 300 ? "moved" : "ok";
  }

  const blocks = new Map(); // of details, the ones used last

  // Gives the number of the block that holds the details of a row.
  function blockOf(place) {
    let low = 0;
    for (let high = facts.firsts.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if (facts.firsts[middle] <= place) low = middle;
      else high = middle;
    }
    return low;
  }

  function loadBlock(block) {
    const values = blocks.get(block) ?? unpacked(`details-${block}`);
    blocks.delete(block);
    blocks.set(block, values);
    if (blocks.size > KEPT) blocks.delete(blocks.keys().next().value);
    return values;
  }

  async function detailsOf(place) {
    const block = blockOf(place);
    return (await loadBlock(block))[place - facts.firsts[block]];
  }

  const encoder = new TextEncoder();

  // Gives the bytes of a body that are in the page, as far as they are; null where the body was left out.
  function bytesOf(body) {
    if (body.kind === "left out") return null;
    if (body.base64 !== undefined) return bytesIn(body.base64);
    return encoder.encode(body.source ?? body.raw ?? body.text ?? "");
  }

  return { blockOf, bytesOf, detailsOf, facts, loadBlock, loadRows };
})();
