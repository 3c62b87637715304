// The plots along the run: requests on lanes, the time of each, resident memory; and choosing a part of the run.
//
// Law: all rows are drawn, those that the filter leaves out pale. What a plot shows stands in its label, too. Drawing
// happens once for each frame, however often it is asked for.
"use strict";

const along = (() => {
  const { byId: $ } = elements;
  const { countText, durationText, minmax, shortDuration, sizeText } = figures;
  const { MARGIN, clipPlot, colours, drawLevels, drawTime, prepared, range, scaleX, steps } = plotting;

  let brush = null;
  let hovered = null;

  function laneHeight(canvas) {
    return (canvas.clientHeight - MARGIN.top - MARGIN.bottom) / lanes.count();
  }

  function sizeWaterfall() {
    const wanted = Math.min(260, Math.max(70, lanes.count() * 12));
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
    const visibleRows = new Set(view.shown);
    for (const row of view.rows) {
      const lane = lanes.of(row);
      if (lane === undefined) continue;
      const left = x.at(row.started);
      const right = x.at(row.ended);
      if (right < MARGIN.left || left > width) continue;
      const top = MARGIN.top + lane * step + (step - bar) / 2;
      const on = visibleRows.has(row);
      context.globalAlpha = on ? 1 : 0.12;
      drawBar(context, row, x, left, right, top, bar);
      if (row.number === view.open || row === hovered) {
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
    for (const row of view.rows) {
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
    for (const { text, start, count } of lanes.labels()) {
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
  const RANKS = { ok: 0, moved: 1, refused: 2, failed: 3 };

  function drawScatter() {
    const canvas = $("scatter");
    const place = prepared(canvas);
    const { context, width, height } = place;
    const x = scaleX(width);
    drawTime(place, x);
    const timed = view.shown.filter((row) => row.started !== null && row.total !== null && row.total !== undefined);
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
      if (row.number !== view.open && row !== hovered) continue;
      context.strokeStyle = colours.text;
      context.beginPath();
      context.arc(x.at(row.started), y.at(row.total), 6, 0, 7);
      context.stroke();
    }
    context.restore();
    drawBrush(place, x);
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
    const known = view.rows.filter((row) => row.rss !== null && row.ended !== null);
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
      drawNow();
    });
  }

  function drawNow() {
    if (view.span.timed) {
      drawWaterfall();
      drawScatter();
      drawMemory();
    }
    distributions.drawDistributions();
  }

  function describePlots() {
    const timed = view.rows.filter((row) => row.total !== null && row.total !== undefined).map((row) => row.total).sort((a, b) => a - b);
    const failed = view.rows.filter((row) => row.kind === "failed").length;
    $("waterfall").setAttribute("aria-label", `Requests along the run: ${countText(view.rows.length, "interaction")} in ${durationText(view.span.last - view.span.first)}, at most ${lanes.count()} at once, ${failed} failed. The table below has each.`);
    if (timed.length) {
      $("scatter").setAttribute("aria-label", `Time to the last byte along the run: median ${durationText(timed[timed.length >> 1])}, longest ${durationText(timed.at(-1))}. The table of times below has percentiles.`);
    }
    const rss = view.rows.filter((row) => row.rss !== null).map((row) => row.rss);
    if (rss.length) {
      const [least, most] = minmax(rss);
      $("memory").setAttribute("aria-label", `Resident memory along the run: from ${sizeText(least)} to ${sizeText(most)}. The table of processes below has figures.`);
    }
  }

  // -- choosing a part of the run

  function zoomTo(from, to) {
    const whole = view.span.last - view.span.first;
    const least = Math.max(0.05, whole / 1e6);
    if (to - from < least) [from, to] = [(from + to - least) / 2, (from + to + least) / 2];
    const all = from <= 0 && to >= whole;
    view.from = all ? null : Math.max(0, from);
    view.to = all ? null : Math.min(whole, to);
    actions.filterAgain();
    addresses.write();
  }

  function zoomBy(factor) {
    const { from, to } = range();
    const middle = (from + to) / 2 - view.span.first;
    const half = ((to - from) / 2) * factor;
    zoomTo(middle - half, middle + half);
  }

  function shift(share) {
    if (view.from === null) return;
    const length = view.to - view.from;
    const from = Math.max(0, Math.min(view.span.last - view.span.first - length, view.from + share * length));
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
    const y = scatter ? logScale(view.shown.filter((row) => row.started !== null && row.total > 0).map((row) => row.total), canvas.clientHeight) : null;
    for (const row of view.shown) {
      if (row.started === null) continue;
      const left = x.at(row.started);
      const right = x.at(row.ended);
      const gap = scatter ? Math.abs(px - left) : Math.max(left - px, px - right, 0);
      if (gap >= distance) continue;
      const row_y = scatter ? y.at(row.total ?? 1) : MARGIN.top + (lanes.of(row) + 0.5) * step;
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
      if (chosen) zoomTo(Math.min(chosen.from, chosen.to) - view.span.first, Math.max(chosen.from, chosen.to) - view.span.first);
      else if (start !== null && canvas.id !== "memory") {
        const row = nearest(canvas, event);
        if (row) actions.open(row.number);
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
    canvas.addEventListener("dblclick", () => zoomTo(0, view.span.last - view.span.first));
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

  return { describePlots, drawNow, drawPlots, shift, sizeWaterfall, wirePlot, zoomBy, zoomTo };
})();
