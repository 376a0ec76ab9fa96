// Rendering on a server: the hook and the composable show their beginning and open nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { createSSRApp, h } from "vue";
import { renderToString as renderVue } from "vue/server-renderer";
import { useEventStream as useInReact } from "headwater/react";
import { useEventStream as useInVue } from "headwater/vue";

const URL = "http://127.0.0.1:1/v1/events?topic=a";
const options = {
  initial: 7,
  fetch: () => assert.fail("a server opens no stream"),
};

test("React", () => {
  function View() {
    const { state, items, value, error } = useInReact(URL, options);
    return createElement("p", null, JSON.stringify({ state, items, value, error }));
  }
  const html = renderToString(createElement(View)).replaceAll("&quot;", '"');
  assert.equal(html, '<p>{"state":{"name":"connecting"},"items":[],"value":7,"error":null}</p>');
});

test("Vue", async () => {
  const app = createSSRApp({
    setup() {
      const { state, items, value, error } = useInVue(URL, options);
      return () => h("p", JSON.stringify({ state: state.value, items: items.value, value: value.value, error: error.value }));
    },
  });
  const html = (await renderVue(app)).replaceAll("&quot;", '"');
  assert.equal(html, '<p>{"state":{"name":"connecting"},"items":[],"value":7,"error":null}</p>');
});
