// A page made with Vue, driven from the test through `window.app`.

import { createApp, h, ref } from "vue";
import { useEventStream } from "headwater/vue";

const app = { renders: 0, seen: 0 };
window.app = app;

const tally = (total, item) => (item.kind === "event" ? total + Number(item.data) : total);
const options = {
  reduce: { reduce: tally, initial: 0 },
  list: { keep: 2_000, onItem: () => (app.seen += 1) },
};

app.mount = (first, { mode = "list" } = {}) => {
  const url = ref(first);
  app.setUrl = (next) => (url.value = next);
  const root = createApp({
    setup() {
      const { state, items, value, error } = useEventStream(url, { ...options[mode], retry: { first: 50, most: 200 } });
      return () => {
        app.renders += 1;
        const data = items.value.filter(({ kind }) => kind === "event").map((item) => item.data);
        const shown = { state: state.value.name, count: data.length, last: data.slice(-3), value: value.value };
        return h("pre", JSON.stringify({ ...shown, error: error.value && error.value.reason }));
      };
    },
  });
  root.mount("#app");
  app.unmount = () => root.unmount();
};
