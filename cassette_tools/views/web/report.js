// The page of `ctools report`: plots, a table to sort and filter, and each interaction in full.
//
// Law: recorded text becomes text nodes and nothing else; no markup is ever made of a string (the page's policy would
// refuse it). Rows are unpacked when the page opens, an interaction's details when it is looked at. Only the rows in
// view have elements, so that a table of any length scrolls quickly. What is looked at stands in the address, so that
// it survives a reload, and can be sent to somebody: #/17?q=status:5xx&sort=-total&from=1200&to=3400
"use strict";

(() => {
  // -- data: what views/report.py and report.py wrote

  const ROW = [
    "number", "started", "method", "url", "status", "error", "type", "sent", "size", "connect", "firstByte", "total",
    "pid", "thread", "connection", "rss", "redacted", "client",
  ];
  const ROW_HEIGHT = 28;
  const NARROW_ROW_HEIGHT = 48;
  const SPARE_ROWS = 6;
  const LONGEST_COLOURED = 100000; // characters of JSON
  const KEPT_BLOCKS = 4;

  const $ = (id) => document.getElementById(id);

  function bytesOf(id) {
    const text = atob($(id).textContent);
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
    return bytes;
  }

  async function unpacked(id) {
    const stream = new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  const facts = JSON.parse(new TextDecoder().decode(bytesOf("facts")));
  if (!facts.rows) {
    document.documentElement.dataset.ready = "true";
    return;
  }

  async function allRows() {
    const rows = [];
    for (let block = 0; $(`rows-${block}`); block++) {
      for (const values of await unpacked(`rows-${block}`)) rows.push(rowOf(values, rows.length));
    }
    return rows;
  }

  function rowOf(values, place) {
    const row = { place };
    ROW.forEach((name, at) => (row[name] = values[at]));
    const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(row.url);
    row.host = authority ? authority[1].slice(authority[1].lastIndexOf("@") + 1).toLowerCase() : "";
    row.path = authority ? row.url.slice(authority[0].length) || "/" : row.url;
    row.ended = row.started === null ? null : row.started + (row.total ?? 0);
    row.kind = kindOf(row);
    row.searched = `${row.method} ${row.host}${row.path} ${row.status ?? "none"} ${row.error ?? ""}`.toLowerCase();
    return row;
  }

  function kindOf(row) {
    if (row.error !== null || row.status === null || row.status >= 500) return "failed";
    if (row.status >= 400) return "refused";
    return row.status >= 300 ? "moved" : "ok";
  }

  const blocks = new Map(); // of details, the ones used last

  async function detailsOf(place) {
    let block = facts.firsts.findIndex((first) => first > place) - 1;
    if (block < 0) block = facts.firsts.length - 1;
    let values = blocks.get(block);
    blocks.delete(block);
    values ??= unpacked(`details-${block}`);
    blocks.set(block, values);
    if (blocks.size > KEPT_BLOCKS) blocks.delete(blocks.keys().next().value);
    return (await values)[place - facts.firsts[block]];
  }

  // -- figures as text, as in views/figures.py

  function threeDigits(value) {
    if (value < 9.995) return value.toFixed(2);
    return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
  }

  function sizeText(size) {
    if (size === null || size === undefined) return "-";
    if (size < 999.5) return `${Math.round(size)} B`;
    for (const unit of ["kB", "MB", "GB", "TB"]) {
      size /= 1000;
      if (size < 999.5) return `${threeDigits(size)} ${unit}`;
    }
    return `${Math.round(size)} TB`;
  }

  function durationText(milliseconds) {
    if (milliseconds === null || milliseconds === undefined) return "-";
    if (milliseconds < 999.5) return `${threeDigits(milliseconds)} ms`;
    const seconds = milliseconds / 1000;
    if (seconds < 99.95) return `${threeDigits(seconds)} s`;
    const minutes = Math.floor(Math.round(seconds) / 60);
    const rest = String(Math.round(seconds) % 60).padStart(2, "0");
    if (minutes < 60) return `${minutes} min ${rest} s`;
    return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  }

  function offsetText(milliseconds) {
    return milliseconds === null ? "-" : `${(milliseconds / 1000).toFixed(3)} s`;
  }

  const countText = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

  // -- elements

  function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "onclick") element.addEventListener("click", value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== null && value !== false && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }

  function announce(text) {
    $("count").textContent = text;
  }

  function copyButton(label, text) {
    const button = el("button", { type: "button", class: "small" }, label);
    button.addEventListener("click", async () => {
      const done = await copied(text);
      button.textContent = done ? "Copied" : "Copy failed";
      setTimeout(() => (button.textContent = label), 1500);
    });
    return button;
  }

  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = el("textarea", { class: "out-of-sight" });
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  }

  // -- the filter

  const UNITS = { ms: 1, s: 1000, min: 60000, h: 3600000, b: 1, kb: 1e3, mb: 1e6, gb: 1e9 };

  function wordsOf(text) {
    const words = [];
    const pattern = /\s*(-?)(\/(?:[^/\\]|\\.)+\/i?(?=\s|$)|(?:[a-z]+:)?"[^"]*"?|\S+)/gy;
    for (const found of text.matchAll(pattern)) words.push({ not: found[1] === "-", word: found[2] });
    return words;
  }

  const COMPARISONS = {
    "<": (one, other) => one < other,
    "<=": (one, other) => one <= other,
    ">": (one, other) => one > other,
    ">=": (one, other) => one >= other,
    "=": (one, other) => one === other,
  };

  function figureTest(value, read, base) {
    const found = /^([<>]=?|=)?(\d+(?:\.\d+)?)([a-z]*)$/i.exec(value);
    if (!found) return null;
    const unit = found[3].toLowerCase();
    const figure = Number(found[2]) * (unit ? UNITS[unit] ?? NaN : base);
    if (Number.isNaN(figure)) return null;
    const known = (row) => read(row) !== null && read(row) !== undefined;
    const holds = COMPARISONS[found[1] ?? "="];
    return (row) => known(row) && holds(read(row), figure);
  }

  function statusTest(value) {
    if (value === "none") return (row) => row.status === null;
    if (/^[1-9]xx$/.test(value)) return (row) => row.status !== null && String(row.status)[0] === value[0];
    const range = /^(\d{3})(?:-(\d{3}))?$/.exec(value);
    if (!range) return null;
    return (row) => row.status !== null && row.status >= Number(range[1]) && row.status <= Number(range[2] ?? range[1]);
  }

  const FLAGS = {
    failed: (row) => row.error !== null || row.status === null,
    error: (row) => row.error !== null || row.status === null || row.status >= 400,
    redacted: (row) => row.redacted > 0,
  };

  const TERMS = {
    status: statusTest,
    is: (value) => (Object.hasOwn(FLAGS, value) ? FLAGS[value] : null),
    method: (value) => (row) => row.method.toLowerCase() === value,
    host: (value) => (row) => row.host.includes(value),
    type: (value) => (row) => row.type.includes(value),
    client: (value) => (row) => row.client.toLowerCase().includes(value),
    error: (value) => (row) => (row.error ?? "").toLowerCase().includes(value),
    time: (value) => figureTest(value, (row) => row.total, 1),
    size: (value) => figureTest(value, (row) => row.size, 1),
    sent: (value) => figureTest(value, (row) => row.sent, 1),
    number: (value) => figureTest(value, (row) => row.number, 1),
    at: (value) => figureTest(value, (row) => (row.started === null ? null : row.started - span.first), 1000),
  };

  // Gives a test for a word, or null where it is wrong: then the word is looked for as text.
  function testOf(word) {
    if (word.length > 2 && word.startsWith("/") && /\/i?$/.test(word)) {
      try {
        const pattern = new RegExp(word.slice(1, word.lastIndexOf("/")), "i");
        return (row) => pattern.test(`${row.method} ${row.url}`) || pattern.test(row.error ?? "");
      } catch {
        return null;
      }
    }
    const named = /^([a-z]+):(.+)$/s.exec(word);
    if (named && Object.hasOwn(TERMS, named[1])) return TERMS[named[1]](named[2].replace(/^"|"$/g, "").toLowerCase());
    return null;
  }

  function filterOf(text) {
    const tests = wordsOf(text).map(({ not, word }) => {
      const plain = word.replace(/^"|"$/g, "").toLowerCase();
      const test = testOf(word) ?? ((row) => row.searched.includes(plain));
      return not ? (row) => !test(row) : test;
    });
    return (row) => tests.every((test) => test(row));
  }

  // -- what is looked at: in the address, and from there everywhere

  const state = { open: null, q: "", sort: "number", from: null, to: null, lanes: "packed" };
  let rows = [];
  let shown = []; // rows that the filter leaves, sorted
  let span = { first: 0, last: 0, timed: false };

  function readAddress() {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
    const values = new URLSearchParams(query ?? "");
    const number = (name) => (values.has(name) && Number.isFinite(Number(values.get(name))) ? Number(values.get(name)) : null);
    state.open = /^\d+$/.test(path) ? Number(path) : null;
    state.q = values.get("q") ?? "";
    state.sort = sortKey(values.get("sort") ?? "number") ? values.get("sort") ?? "number" : "number";
    state.from = number("from");
    state.to = number("to");
    if (state.from === null || state.to === null || state.to <= state.from) state.from = state.to = null;
    state.lanes = ["connection", "thread", "host"].includes(values.get("lanes")) ? values.get("lanes") : "packed";
  }

  function address(open = state.open) {
    const values = new URLSearchParams();
    if (state.q) values.set("q", state.q);
    if (state.sort !== "number") values.set("sort", state.sort);
    if (state.from !== null) {
      values.set("from", state.from.toFixed(3));
      values.set("to", state.to.toFixed(3));
    }
    if (state.lanes !== "packed") values.set("lanes", state.lanes);
    const query = values.toString();
    return `#/${open ?? ""}${query ? `?${query}` : ""}`;
  }

  function writeAddress({ push = false } = {}) {
    const next = address();
    if (next === location.hash) return;
    try {
      if (push) history.pushState(null, "", next);
      else history.replaceState(null, "", next);
    } catch {
      // A browser that counts how often a page does that. The address is then a little late.
    }
  }

  // -- sorting

  const COLUMNS = [
    { key: "number", title: "#", name: "number", figure: true },
    { key: "started", title: "start", name: "start", figure: true },
    { key: "method", title: "method", name: "method" },
    { key: "status", title: "status", name: "status", figure: true },
    { key: "url", title: "URL", name: "URL" },
    { key: "type", title: "type", name: "type" },
    { key: "size", title: "size", name: "size", figure: true },
    { key: "total", title: "time", name: "time", figure: true },
    { key: "waterfall", title: "waterfall", name: null },
  ];

  function sortKey(sort) {
    const key = sort.replace(/^-/, "");
    return COLUMNS.some((column) => column.key === key && column.name) ? key : null;
  }

  const collator = new Intl.Collator("en", { numeric: true });

  function sorted(found) {
    const key = sortKey(state.sort);
    if (state.sort === "number") return found; // as they stand in the file
    const sign = state.sort.startsWith("-") ? -1 : 1;
    const compare = (one, other) => {
      const a = one[key];
      const b = other[key];
      if (a === b) return one.place - other.place;
      if (a === null || a === "") return 1; // what is not known stands last, whichever way
      if (b === null || b === "") return -1;
      return sign * (typeof a === "string" ? collator.compare(a, b) : a - b) || one.place - other.place;
    };
    return found.sort(compare);
  }

  // -- the table: rows in view only

  const grid = {
    element: $("grid"),
    body: $("rows"),
    active: 0, // place in `shown`
    pool: [],
    height: ROW_HEIGHT,
  };

  function makeHead() {
    for (const [at, column] of COLUMNS.entries()) {
      const cell = el("div", { role: "columnheader", class: `cell c-${column.key}`, "aria-colindex": at + 1 });
      if (column.name) {
        cell.append(
          el("button", { type: "button", tabindex: "-1", onclick: () => sortBy(column.key) }, column.title, el("span", { class: "arrow", "aria-hidden": "true" })),
        );
        cell.dataset.key = column.key;
        $("sort").append(el("option", { value: column.key }, column.name), el("option", { value: `-${column.key}` }, `${column.name}, down`));
      } else cell.append(column.title);
      $("head").append(cell);
    }
    grid.element.setAttribute("aria-colcount", COLUMNS.length);
  }

  function showSort() {
    const key = sortKey(state.sort);
    const down = state.sort.startsWith("-");
    for (const cell of $("head").children) {
      if (!cell.dataset.key) continue;
      const on = cell.dataset.key === key;
      cell.setAttribute("aria-sort", on ? (down ? "descending" : "ascending") : "none");
    }
    $("sort").value = state.sort;
  }

  function sortBy(key) {
    const numeric = ["status", "size", "total"].includes(key);
    const first = numeric ? `-${key}` : key;
    const second = numeric ? key : `-${key}`;
    state.sort = state.sort === first ? second : first;
    applyFilter({ keep: false });
    writeAddress();
  }

  function makeRow() {
    const cells = {};
    const element = el("div", { role: "row", class: "row" });
    for (const [at, column] of COLUMNS.entries()) {
      cells[column.key] = el("div", { role: "gridcell", class: `cell c-${column.key}`, "aria-colindex": at + 1 });
      element.append(cells[column.key]);
    }
    cells.host = el("span", { class: "host" });
    cells.path = el("span", { class: "path" });
    cells.why = el("span", { class: "why" });
    cells.url.append(cells.why, cells.host, cells.path);
    cells.bars = ["connect", "wait", "receive"].map((name) => el("span", { class: `bar-${name}` }));
    cells.track = el("span", { class: "track", "aria-hidden": "true" }, ...cells.bars);
    cells.waterfall.append(cells.track);
    return { element, cells };
  }

  function fillRow(item, row, place) {
    const { element, cells } = item;
    element.id = `row-${place}`;
    element.setAttribute("aria-rowindex", place + 2);
    element.setAttribute("aria-selected", row.number === state.open ? "true" : "false");
    element.className = `row ${row.kind}${place === grid.active ? " active" : ""}${row.number === state.open ? " open" : ""}${place % 2 ? " odd" : ""}`;
    element.style.transform = `translateY(${place * grid.height}px)`;
    element.dataset.place = place;
    cells.number.textContent = row.number;
    cells.started.textContent = row.started === null ? "-" : offsetText(row.started - span.first);
    cells.method.textContent = row.method;
    cells.status.textContent = row.status ?? "none";
    cells.why.textContent = row.error ?? "";
    cells.host.textContent = row.host;
    cells.path.textContent = row.path;
    cells.url.title = row.url.slice(0, 1000);
    cells.type.textContent = row.type.replace(/^(application|text)\/(?=.)/, "");
    cells.size.textContent = sizeText(row.size);
    cells.total.textContent = durationText(row.total);
    fillTrack(cells, row);
  }

  function fillTrack(cells, row) {
    const { from, to } = range();
    cells.track.hidden = row.started === null;
    if (row.started === null || to <= from) return;
    const share = (milliseconds) => `${(100 * milliseconds) / (to - from)}%`;
    const total = row.total ?? 0;
    const connect = Math.min(row.connect ?? 0, total);
    const firstByte = Math.min(Math.max(row.firstByte ?? total, connect), total);
    cells.track.style.left = share(row.started - from);
    cells.track.style.width = share(total);
    const parts = [connect, firstByte - connect, total - firstByte];
    cells.bars.forEach((bar, at) => (bar.style.flexGrow = total ? (100 * parts[at]) / total : 1));
  }

  function renderRows() {
    const view = grid.element;
    const head = $("head").offsetHeight;
    const first = Math.max(0, Math.floor(view.scrollTop / grid.height) - SPARE_ROWS);
    const last = Math.min(shown.length, Math.ceil((view.scrollTop + view.clientHeight - head) / grid.height) + SPARE_ROWS);
    while (grid.pool.length < last - first) {
      const item = makeRow();
      grid.pool.push(item);
      grid.body.append(item.element);
    }
    grid.pool.forEach((item, at) => {
      item.element.hidden = first + at >= last;
      if (!item.element.hidden) fillRow(item, shown[first + at], first + at);
      else item.element.removeAttribute("id");
    });
    grid.element.setAttribute("aria-activedescendant", shown.length ? `row-${grid.active}` : "");
    if (!shown.length) grid.element.removeAttribute("aria-activedescendant");
  }

  let waiting = false;
  function renderSoon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      renderRows();
    });
  }

  function measureRows() {
    const narrow = grid.element.clientWidth < 560;
    grid.height = narrow ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
    grid.element.classList.toggle("narrow", narrow);
    grid.body.style.height = `${shown.length * grid.height}px`;
  }

  function activate(place, { scroll = true } = {}) {
    grid.active = Math.max(0, Math.min(shown.length - 1, place));
    if (scroll) scrollToActive();
    renderRows();
  }

  function scrollToActive({ centre = false } = {}) {
    const view = grid.element;
    const room = view.clientHeight - $("head").offsetHeight;
    const top = grid.active * grid.height;
    const above = top < view.scrollTop;
    const below = top + grid.height > view.scrollTop + room;
    if ((above || below) && centre) view.scrollTop = top - room / 2;
    else if (above) view.scrollTop = top;
    else if (below) view.scrollTop = top + grid.height - room;
  }

  function applyFilter({ keep = true } = {}) {
    const current = shown[grid.active];
    const test = filterOf(state.q);
    const within = state.from === null ? () => true : withinRange;
    shown = sorted(rows.filter((row) => within(row) && test(row)));
    const place = keep && current ? shown.indexOf(current) : -1;
    grid.active = Math.max(0, place);
    grid.element.setAttribute("aria-rowcount", shown.length + 1);
    $("nothing").hidden = shown.length > 0;
    grid.element.hidden = shown.length === 0;
    measureRows();
    if (place < 0) grid.element.scrollTop = 0;
    showSort();
    showChips();
    tellCount();
    renderRows();
    drawPlots();
  }

  function withinRange(row) {
    return row.started !== null && row.started - span.first <= state.to && row.ended - span.first >= state.from;
  }

  function tellCount() {
    const of = shown.length === rows.length ? "" : ` of ${rows.length.toLocaleString("en")}`;
    const part = state.from === null ? "" : `, from ${offsetText(state.from)} to ${offsetText(state.to)}`;
    announce(`${shown.length.toLocaleString("en")}${of} ${rows.length === 1 ? "interaction" : "interactions"}${part}`);
  }

  function showChips() {
    const words = wordsOf(state.q).map(({ not, word }) => (not ? `-${word}` : word));
    for (const chip of document.querySelectorAll(".chip")) {
      chip.setAttribute("aria-pressed", words.includes(chip.dataset.term) ? "true" : "false");
    }
  }

  function setFilter(text) {
    state.q = text;
    $("filter").value = text;
    applyFilter();
    writeAddress();
  }

  function toggleTerm(term) {
    const words = wordsOf(state.q).map(({ not, word }) => (not ? `-${word}` : word));
    const left = words.filter((word) => word !== term);
    setFilter((left.length === words.length ? [...words, term] : left).join(" "));
  }

  // -- plots along the run

  const MARGIN = { left: 64, right: 12, top: 6, bottom: 18 };
  let colours = {};
  let lanes = new Map();
  let laneCount = 1;
  let laneLabels = [];
  let brush = null;
  let hovered = null;

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(`--${name}`).trim();
    colours = {
      ok: read("accent"), moved: read("violet"), refused: read("note"), failed: read("bad"), text: read("text"),
      quiet: read("quiet"), line: read("line"), soft: read("accent-soft"), panel: read("panel"), strong: read("line-strong"),
    };
    colours.font = `11px ${read("sans")}`;
  }

  function range() {
    if (state.from !== null) return { from: span.first + state.from, to: span.first + state.to };
    const pad = Math.max((span.last - span.first) * 0.01, 0.5);
    return { from: span.first - pad, to: span.last + pad };
  }

  // Gives a canvas its size in device pixels, and a context that counts in CSS pixels.
  function prepared(canvas) {
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = colours.font;
    context.lineWidth = 1;
    return { context, width, height };
  }

  function scaleX(width) {
    const { from, to } = range();
    const inner = width - MARGIN.left - MARGIN.right;
    return {
      at: (moment) => MARGIN.left + ((moment - from) / (to - from)) * inner,
      moment: (x) => from + ((x - MARGIN.left) / inner) * (to - from),
    };
  }

  function steps(from, to, most) {
    const raw = (to - from) / Math.max(1, most);
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw);
    const values = [];
    for (let at = Math.ceil(from / step); at * step <= to; at++) values.push(at * step || 0); // never -0
    return { values, step };
  }

  function momentText(milliseconds, step) {
    if (step >= 1800000) return `${(milliseconds / 3600000).toLocaleString("en", { maximumFractionDigits: 1 })} h`;
    if (step >= 60000) return `${(milliseconds / 60000).toLocaleString("en", { maximumFractionDigits: 1 })} min`;
    if (step < 1) return `${milliseconds.toLocaleString("en", { maximumFractionDigits: 3 })} ms`;
    if (step < 100) return `${Math.round(milliseconds).toLocaleString("en")} ms`;
    return `${(milliseconds / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} s`;
  }

  function drawTime({ context, width, height }, x) {
    const { from, to } = range();
    const { values, step } = steps(from - span.first, to - span.first, (width - MARGIN.left) / 110);
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    for (const value of values) {
      const place = Math.round(x.at(span.first + value)) + 0.5;
      if (place < MARGIN.left || place > width - MARGIN.right + 1) continue;
      context.strokeStyle = colours.line;
      context.beginPath();
      context.moveTo(place, MARGIN.top);
      context.lineTo(place, height - MARGIN.bottom);
      context.stroke();
      context.fillStyle = colours.quiet;
      if (place + 24 < width) context.fillText(momentText(value, step), place, height - 5);
    }
  }

  function drawLevels({ context, width }, levels) {
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const [y, text] of levels) {
      context.strokeStyle = colours.line;
      context.beginPath();
      context.moveTo(MARGIN.left, Math.round(y) + 0.5);
      context.lineTo(width - MARGIN.right, Math.round(y) + 0.5);
      context.stroke();
      context.fillStyle = colours.quiet;
      context.fillText(text, MARGIN.left - 6, y);
    }
  }

  function clipPlot({ context, width, height }) {
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, 0, width - MARGIN.left - MARGIN.right, height - MARGIN.bottom + 1);
    context.clip();
  }

  // Puts each row on a lane, so that no two on a lane overlap. What belongs together (a connection, a thread, a host)
  // keeps its lanes; a connection's lane is free for another after its last request.
  function layOutLanes() {
    const groups = new Map();
    for (const row of rows) {
      if (row.started === null) continue;
      const key = groupOf(row);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(row);
    }
    lanes = new Map();
    laneLabels = [];
    const ends = [];
    const ordered = [...groups].map(([key, members]) => [key, members.sort((a, b) => a.started - b.started)]);
    ordered.sort((a, b) => a[1][0].started - b[1][0].started);
    for (const [key, members] of ordered) {
      const inner = [];
      const places = members.map((row) => freeLane(inner, row.started, row.ended));
      const reuses = state.lanes === "packed" || state.lanes === "connection";
      const start = reuses && inner.length === 1 ? freeLane(ends, members[0].started, inner[0]) : ends.length;
      for (let at = 0; at < inner.length; at++) if (start + at >= ends.length) ends.push(Math.max(...inner));
      members.forEach((row, at) => lanes.set(row, start + places[at]));
      if (!reuses) laneLabels.push({ text: key, start, count: inner.length });
    }
    laneCount = Math.max(1, ends.length);
  }

  function freeLane(ends, from, to) {
    let lane = ends.findIndex((end) => end <= from);
    if (lane < 0) lane = ends.length;
    ends[lane] = to;
    return lane;
  }

  function groupOf(row) {
    if (state.lanes === "connection" && row.connection !== null) return `${row.pid} ${row.connection}`;
    if (state.lanes === "thread") return row.thread === null ? "unknown" : `${row.thread}`;
    if (state.lanes === "host") return row.host || "unknown";
    return row.place;
  }

  function laneHeight(canvas) {
    return (canvas.clientHeight - MARGIN.top - MARGIN.bottom) / laneCount;
  }

  function sizeWaterfall() {
    const wanted = Math.min(260, Math.max(70, laneCount * 12));
    $("waterfall").style.height = `${wanted + MARGIN.top + MARGIN.bottom}px`;
  }

  function drawWaterfall() {
    const canvas = $("waterfall");
    const place = prepared(canvas);
    const { context, width, height } = place;
    const x = scaleX(width);
    drawTime(place, x);
    const step = laneHeight(canvas);
    const bar = Math.max(1, Math.min(12, step - (step > 4 ? 1.5 : 0)));
    clipPlot(place);
    const visibleRows = new Set(shown);
    for (const row of rows) {
      const lane = lanes.get(row);
      if (lane === undefined) continue;
      const left = x.at(row.started);
      const right = x.at(row.ended);
      if (right < MARGIN.left || left > width) continue;
      const top = MARGIN.top + lane * step + (step - bar) / 2;
      const on = visibleRows.has(row);
      context.globalAlpha = on ? 1 : 0.12;
      drawBar(context, row, x, left, right, top, bar);
      if (row.number === state.open || row === hovered) {
        context.globalAlpha = 1;
        context.strokeStyle = colours.text;
        context.strokeRect(left - 1.5, top - 1.5, Math.max(2, right - left) + 3, bar + 3);
      }
    }
    context.globalAlpha = 1;
    drawFailureMarks(context, x, visibleRows, height);
    context.restore();
    drawLaneLabels(context, step);
    drawBrush(place, x);
  }

  function drawBar(context, row, x, left, right, top, bar) {
    context.fillStyle = colours[row.kind];
    const wide = right - left > 3 && row.firstByte !== null && row.firstByte !== undefined;
    if (!wide) {
      context.fillRect(left, top, Math.max(1, right - left), bar);
      return;
    }
    const alpha = context.globalAlpha;
    const first = x.at(row.started + Math.min(row.firstByte, row.total ?? row.firstByte));
    context.globalAlpha = alpha * 0.45; // until the first byte
    context.fillRect(left, top, first - left, bar);
    context.globalAlpha = alpha;
    context.fillRect(Math.min(first, right - 1), top, Math.max(1, right - first), bar);
  }

  // What failed is marked on the axis, too: by shape, not by colour alone.
  function drawFailureMarks(context, x, visibleRows, height) {
    context.fillStyle = colours.failed;
    for (const row of rows) {
      if (row.kind !== "failed" || row.started === null || !visibleRows.has(row)) continue;
      const place = x.at(row.ended);
      context.beginPath();
      context.moveTo(place, height - MARGIN.bottom - 6);
      context.lineTo(place + 4, height - MARGIN.bottom + 1);
      context.lineTo(place - 4, height - MARGIN.bottom + 1);
      context.fill();
    }
  }

  function drawLaneLabels(context, step) {
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const { text, start, count } of laneLabels) {
      if (count * step < 11) continue;
      const y = MARGIN.top + (start + count / 2) * step;
      const label = text.length > 40 ? `${text.slice(0, 40)}...` : text;
      context.fillStyle = colours.panel;
      context.globalAlpha = 0.85;
      context.fillRect(2, y - 7, context.measureText(label).width + 6, 14);
      context.globalAlpha = 1;
      context.fillStyle = colours.quiet;
      context.fillText(label, 4, y);
    }
  }

  function drawBrush({ context, height }, x) {
    if (!brush) return;
    const left = Math.min(x.at(brush.from), x.at(brush.to));
    context.fillStyle = colours.ok;
    context.globalAlpha = 0.15;
    context.fillRect(left, 0, Math.abs(x.at(brush.to) - x.at(brush.from)), height);
    context.globalAlpha = 1;
  }

  function logScale(values, height) {
    const known = values.filter((value) => value > 0);
    const low = 10 ** Math.floor(Math.log10(Math.max(0.01, Math.min(...minmax(known)))));
    const high = 10 ** Math.ceil(Math.log10(Math.max(1, minmax(known)[1])) + 1e-9);
    const inner = height - MARGIN.top - MARGIN.bottom;
    const decades = Math.max(1, Math.log10(high / low));
    const at = (value) => height - MARGIN.bottom - (Math.log10(Math.max(value, low) / low) / decades) * inner;
    const levels = [];
    for (let value = low; value <= high * 1.001; value *= 10) levels.push(value);
    return { at, levels };
  }

  function minmax(values) {
    let least = Infinity;
    let most = -Infinity;
    for (const value of values) {
      if (value < least) least = value;
      if (value > most) most = value;
    }
    return values.length ? [least, most] : [1, 1];
  }

  const RANKS = { ok: 0, moved: 1, refused: 2, failed: 3 };

  function drawScatter() {
    const canvas = $("scatter");
    const place = prepared(canvas);
    const { context, width, height } = place;
    const x = scaleX(width);
    drawTime(place, x);
    const timed = shown.filter((row) => row.started !== null && row.total !== null && row.total !== undefined);
    const y = logScale(timed.map((row) => row.total), height);
    drawLevels(place, y.levels.map((value) => [y.at(value), shortDuration(value)]));
    clipPlot(place);
    context.globalAlpha = timed.length > 2000 ? 0.5 : 0.85;
    timed.sort((a, b) => RANKS[a.kind] - RANKS[b.kind]); // what failed lies on top
    const dense = timed.length > 3000; // circles of this size look like squares, and take longer
    for (const row of timed) {
      const [left, top] = [x.at(row.started), y.at(row.total)];
      if (left < MARGIN.left || left > width) continue;
      if (dense && row.kind === "ok") {
        context.fillStyle = colours.ok;
        context.fillRect(left - 1.3, top - 1.3, 2.6, 2.6);
      } else drawMark(context, row, left, top, dense ? 2 : 2.6);
    }
    context.globalAlpha = 1;
    for (const row of timed) {
      if (row.number !== state.open && row !== hovered) continue;
      context.strokeStyle = colours.text;
      context.beginPath();
      context.arc(x.at(row.started), y.at(row.total), 6, 0, 7);
      context.stroke();
    }
    context.restore();
    drawBrush(place, x);
  }

  function shortDuration(milliseconds) {
    if (milliseconds < 1) return `${milliseconds.toLocaleString("en", { maximumFractionDigits: 2 })} ms`;
    return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toLocaleString("en")} s`;
  }

  // Each kind has a shape of its own.
  function drawMark(context, row, x, y, size) {
    context.fillStyle = context.strokeStyle = colours[row.kind];
    context.beginPath();
    if (row.kind === "ok") context.arc(x, y, size, 0, 7);
    else if (row.kind === "moved") context.rect(x - size, y - size, size * 2, size * 2);
    else if (row.kind === "refused") {
      context.moveTo(x, y - size * 1.4);
      context.lineTo(x + size * 1.3, y + size);
      context.lineTo(x - size * 1.3, y + size);
    } else {
      context.moveTo(x - size, y - size);
      context.lineTo(x + size, y + size);
      context.moveTo(x + size, y - size);
      context.lineTo(x - size, y + size);
      context.lineWidth = 2;
      context.stroke();
      context.lineWidth = 1;
      return;
    }
    context.fill();
  }

  function drawMemory() {
    const known = rows.filter((row) => row.rss !== null && row.ended !== null);
    $("memory-plot").hidden = known.length < 2;
    if (known.length < 2) return;
    const place = prepared($("memory"));
    const { context, width, height } = place;
    const x = scaleX(width);
    drawTime(place, x);
    const high = minmax(known.map((row) => row.rss))[1] * 1.1;
    const inner = height - MARGIN.top - MARGIN.bottom;
    const y = (value) => height - MARGIN.bottom - (value / high) * inner;
    drawLevels(place, steps(0, high, 3).values.map((value) => [y(value), sizeText(value).replace(/(\.\d*?)0+ /, "$1 ").replace(". ", " ")]));
    clipPlot(place);
    const shades = [colours.ok, colours.violet ?? colours.moved, colours.refused, colours.quiet];
    const byProcess = Map.groupBy ? Map.groupBy(known, (row) => row.pid) : grouped(known, (row) => row.pid);
    let at = 0;
    for (const members of byProcess.values()) {
      members.sort((a, b) => a.ended - b.ended);
      context.strokeStyle = shades[at % shades.length];
      context.setLineDash(at >= shades.length ? [4, 3] : []);
      context.lineWidth = 1.5;
      context.beginPath();
      members.forEach((row, index) => (index ? context.lineTo(x.at(row.ended), y(row.rss)) : context.moveTo(x.at(row.ended), y(row.rss))));
      context.stroke();
      at++;
    }
    context.setLineDash([]);
    context.restore();
    drawBrush(place, x);
  }

  function grouped(values, key) {
    const groups = new Map();
    for (const value of values) {
      if (!groups.has(key(value))) groups.set(key(value), []);
      groups.get(key(value)).push(value);
    }
    return groups;
  }

  let drawing = false;
  function drawPlots() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      if (span.timed) {
        drawWaterfall();
        drawScatter();
        drawMemory();
      }
      drawDistributions();
    });
  }

  function describePlots() {
    const timed = rows.filter((row) => row.total !== null && row.total !== undefined).map((row) => row.total).sort((a, b) => a - b);
    const failed = rows.filter((row) => row.kind === "failed").length;
    $("waterfall").setAttribute("aria-label", `Requests along the run: ${countText(rows.length, "interaction")} in ${durationText(span.last - span.first)}, at most ${laneCount} at once, ${failed} failed. The table below has each.`);
    if (timed.length) {
      $("scatter").setAttribute("aria-label", `Time to the last byte along the run: median ${durationText(timed[timed.length >> 1])}, longest ${durationText(timed.at(-1))}. The table of times below has percentiles.`);
    }
    const rss = rows.filter((row) => row.rss !== null).map((row) => row.rss);
    if (rss.length) {
      const [least, most] = minmax(rss);
      $("memory").setAttribute("aria-label", `Resident memory along the run: from ${sizeText(least)} to ${sizeText(most)}. The table of processes below has figures.`);
    }
  }

  // -- choosing a part of the run

  function zoomTo(from, to) {
    const whole = span.last - span.first;
    const least = Math.max(0.05, whole / 1e6);
    if (to - from < least) [from, to] = [(from + to - least) / 2, (from + to + least) / 2];
    const all = from <= 0 && to >= whole;
    state.from = all ? null : Math.max(0, from);
    state.to = all ? null : Math.min(whole, to);
    applyFilter();
    writeAddress();
  }

  function zoomBy(factor) {
    const { from, to } = range();
    const middle = (from + to) / 2 - span.first;
    const half = ((to - from) / 2) * factor;
    zoomTo(middle - half, middle + half);
  }

  function shift(share) {
    if (state.from === null) return;
    const length = state.to - state.from;
    const from = Math.max(0, Math.min(span.last - span.first - length, state.from + share * length));
    zoomTo(from, from + length);
  }

  function nearest(canvas, event) {
    const box = canvas.getBoundingClientRect();
    const x = scaleX(canvas.clientWidth);
    const px = event.clientX - box.left;
    const py = event.clientY - box.top;
    let best = null;
    let distance = 14;
    const step = laneHeight($("waterfall"));
    const scatter = canvas.id === "scatter";
    const y = scatter ? logScale(shown.filter((row) => row.started !== null && row.total > 0).map((row) => row.total), canvas.clientHeight) : null;
    for (const row of shown) {
      if (row.started === null) continue;
      const left = x.at(row.started);
      const right = x.at(row.ended);
      const gap = scatter ? Math.abs(px - left) : Math.max(left - px, px - right, 0);
      if (gap >= distance) continue;
      const row_y = scatter ? y.at(row.total ?? 1) : MARGIN.top + (lanes.get(row) + 0.5) * step;
      const off = Math.hypot(gap, Math.max(0, Math.abs(py - row_y) - (scatter ? 0 : step / 2)));
      if (off < distance) [best, distance] = [row, off];
    }
    return best;
  }

  function wirePlot(canvas) {
    let start = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      start = event.clientX;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const x = scaleX(canvas.clientWidth);
      const left = canvas.getBoundingClientRect().left;
      if (start !== null && Math.abs(event.clientX - start) > 4) {
        brush = { from: x.moment(start - left), to: x.moment(event.clientX - left) };
      } else if (start === null && canvas.id !== "memory") hover(nearest(canvas, event));
      drawPlots();
    });
    canvas.addEventListener("pointerup", (event) => {
      const chosen = brush;
      brush = null;
      if (chosen) zoomTo(Math.min(chosen.from, chosen.to) - span.first, Math.max(chosen.from, chosen.to) - span.first);
      else if (start !== null && canvas.id !== "memory") {
        const row = nearest(canvas, event);
        if (row) open(row.number);
      }
      start = null;
      drawPlots();
    });
    for (const name of ["pointercancel", "pointerleave"]) {
      canvas.addEventListener(name, () => {
        if (name === "pointercancel") start = brush = null;
        hover(null);
        drawPlots();
      });
    }
    canvas.addEventListener("dblclick", () => zoomTo(0, span.last - span.first));
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      zoomBy(event.deltaY > 0 ? 1.25 : 0.8);
    }, { passive: false });
  }

  function hover(row) {
    hovered = row;
    $("readout").textContent = row
      ? `${row.number}: ${row.method} ${row.status ?? row.error ?? "none"}, ${durationText(row.total)}, ${row.host}${row.path}`.slice(0, 200)
      : "";
  }

  // -- distributions

  let distributed = null; // what was drawn last, by the list of rows and the width

  function drawDistributions() {
    const now = `${$("times").clientWidth} ${window.devicePixelRatio} ${colours.ok}`;
    if (distributed && distributed.rows === shown && distributed.now === now) return;
    distributed = { rows: shown, now };
    drawDistribution($("times"), shown.map((row) => row.total), 0.01, shortDuration, durationText, "Times", "interaction");
    drawDistribution($("sizes"), shown.map((row) => row.size), 1, sizeShort, sizeText, "Sizes of responses", "body", "bodies");
  }

  const sizeShort = (size) => sizeText(size).replace(/\.0+ /, " ").replace(/(\.\d*?)0+ /, "$1 ");

  // `least` is the smallest figure that is told from 0.
  function drawDistribution(canvas, values, least, tick, full, title, one, many) {
    const known = values.filter((value) => value !== null && value !== undefined).sort((a, b) => a - b);
    const place = prepared(canvas);
    const { context, width, height } = place;
    if (!known.length) {
      canvas.setAttribute("aria-label", `${title}: none is known.`);
      context.fillStyle = colours.quiet;
      context.textAlign = "center";
      context.fillText("none is known", width / 2, height / 2);
      return;
    }
    const low = Math.floor(Math.log10(Math.max(known[0], least)));
    const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(known.at(-1), least)) + 1e-9));
    const perDecade = 8;
    const bins = new Array((high - low) * perDecade).fill(0);
    for (const value of known) {
      const bin = Math.floor((Math.log10(Math.max(value, 10 ** low)) - low) * perDecade);
      bins[Math.max(0, Math.min(bins.length - 1, bin))]++;
    }
    const most = Math.max(...bins);
    const left = 44;
    const inner = width - left - 10;
    const bottom = height - 20;
    const step = inner / bins.length;
    drawCounts(context, most, left, width, bottom);
    context.fillStyle = colours.ok;
    bins.forEach((count, at) => {
      const tall = (count / most) * (bottom - 18);
      if (count) context.fillRect(left + at * step + 0.5, bottom - Math.max(1.5, tall), Math.max(1, step - 1), Math.max(1.5, tall));
    });
    context.fillStyle = colours.quiet;
    context.textBaseline = "alphabetic";
    const apart = Math.ceil(56 / (perDecade * step)); // decades between two labels
    for (let decade = low; decade <= high; decade += apart) {
      const x = left + (decade - low) * perDecade * step;
      context.textAlign = decade === high ? "right" : decade === low ? "left" : "center";
      context.fillText(tick(10 ** decade), x, height - 6);
    }
    const percentile = (share) => known[Math.min(known.length - 1, Math.max(0, Math.ceil(share * known.length) - 1))];
    const placed = drawPercentile(context, "p50", percentile(0.5), low, perDecade * step, left, bottom, -99);
    drawPercentile(context, "p99", percentile(0.99), low, perDecade * step, left, bottom, placed);
    canvas.setAttribute("aria-label", `${title} of ${countText(known.length, one, many)}: median ${full(percentile(0.5))}, 90 % up to ${full(percentile(0.9))}, 99 % up to ${full(percentile(0.99))}, largest ${full(known.at(-1))}.`);
  }

  function drawCounts(context, most, left, width, bottom) {
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.strokeStyle = colours.line;
    for (const share of most > 1 ? [0, 0.5, 1] : [0, 1]) {
      const y = Math.round(bottom - share * (bottom - 18)) + 0.5;
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(width - 10, y);
      context.stroke();
      context.fillStyle = colours.quiet;
      context.fillText(Math.round(share * most).toLocaleString("en"), left - 6, y);
    }
  }

  function drawPercentile(context, label, value, low, decade, left, bottom, other) {
    const x = Math.round(left + (Math.log10(Math.max(value, 10 ** low)) - low) * decade) + 0.5;
    context.strokeStyle = colours.text;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(x, 12);
    context.lineTo(x, bottom);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = colours.text;
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    context.fillText(label, x - other < 26 ? x + 14 : x, 10);
    return x;
  }

  // -- one interaction

  let returnTo = null;
  let asked = 0;

  function open(number, { push = true, focus = true } = {}) {
    if (state.open === null) returnTo = document.activeElement;
    const changed = state.open !== number;
    state.open = number;
    if (push && changed) writeAddress({ push: true });
    showDetails({ focus });
  }

  function close({ push = true } = {}) {
    if (state.open === null) return;
    state.open = null;
    if (push) writeAddress({ push: true });
    showDetails({ focus: false });
    const target = returnTo && returnTo.isConnected && returnTo !== document.body ? returnTo : grid.element;
    target.focus({ preventScroll: true });
    returnTo = null;
  }

  async function showDetails({ focus }) {
    const panel = $("details");
    const row = state.open === null ? null : rows.find((one) => one.number === state.open);
    const ticket = ++asked;
    document.body.classList.toggle("with-details", state.open !== null);
    setCovered();
    if (state.open === null) {
      panel.hidden = true;
      panel.replaceChildren();
    } else if (!row) {
      panel.hidden = false;
      panel.replaceChildren(panelHead(`Interaction ${state.open}`, null), el("p", { class: "notice note" }, `There is no interaction ${state.open} in this page.`));
    } else {
      const details = await detailsOf(row.place).catch((error) => error);
      if (ticket !== asked) return; // another one was opened meanwhile
      panel.hidden = false;
      if (details instanceof Error) panel.replaceChildren(panelHead(`Interaction ${row.number}`, row), el("p", { class: "notice bad" }, `This browser could not unpack it: ${details.message}`));
      else panel.replaceChildren(...panelOf(row, details));
      panel.scrollTop = 0;
      const place = shown.indexOf(row);
      if (place >= 0) {
        activate(place, { scroll: false });
        scrollToActive({ centre: true });
      }
    }
    if (focus && state.open !== null) panel.focus({ preventScroll: true });
    measureRows();
    renderRows();
    drawPlots();
  }

  // Where details cover the page, nothing behind them can be reached.
  function setCovered() {
    const covered = state.open !== null && matchMedia("(width < 1000px)").matches;
    for (const part of document.querySelectorAll(".skip, .top, main, .foot")) part.inert = covered;
  }

  function step(by) {
    const place = shown.findIndex((row) => row.number === state.open);
    const next = shown[place < 0 ? grid.active : place + by];
    if (next) open(next.number);
  }

  function panelHead(title, row) {
    const place = row ? shown.indexOf(row) : -1;
    const button = (label, text, on, action) => el("button", { type: "button", "aria-label": label, title: label, disabled: !on, onclick: action }, text);
    return el(
      "div",
      { class: "panel-head" },
      el("h2", { id: "details-title" }, title),
      el(
        "span",
        { class: "group", role: "group", "aria-label": "Interactions" },
        button("Previous interaction (k)", "\u2191", place > 0, () => step(-1)),
        button("Next interaction (j)", "\u2193", place >= 0 && place < shown.length - 1, () => step(1)),
        button("Close (Escape)", "\u2715", true, () => close()),
      ),
    );
  }

  function panelOf(row, details) {
    const { request, response } = details;
    return [
      panelHead(`Interaction ${row.number}`, row),
      el("p", { class: "line-one" }, el("strong", {}, request.method), " ", el("span", { class: "code" }, request.url)),
      outcome(row, details),
      el(
        "p",
        { class: "actions" },
        details.curl ? curlButton(details.curl) : null,
        copyButton("Copy URL", request.url),
        copyButton("Copy link", location.href),
      ),
      errorSection(details.error),
      circumstances(row, details),
      response ? messageSection("Response", response, row, "response", [response.version, response.status, response.reason]) : null,
      messageSection(request.sent ? "Request" : "Request, which was not sent", request, row, "request", [request.method, request.target ?? row.path, request.version]),
      redactions(details.redacted),
    ].filter(Boolean);
  }

  // What the command lacks is told to whoever takes it.
  function curlButton(curl) {
    const button = copyButton("Copy as curl", curl.command);
    const notes = el("span", { class: "curl-note quiet", role: "status" });
    button.addEventListener("click", () => (notes.textContent = curl.notes.join(" ")));
    return el("span", { class: "with-notes" }, button, notes);
  }

  function outcome(row, details) {
    const { response } = details;
    const said = response ? `${response.status} ${response.reason}` : "no response";
    return el(
      "p",
      { class: "outcome" },
      el("span", { class: `badge ${row.kind}` }, said),
      row.total === null ? null : el("span", {}, durationText(row.total)),
      row.size === null ? null : el("span", {}, sizeText(row.size)),
      row.type ? el("span", {}, row.type) : null,
    );
  }

  function errorSection(error) {
    if (!error) return null;
    return el(
      "section",
      { class: "failure", "aria-label": "Error" },
      el("h3", {}, `Error: ${error.type}`),
      pairs([["phase", error.phase], ["message", error.message], ["cause", error.cause]]),
      error.received.length ? labelled("What had arrived", pre(error.received.join("\n"), "What had arrived")) : null,
    );
  }

  function circumstances(row, details) {
    const timings = details.timings;
    const [pid, thread] = details.process;
    const connection = details.connection;
    const said = [
      ["started", details.started ? `${details.started}${row.started === null ? "" : `, ${offsetText(row.started - span.first)} after the first`}` : null],
      ["client", details.client],
      ["process", [pid === null || pid === undefined ? null : `pid ${pid}`, thread === null || thread === undefined ? null : `thread ${thread}`, details.rss === null ? null : `${sizeText(details.rss)} resident`].filter(Boolean).join(", ") || null],
      ["connection", connection ? [connection.id === null || connection.id === undefined ? null : `number ${connection.id}`, connection.reused ? "reused" : "new", connection.peer, connection.tls || "no TLS", connection.proxy ? `through the proxy ${connection.proxy}` : null].filter(Boolean).join(", ") : null],
      ["read from", details.origin],
      ["id", details.origin ? null : details.id], // a conversion made it
    ];
    return section("Time and place", timingBar(row, timings), pairs(said));
  }

  function timingBar(row, timings) {
    const total = timings.total;
    if (total === undefined || total === null) return null;
    const connect = Math.min(timings.connect ?? 0, total);
    const first = Math.min(Math.max(timings.first_byte ?? total, connect), total);
    const parts = [["connect", connect], ["wait", first - connect], ["receive", total - first]].filter(([, length]) => length > 0);
    const bars = parts.map(([name, length]) => {
      const bar = el("span", { class: `bar-${name}` });
      bar.style.flexGrow = (100 * length) / total;
      return bar;
    });
    const legend = parts.map(([name, length]) => el("span", { class: `timing ${name}` }, `${name} ${durationText(length)}`));
    return el("div", { class: "timings" }, el("div", { class: "timing-bar", "aria-hidden": "true" }, ...bars), el("p", {}, ...legend, el("span", { class: "timing" }, `total ${durationText(total)}`)));
  }

  function redactions(found) {
    if (!found.length) return null;
    return section("Redacted", pairs(found.map(([rule, count]) => [rule, countText(count, "time")]), "fields"));
  }

  const folded = new Set(); // titles of sections that the reader closed

  function section(title, ...children) {
    const element = el("details", { class: "section", open: !folded.has(title) }, el("summary", {}, el("h3", {}, title)), ...children);
    element.addEventListener("toggle", () => (element.open ? folded.delete(title) : folded.add(title)));
    return element;
  }

  function messageSection(title, message, row, part, line) {
    return section(
      title,
      el("p", { class: "code start-line" }, line.filter((word) => word !== null && word !== "").join(" ")),
      pairs(message.headers, "headers"),
      ...bodyOf(message.body, row, part),
      message.trailers && message.trailers.length ? labelled("Trailers", pairs(message.trailers, "headers")) : null,
    );
  }

  function pairs(list, kind = "") {
    const known = list.filter(([, value]) => value !== null && value !== undefined);
    if (!known.length) return null;
    return el("dl", { class: `pairs ${kind}` }, ...known.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  }

  function labelled(label, element) {
    return el("div", {}, el("h4", {}, label), element);
  }

  function bodyOf(body, row, part) {
    if (!body) return [el("p", { class: "quiet" }, "No body.")];
    const said = [body.kind === "empty" || body.kind === "left out" ? null : body.kind, sizeText(body.size)];
    if (body.wire !== null && body.wire !== body.size) said.push(`${sizeText(body.wire)} on the wire`);
    if (body.coding) said.push(`${body.coding} taken off`);
    if (body.framing === "chunked") said.push("chunked");
    const heading = el("p", { class: "body-head" }, el("span", {}, el("strong", {}, "Body "), said.filter(Boolean).join(", ")));
    const parts = [heading];
    if (body.text) heading.append(copyButton("Copy", body.text));
    if (body.incomplete) parts.push(el("p", { class: "bad" }, `Incomplete: ${body.incomplete}`));
    if (body.removed) parts.push(el("p", { class: "note" }, `Removed: ${body.removed}`));
    if (body.coding_error) parts.push(el("p", { class: "note" }, `The content coding was not taken off: ${body.coding_error}`));
    for (const note of body.notes ?? []) parts.push(el("p", { class: "quiet" }, note));
    parts.push(...contentOf(body, `Body of the ${part}`));
    const cut = body.shown < body.size;
    if (cut || body.kind === "binary") parts.push(wholeBody(body, row, part, cut));
    return parts;
  }

  function wholeBody(body, row, part, cut) {
    const option = part === "response" ? "" : " --part request";
    const command = `ctools inspect ${facts.quoted} ${row.number} --body${option} -o FILE`;
    const why = body.kind === "left out" ? "Left out: the page has no more room for bodies." : cut && body.kind !== "binary" ? `Cut here: the first ${sizeText(body.shown)} are shown.` : "";
    return el("p", { class: "note-line" }, `${why} All of it: `, el("code", {}, command), " ", copyButton("Copy command", command));
  }

  function contentOf(content, label) {
    if (content.kind === "form") return [pairs(content.fields, "fields")];
    if (content.kind === "multipart") {
      return content.parts.map((part, at) => el("div", { class: "part" }, el("h4", {}, `Part ${at + 1}, ${part.kind}, ${sizeText(part.size)}`), el("p", { class: "code" }, part.headers.join("\n")), ...contentOf(part, `Part ${at + 1}`)));
    }
    if (content.kind === "events") return content.events.map((event) => eventOf(event));
    if (content.kind === "binary") return [pre(content.hex.join("\n"), label)];
    if (!content.text) return [];
    return [content.kind === "json" && content.text.length <= LONGEST_COLOURED ? colouredJson(content.text, label) : pre(content.text, label)];
  }

  function eventOf(event) {
    const notes = (event.notes ?? []).map((note) => el("p", { class: "quiet" }, note));
    return el("div", { class: "event" }, el("h4", {}, event.name), pairs(event.facts, "headers"), ...notes, ...contentOf(event, `Event ${event.name}`));
  }

  function pre(text, label) {
    return el("pre", { tabindex: "0", role: "group", "aria-label": label }, text);
  }

  const TOKEN = /("(?:[^"\\]|\\.)*"?)(\s*:)?|-?\b\d[\d.eE+-]*|\b(?:true|false|null)\b/g;

  function colouredJson(text, label) {
    const element = pre("", label);
    let at = 0;
    for (const found of text.matchAll(TOKEN)) {
      if (found.index > at) element.append(text.slice(at, found.index));
      const kind = found[1] ? (found[2] ? "name" : "string") : "literal";
      element.append(el("span", { class: `json-${kind}` }, found[1] ?? found[0]), found[2] ?? "");
      at = found.index + found[0].length;
    }
    element.append(text.slice(at));
    return element;
  }

  // -- keys and buttons

  function onGridKey(event) {
    const page = Math.max(1, Math.floor(grid.element.clientHeight / grid.height) - 2);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== grid.element) return;
    if (event.key in moves) {
      event.preventDefault();
      const place = grid.active + moves[event.key];
      activate(place === Infinity ? shown.length - 1 : place === -Infinity ? 0 : place);
      if (state.open !== null && shown[grid.active]) open(shown[grid.active].number, { focus: false });
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (shown[grid.active]) open(shown[grid.active].number);
    }
  }

  function onPageKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input, textarea, select");
    if (event.key === "Escape") onEscape(event);
    else if (typing) return;
    else if (event.key === "/") {
      event.preventDefault();
      $("filter").focus();
      $("filter").select();
    } else if (event.key === "j" || event.key === "k") {
      const by = event.key === "j" ? 1 : -1;
      if (state.open !== null) step(by);
      else activate(grid.active + by);
    }
  }

  function onEscape(event) {
    if (event.target === $("filter") && $("filter").value) setFilter("");
    else if (state.open !== null) close();
    else if (event.target === $("filter")) grid.element.focus();
  }

  function wire() {
    $("filter").addEventListener("input", () => setFilter($("filter").value));
    $("filter").addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "ArrowDown") {
        event.preventDefault();
        grid.element.focus();
      }
    });
    $("clear").addEventListener("click", () => {
      state.from = state.to = null;
      setFilter("");
      grid.element.focus();
    });
    $("sort").addEventListener("change", () => {
      state.sort = $("sort").value;
      applyFilter({ keep: false });
      writeAddress();
    });
    $("lanes").addEventListener("change", () => {
      state.lanes = $("lanes").value;
      layOutLanes();
      sizeWaterfall();
      drawPlots();
      writeAddress();
    });
    for (const chip of document.querySelectorAll(".chip")) chip.addEventListener("click", () => toggleTerm(chip.dataset.term));
    for (const term of document.querySelectorAll(".term")) {
      term.addEventListener("click", () => {
        setFilter(term.dataset.filter);
        $("list-title").scrollIntoView({ block: "start" });
        grid.element.focus({ preventScroll: true });
      });
    }
    grid.element.addEventListener("scroll", renderSoon, { passive: true });
    grid.element.addEventListener("keydown", onGridKey);
    grid.body.addEventListener("click", (event) => {
      const element = event.target.closest("[data-place]");
      if (!element) return;
      grid.active = Number(element.dataset.place);
      open(shown[grid.active].number);
    });
    document.addEventListener("keydown", onPageKey);
    wireZoom();
    window.addEventListener("popstate", fromAddress);
    document.addEventListener("themechange", redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new ResizeObserver(onResize).observe($("grid").parentElement);
  }

  function wireZoom() {
    $("zoom-in").addEventListener("click", () => zoomBy(0.5));
    $("zoom-out").addEventListener("click", () => zoomBy(2));
    $("zoom-all").addEventListener("click", () => zoomTo(0, span.last - span.first));
    $("earlier").addEventListener("click", () => shift(-0.5));
    $("later").addEventListener("click", () => shift(0.5));
    for (const id of ["waterfall", "scatter", "memory"]) wirePlot($(id));
  }

  function redraw() {
    readColours();
    drawPlots();
  }

  function onResize() {
    setCovered();
    measureRows();
    renderSoon();
    drawPlots();
  }

  function fromAddress() {
    const before = { open: state.open, lanes: state.lanes };
    readAddress();
    $("filter").value = state.q;
    $("lanes").value = state.lanes;
    if (before.lanes !== state.lanes) {
      layOutLanes();
      sizeWaterfall();
    }
    applyFilter();
    if (before.open !== state.open) showDetails({ focus: state.open !== null });
    if (before.open !== null && state.open === null) grid.element.focus({ preventScroll: true });
  }

  async function start() {
    rows = await allRows();
    const known = rows.filter((row) => row.started !== null);
    span = {
      first: minmax(known.map((row) => row.started))[0],
      last: minmax(known.map((row) => row.ended))[1],
      timed: known.length > 0,
    };
    for (const section of document.querySelectorAll("[data-needs-script]")) section.hidden = false;
    document.querySelector(".along").hidden = !span.timed;
    grid.element.classList.toggle("untimed", !span.timed);
    const measured = rows.some((row) => row.total !== null && row.total !== undefined);
    grid.element.classList.toggle("unmeasured", !measured);
    $("times").closest("figure").hidden = !measured;
    document.querySelector('[data-term="time:>1s"]').hidden = !measured;
    if (!rows.some((row) => row.redacted)) document.querySelector('[data-term="is:redacted"]').hidden = true;
    readColours();
    makeHead();
    readAddress();
    $("filter").value = state.q;
    $("lanes").value = state.lanes;
    layOutLanes();
    sizeWaterfall();
    describePlots();
    wire();
    applyFilter();
    if (state.open !== null) {
      await showDetails({ focus: true });
      $("list-title").scrollIntoView({ block: "start" });
    }
    document.documentElement.dataset.ready = "true";
  }

  start().catch((error) => {
    const said = el("p", { class: "notice bad" }, `The table could not be shown in this browser: ${error.message}. It needs DecompressionStream (browsers of 2023 and later).`);
    $("main").prepend(said);
    throw error;
  });
})();
