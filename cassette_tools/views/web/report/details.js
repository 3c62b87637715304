// One interaction in full, beside the table.
//
// Law: everything is unpacked when it is looked at, and shown as text; a picture is painted from its bytes, see
// picture.js. Opening and closing is in the address.
"use strict";

const details = (() => {
  const { byId: $, colouredJson, copyButton, el, labelled, pairs, pre, section } = elements;
  const { countText, durationText, offsetText, sizeText } = figures;
  const { facts } = store;
  const LONGEST_COLOURED = 100000; // characters of JSON

  let returnTo = null;
  let asked = 0;

  function open(number, { push = true, focus = true } = {}) {
    if (view.open === null) returnTo = document.activeElement;
    const changed = view.open !== number;
    view.open = number;
    if (push && changed) addresses.write({ push: true });
    showDetails({ focus });
  }

  function close({ push = true } = {}) {
    if (view.open === null) return;
    view.open = null;
    if (push) addresses.write({ push: true });
    showDetails({ focus: false });
    const target = returnTo && returnTo.isConnected && returnTo !== document.body ? returnTo : table.grid.element;
    target.focus({ preventScroll: true });
    returnTo = null;
  }

  async function showDetails({ focus }) {
    const panel = $("details");
    const row = view.open === null ? null : view.rows.find((one) => one.number === view.open);
    const ticket = ++asked;
    document.body.classList.toggle("with-details", view.open !== null);
    setCovered();
    if (view.open === null) {
      panel.hidden = true;
      panel.replaceChildren();
    } else if (!row) {
      panel.hidden = false;
      panel.replaceChildren(panelHead(`Interaction ${view.open}`, null), el("p", { class: "notice note" }, `There is no interaction ${view.open} in this page.`));
    } else {
      const details = await store.detailsOf(row.place).catch((error) => error);
      if (ticket !== asked) return; // another one was opened meanwhile
      panel.hidden = false;
      if (details instanceof Error) panel.replaceChildren(panelHead(`Interaction ${row.number}`, row), el("p", { class: "notice bad" }, `This browser could not unpack it: ${details.message}`));
      else panel.replaceChildren(...panelOf(row, details));
      panel.scrollTop = 0;
      const place = view.shown.indexOf(row);
      if (place >= 0) {
        table.activate(place, { scroll: false });
        table.scrollToActive({ centre: true });
      }
    }
    if (focus && view.open !== null) panel.focus({ preventScroll: true });
    table.measureRows();
    table.renderRows();
    along.drawPlots();
  }

  // Where details cover the page, nothing behind them can be reached.
  function setCovered() {
    const covered = view.open !== null && matchMedia("(width < 1000px)").matches;
    for (const part of document.querySelectorAll(".skip, .top, main, .foot")) part.inert = covered;
  }

  function step(by) {
    const place = view.shown.findIndex((row) => row.number === view.open);
    const next = view.shown[place < 0 ? table.grid.active : place + by];
    if (next) open(next.number);
  }

  function panelHead(title, row) {
    const place = row ? view.shown.indexOf(row) : -1;
    const button = (label, text, on, action) => el("button", { type: "button", "aria-label": label, title: label, disabled: !on, onclick: action }, text);
    return el(
      "div",
      { class: "panel-head" },
      el("h2", { id: "details-title" }, title),
      el(
        "span",
        { class: "group", role: "group", "aria-label": "Interactions" },
        button("Previous interaction (k)", "\u2191", place > 0, () => step(-1)),
        button("Next interaction (j)", "\u2193", place >= 0 && place < view.shown.length - 1, () => step(1)),
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
      ["started", details.started ? `${details.started}${row.started === null ? "" : `, ${offsetText(row.started - view.span.first)} after the first`}` : null],
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

  function messageSection(title, message, row, part, line) {
    return section(
      title,
      el("p", { class: "code start-line" }, line.filter((word) => word !== null && word !== "").join(" ")),
      pairs(message.headers, "headers"),
      ...bodyOf(message.body, row, part),
      message.trailers && message.trailers.length ? labelled("Trailers", pairs(message.trailers, "headers")) : null,
    );
  }

  // What may be JSON comes as it was recorded; it is laid out here, where it is looked at.
  function readable(body) {
    if (body.source === undefined) return body;
    const text = texts.laidOut(body.source);
    if (text !== null) return { ...body, text: texts.visible(text) };
    const notes = body.declared ? ["Declared as JSON, but it is none: shown as it is.", ...body.notes] : body.notes;
    return { ...body, kind: "text", text: texts.visible(body.source), notes };
  }

  function bodyOf(recorded, row, part) {
    if (!recorded) return [el("p", { class: "quiet" }, "No body.")];
    const body = readable(recorded);
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
    if (body.picture) parts.push(pictures.paint(store.bytesOf(body), body.picture, `Body of the ${part}`));
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
    if (content.picture) return [folded("Bytes", pre(content.hex.join("\n"), label))];
    if (content.kind === "binary") return [pre(content.hex.join("\n"), label)];
    if (!content.text) return [];
    return [content.kind === "json" && content.text.length <= LONGEST_COLOURED ? colouredJson(content.text, label) : pre(content.text, label)];
  }

  function folded(title, ...children) {
    return el("details", { class: "folded" }, el("summary", {}, title), ...children);
  }

  function eventOf(event) {
    const notes = (event.notes ?? []).map((note) => el("p", { class: "quiet" }, note));
    return el("div", { class: "event" }, el("h4", {}, event.name), pairs(event.facts, "headers"), ...notes, ...contentOf(event, `Event ${event.name}`));
  }

  return { close, open, setCovered, showDetails, step };
})();
