// uPlot with the page's colours, size and cursor; what is drawn on it is up to the caller.

import uPlot from "./vendor/uplot/uPlot.esm.js";
import { timeOfDay } from "./format.js";
import { colour, onTheme } from "./theme.js";

/**
 * @typedef {object} Plan
 * @property {uPlot.Series[]} series as uPlot wants them, without the first
 * @property {(value: number) => string} [show] labels of the vertical axis
 * @property {number[]} [splits] where these labels are, if not wherever they fit
 * @property {(most: number) => [number, number]} range of the vertical axis, from the largest figure
 * @property {(plot: uPlot) => void} [paint] draws on the canvas, before the series
 * @property {number} [left] room for the labels of the vertical axis, in pixels
 * @property {(index: number | null) => void} onpoint told which sample the pointer is at
 */

/** Sizes follow the text of the page, which is larger on a wall. */
const SCALE = parseFloat(getComputedStyle(document.documentElement).fontSize) / 15;
const FONT = `${11 * SCALE}px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif`;
/** Steps between labels of the time, in seconds. */
const STEPS_S = [60, 120, 300, 600, 900, 1800];

/** All charts, so that a change of colours reaches them. @type {Set<Chart>} */
const charts = new Set();
onTheme(() => charts.forEach((chart) => chart.redraw()));

/** A chart over time. */
export class Chart {
  #plot;
  #window = 300;

  /**
   * @param {HTMLElement} host its size is the chart's
   * @param {Plan} plan
   */
  constructor(host, plan) {
    /** @type {uPlot.Axis} */
    const axis = {
      stroke: () => colour("quiet"),
      grid: { stroke: () => colour("grid"), width: 1 },
      ticks: { show: false },
      font: FONT,
    };
    /** @type {uPlot.Options} */
    const options = {
      ...size(host),
      padding: [8, 26, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: "hub" }, points: { size: 7 } },
      scales: {
        x: { time: true, range: (_, __, newest) => this.#shown(newest) },
        y: { range: (_, __, most) => plan.range(most || 0) },
      },
      axes: [
        { ...axis, size: 24 * SCALE, space: 42 * SCALE, incrs: STEPS_S, grid: { show: false }, values: (_, at) => at.map((time) => timeOfDay(time).slice(0, 5)) },
        {
          ...axis,
          size: (plan.left ?? 52) * SCALE,
          space: 26 * SCALE,
          gap: 6,
          ...(plan.splits ? { splits: plan.splits } : {}),
          values: (_, figures) => figures.map((figure) => plan.show?.(figure) ?? ""),
        },
      ],
      series: [{}, ...plan.series],
      hooks: {
        drawAxes: plan.paint ? [plan.paint] : [],
        setCursor: [(plot) => plan.onpoint(plot.cursor.idx ?? null)],
      },
    };
    this.#plot = new uPlot(options, [[], ...plan.series.map(() => /** @type {number[]} */ ([]))], host);
    new ResizeObserver(() => {
      const { width, height } = size(host);
      if (width !== this.#plot.width || height !== this.#plot.height) this.#plot.setSize({ width, height });
    }).observe(host);
    charts.add(this);
  }

  /**
   * @param {(number | null | undefined)[][]} data times, then the figures of each series
   * @param {number} seconds how much time is shown
   */
  draw(data, seconds) {
    this.#window = seconds;
    this.#plot.setData(/** @type {uPlot.AlignedData} */ (data));
  }

  /**
   * The times shown: without figures, those before now.
   * @param {number | null} newest
   * @returns {[number, number]}
   */
  #shown(newest) {
    const end = newest || Date.now() / 1000;
    return [end - this.#window, end];
  }

  /** Draws the same again, in the colours of now. */
  redraw() {
    this.#plot.redraw(false, true);
  }
}

/**
 * A colour with less weight.
 * @param {string} name
 * @param {number} share from 0 to 1
 */
export function faint(name, share) {
  const numbers = colour(name).match(/[\d.]+/g)?.slice(0, 3) ?? ["0", "0", "0"];
  return `rgba(${numbers.join(", ")}, ${share})`;
}

/**
 * From zero to a little above the largest figure, and never to nothing.
 * @param {number} least what the axis shows at least
 * @returns {(most: number) => [number, number]}
 */
export function fromZero(least) {
  return (most) => [0, Math.max(most * 1.12, least)];
}

/** @param {HTMLElement} host */
function size(host) {
  return { width: Math.max(host.clientWidth, 120), height: Math.max(host.clientHeight, 80) };
}
