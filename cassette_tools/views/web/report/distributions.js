// Distributions of times and sizes of what the filter leaves.
//
// Law: bins on a logarithmic axis, with the median and the 99th percentile. Drawn again only where something changed.
"use strict";

const distributions = (() => {
  const { byId: $ } = elements;
  const { countText, durationText, shortDuration, sizeShort, sizeText } = figures;
  const { colours, prepared } = plotting;

  let distributed = null; // what was drawn last, by the list of rows and the width

  function drawDistributions() {
    const now = `${$("times").clientWidth} ${window.devicePixelRatio} ${colours.ok}`;
    if (distributed && distributed.rows === view.shown && distributed.now === now) return;
    distributed = { rows: view.shown, now };
    drawDistribution($("times"), view.shown.map((row) => row.total), 0.01, shortDuration, durationText, "Times", "interaction");
    drawDistribution($("sizes"), view.shown.map((row) => row.size), 1, sizeShort, sizeText, "Sizes of responses", "body", "bodies");
  }


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
    const lines = [["p50", percentile(0.5)], ["p99", percentile(0.99)]];
    const placeOf = (value) => Math.round(left + (Math.log10(Math.max(value, 10 ** low)) - low) * perDecade * step) + 0.5;
    drawPercentiles(context, lines.map(([label, value]) => [label, placeOf(value)]), bottom);
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

  // Labels that would run into each other stand on the far sides of their lines.
  function drawPercentiles(context, [[one, left], [other, right]], bottom) {
    context.strokeStyle = context.fillStyle = colours.text;
    context.textBaseline = "alphabetic";
    context.setLineDash([3, 3]);
    for (const x of new Set([left, right])) {
      context.beginPath();
      context.moveTo(x, 12);
      context.lineTo(x, bottom);
      context.stroke();
    }
    context.setLineDash([]);
    const close = right - left < 26;
    context.textAlign = close ? "right" : "center";
    context.fillText(one, close ? left - 1 : left, 10);
    context.textAlign = close ? "left" : "center";
    context.fillText(other, close ? right + 1 : right, 10);
  }

  return { drawDistributions };
})();
