// The newest orders in Vue, and their sum.

import { createApp, h } from "vue";
import { useEventStream } from "headwater/vue";

const Orders = {
  props: ["url"],
  setup(props) {
    const { state, value, error } = useEventStream(() => props.url, {
      initial: { count: 0, total: 0 },
      reduce: ({ count, total }, item) =>
        item.kind === "event" ? { count: count + 1, total: total + JSON.parse(item.data).total } : { count, total },
    });
    return () => h("p", error.value?.message ?? `${state.value.name}: ${value.value.count} orders, ${value.value.total} in all`);
  },
};

const app = document.getElementById("app");
createApp(Orders, { url: app.dataset.url }).mount(app);
