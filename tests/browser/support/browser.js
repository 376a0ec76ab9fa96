// Debian's Chromium, headless, with an empty profile and no calls home; and pages that fail a test
// when they log an error or break their own content security policy.

import { chromium } from "playwright-core";

/**
 * Starts the browser. The caller closes it.
 * @param {{keepsPages?: boolean}} [options] `keepsPages`: it keeps pages for the back button, as browsers do
 */
export function launch({ keepsPages = false } = {}) {
  return chromium.launch({
    ignoreDefaultArgs: keepsPages ? ["--disable-back-forward-cache"] : [],
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/**
 * Collects everything a page complains about: console errors, uncaught exceptions, refused by policy.
 * @param {import("playwright-core").Page} page
 * @returns {string[]} grows while the page lives
 */
export function complaints(page) {
  /** @type {string[]} */
  const found = [];
  page.on("console", (message) => {
    if (message.type() === "error" || /content security policy|trusted ?type/i.test(message.text())) {
      found.push(`${message.text()} (${message.location().url})`);
    }
  });
  page.on("pageerror", (error) => found.push(String(error)));
  return found;
}
