// A small line of recent values, drawn as SVG by DOM calls. Colours come from the style sheet.

import { KEPT } from "./rates.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 32;

/** One sparkline. Decoration: the number beside it says the same to a screen reader. */
export class Spark {
  constructor() {
    this.node = document.createElementNS(SVG, "svg");
    this.node.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.node.setAttribute("preserveAspectRatio", "none");
    this.node.setAttribute("aria-hidden", "true");
    this.node.classList.add("spark");
    this.area = document.createElementNS(SVG, "polygon");
    this.line = document.createElementNS(SVG, "polyline");
    this.node.append(this.area, this.line);
  }

  /**
   * Draws a series, newest at the right edge, scaled from zero to its own maximum.
   * @param {number[]} series
   */
  draw(series) {
    if (series.length < 2) return;
    const top = Math.max(...series, Number.MIN_VALUE);
    const step = WIDTH / (KEPT - 1);
    const left = WIDTH - (series.length - 1) * step;
    const points = series.map((value, i) => {
      const y = HEIGHT - 2 - (value / top) * (HEIGHT - 5);
      return `${(left + i * step).toFixed(1)},${y.toFixed(1)}`;
    });
    this.line.setAttribute("points", points.join(" "));
    this.area.setAttribute("points", `${left.toFixed(1)},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`);
  }
}
