// What all plots share: colours of the scheme, the part of the run that is shown, scales, axes.
//
// Law: canvases are drawn in CSS pixels on device pixels. Colours are read from the style sheet, at each change of the
// scheme.
"use strict";

const plotting = (() => {
  const { momentText } = figures;

  const MARGIN = { left: 64, right: 12, top: 6, bottom: 18 };
  const colours = {};

  // On paper, the scheme is the light one.
  function readColours({ paper = false } = {}) {
    const { dataset } = document.documentElement;
    const kept = dataset.theme;
    if (paper) dataset.theme = "light";
    readTokens();
    if (!paper) return;
    if (kept) dataset.theme = kept;
    else delete dataset.theme;
  }

  function readTokens() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(`--${name}`).trim();
    Object.assign(colours, {
      ok: read("accent"), moved: read("violet"), refused: read("note"), failed: read("bad"), text: read("text"),
      quiet: read("quiet"), line: read("line"), soft: read("accent-soft"), panel: read("panel"), strong: read("line-strong"),
      font: `11px ${read("sans")}`,
    });
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

  // The part of the run that is shown, in milliseconds of the epoch.
  function range() {
    const { span } = view;
    if (view.from !== null) return { from: span.first + view.from, to: span.first + view.to };
    const pad = Math.max((span.last - span.first) * 0.01, 0.5);
    return { from: span.first - pad, to: span.last + pad };
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

  function drawTime({ context, width, height }, x) {
    const { from, to } = range();
    const { values, step } = steps(from - view.span.first, to - view.span.first, (width - MARGIN.left) / 110);
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    for (const value of values) {
      const place = Math.round(x.at(view.span.first + value)) + 0.5;
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

  return { MARGIN, clipPlot, colours, drawLevels, drawTime, prepared, range, readColours, scaleX, steps };
})();
