// Figures as text, as views/figures.py writes them.
//
// Law: numbers in, text out; nothing of the page is looked at. What is not known is "-".
"use strict";

const figures = (() => {

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

  function shortDuration(milliseconds) {
    if (milliseconds < 1) return `${milliseconds.toLocaleString("en", { maximumFractionDigits: 2 })} ms`;
    return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toLocaleString("en")} s`;
  }

  const sizeShort = (size) => sizeText(size).replace(/\.0+ /, " ").replace(/(\.\d*?)0+ /, "$1 ");

  function momentText(milliseconds, step) {
    if (step >= 1800000) return `${(milliseconds / 3600000).toLocaleString("en", { maximumFractionDigits: 1 })} h`;
    if (step >= 60000) return `${(milliseconds / 60000).toLocaleString("en", { maximumFractionDigits: 1 })} min`;
    if (step < 1) return `${milliseconds.toLocaleString("en", { maximumFractionDigits: 3 })} ms`;
    if (step < 100) return `${Math.round(milliseconds).toLocaleString("en")} ms`;
    return `${(milliseconds / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} s`;
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

  return { countText, durationText, minmax, momentText, offsetText, shortDuration, sizeShort, sizeText };
})();
