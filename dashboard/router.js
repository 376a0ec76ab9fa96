// Which view is shown, and with what: `#/sessions?subject=ada`. The address keeps it, so that a reload or a bookmark shows
// the same.

/**
 * @typedef {{view: string, rest: string, query: URLSearchParams}} Route
 */

/** Names of the views, as in the address. */
const VIEWS = ["overview", "topics", "sessions", "session", "events"];

/** Shows one view at a time. */
export class Router {
  /** Told when a view is shown, or shown with something else. @type {(route: Route) => void} */
  onroute = () => {};

  /** @returns {Route} what the address says */
  get route() {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
    const [view, ...rest] = path.split("/");
    const known = VIEWS.includes(view) ? view : "overview";
    return { view: known, rest: decode(rest.join("/")), query: new URLSearchParams(query ?? "") };
  }

  /** Shows what the address says, now and whenever it changes. */
  start() {
    addEventListener("hashchange", () => {
      this.#show();
      // Whoever followed a link reads on at the top of the view.
      document.getElementById("main")?.focus({ preventScroll: true });
      scrollTo(0, 0);
    });
    this.#show();
  }

  /**
   * Keeps what a view shows in the address, without a step in the history.
   * @param {string} view
   * @param {Record<string, string>} query empty values are left out
   */
  keep(view, query) {
    if (this.route.view !== view) return;
    const filled = Object.entries(query).filter(([, value]) => value !== "");
    const { rest } = this.route;
    history.replaceState(null, "", address(rest ? `${view}/${encodeURIComponent(rest)}` : view, Object.fromEntries(filled)));
  }

  #show() {
    const route = this.route;
    for (const view of VIEWS) {
      const node = document.getElementById(`view-${view}`);
      if (node) node.hidden = view !== route.view;
    }
    const shown = route.view === "session" ? "sessions" : route.view;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.getAttribute("data-view") === shown) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${TITLES[route.view]} – Headwater`;
    this.onroute(route);
  }
}

/** @type {Record<string, string>} */
const TITLES = { overview: "Overview", topics: "Topics", sessions: "Sessions", session: "Session", events: "Events" };

/**
 * The address of a view.
 * @param {string} path
 * @param {Record<string, string>} [query]
 */
export function address(path, query = {}) {
  const text = new URLSearchParams(query).toString();
  return `#/${path}${text ? `?${text}` : ""}`;
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
