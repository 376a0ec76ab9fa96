// Start of the hub's own page: its views, one stream of what the hub tells about itself, and nothing from anywhere but this hub.

import { topics } from "./api.js";
import { credential } from "./credential.js";
import { copyable, element, find, say } from "./dom.js";
import { Live } from "./live.js";
import { Overview } from "./overview.js";
import { Publisher } from "./publisher.js";
import { Router } from "./router.js";
import { SessionPage } from "./session.js";
import { Sessions } from "./sessions.js";
import { SignIn } from "./signin.js";
import { startTheme } from "./theme.js";
import { Topics } from "./topics.js";
import { Watch } from "./watch.js";

startTheme();
new SignIn();
const router = new Router();
const live = new Live();
const overview = new Overview(live, router);
const views = { topics: new Topics(router, live), sessions: new Sessions(router), session: new SessionPage(router) };
const watch = new Watch(router);
new Publisher(watch);

const link = find("link", HTMLElement);
const metrics = find("metrics", HTMLElement);
live.onlink = (state, text) => {
  link.dataset.state = state;
  say(link, text);
  overview.mark(state === "live");
  // A link brings no token along.
  metrics.hidden = state !== "live" || credential.token !== "";
};
live.onchange = () => overview.draw();
credential.listeners.add(() => {
  live.start();
  router.onroute(router.route);
});

router.onroute = ({ view, rest, query }) => {
  if (view === "overview") overview.show(query);
  views.topics.show(view === "topics" ? query : null);
  views.sessions.show(view === "sessions" ? query : null);
  views.session.show(view === "session" ? rest : "", query);
  if (view === "events") watch.show(query);
};

find("address", HTMLElement).textContent = location.host;
find("skip", HTMLAnchorElement).addEventListener("click", (event) => {
  event.preventDefault();
  find("main", HTMLElement).focus();
});
firstSteps();
suggestTopics();
router.start();
live.start();

/** Shows a newcomer the two commands, for this very address. */
function firstSteps() {
  const base = location.origin;
  find("steps", HTMLElement).append(
    element("p", {}, "Publish an event from a terminal:"),
    copyable("publish an event", `curl -d 'Hello, world' '${base}/v1/topics/hello'`),
    element("p", {}, "Read along, with replay of everything kept:"),
    copyable("read along", `curl -N '${base}/v1/events?topic=hello&since=earliest'`),
  );
}

/** Offers the topics that exist, and begin with what is typed, in every field that takes one. */
function suggestTopics() {
  const offered = find("topics", HTMLDataListElement);
  for (const field of document.querySelectorAll('input[list="topics"]')) {
    if (!(field instanceof HTMLInputElement)) continue;
    const offer = async () => {
      if (credential.refused) return;
      const found = await topics({ prefix: field.value, limit: 50 }).catch(() => null);
      offered.replaceChildren(...(found?.topics ?? []).map(({ topic }) => element("option", { value: topic })));
    };
    field.addEventListener("focus", offer);
    field.addEventListener("input", offer);
  }
}
