// Live updates: pause, hidden tabs, back-off. Fragments carry their own trigger while their run is open.
"use strict";
(function () {
  let paused = false;
  let failures = 0;
  let skip = 0;
  const isPoll = (event) => /every /.test(event.detail.elt.getAttribute("hx-trigger") || "");

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isPoll(event)) return;
    if (paused || document.hidden) { event.preventDefault(); return; }
    if (skip > 0) { skip -= 1; event.preventDefault(); }
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isPoll(event)) return;
    const failed = !event.detail.successful;
    failures = failed ? Math.min(failures + 1, 5) : 0;
    skip = failed ? 2 ** failures - 1 : 0;
    if (failed) announce("Reconnecting…");
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !paused) document.querySelectorAll("[hx-trigger^='every ']").forEach((element) => window.htmx.trigger(element, "shown"));
  });

  const toggle = document.querySelector("[data-live-toggle]");
  if (toggle) toggle.addEventListener("click", () => {
    paused = !paused;
    toggle.setAttribute("aria-pressed", String(!paused));
    toggle.textContent = paused ? "Paused" : "Live";
    announce(paused ? "Live updates paused" : "Live updates on");
  });

  // One polite region; bursts become one sentence.
  let timer = null;
  function announce(text) {
    clearTimeout(timer);
    timer = setTimeout(() => { document.getElementById("announcer").textContent = text; }, 250);
  }
  let last = "";
  document.addEventListener("htmx:afterSwap", (event) => {
    const spoken = event.detail.elt.querySelector ? document.querySelector("[data-announce]") : null;
    if (spoken && spoken.dataset.announce !== last) { last = spoken.dataset.announce; announce(last); }
    const title = document.querySelector("[data-page-title]");
    if (title) document.title = title.dataset.pageTitle;
  });
})();
