// A page made with React, driven from the test through `window.app`.

import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { useEventStream } from "headwater/react";

const app = { renders: 0, seen: 0, states: [] };
window.app = app;

const tally = (total, item) => (item.kind === "event" ? total + Number(item.data) : total);
const options = {
  reduce: { reduce: tally, initial: 0 },
  list: { keep: 2_000, onItem: () => (app.seen += 1) },
};

const onState = ({ name }) => app.states.push(name);

function View({ first, mode }) {
  const [url, setUrl] = useState(first);
  app.setUrl = setUrl;
  app.renders += 1;
  const { state, items, value, error } = useEventStream(url, { ...options[mode], retry: { first: 50, most: 200 }, onState });
  const data = items.filter(({ kind }) => kind === "event").map((item) => item.data);
  return <pre>{JSON.stringify({ state: state.name, count: data.length, last: data.slice(-3), value, error: error && error.reason })}</pre>;
}

app.mount = (first, { strict = false, mode = "list" } = {}) => {
  const root = createRoot(document.getElementById("app"));
  const view = <View first={first} mode={mode} />;
  root.render(strict ? <StrictMode>{view}</StrictMode> : view);
  app.unmount = () => root.unmount();
};
