// Live updates: pause, hidden tabs, back-off. Fragments carry their own trigger only while there is more to come.
"use strict";
(function () {
  let paused = sessionStorage.getItem("paused") === "yes";
  let failures = 0;
  let skip = 0;
  const polls = (element) => /every /.test(element.getAttribute("hx-trigger") || "");

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!polls(event.detail.elt)) return;
    if (paused || document.hidden) { event.preventDefault(); return; }
    if (skip > 0) { skip -= 1; event.preventDefault(); }
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!polls(event.detail.elt)) return;
    const failed = !event.detail.successful;
    failures = failed ? Math.min(failures + 1, 5) : 0;
    skip = failed ? 2 ** failures - 1 : 0;
    show(failed ? "Reconnecting…" : "");
    if (failed) announce("Reconnecting…");
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || paused) return;
    document.querySelectorAll("[hx-trigger^='every ']").forEach((element) => window.htmx.trigger(element, "shown"));
  });

  const toggle = document.querySelector("[data-live-toggle]");
  function show(trouble) {
    if (!toggle) return;
    toggle.textContent = trouble || (paused ? "Paused" : "Live");
    toggle.setAttribute("aria-pressed", String(!paused));
  }
  show("");
  if (toggle) toggle.addEventListener("click", () => {
    paused = !paused;
    sessionStorage.setItem("paused", paused ? "yes" : "no");
    show("");
    announce(paused ? "Live updates paused" : "Live updates on");
  });

  // One polite region; bursts become one sentence.
  let timer = null;
  function announce(text) {
    clearTimeout(timer);
    timer = setTimeout(() => { document.getElementById("announcer").textContent = text; }, 250);
  }
  window.atlas = { announce };

  // A swap keeps what a person opened, says what moved once, and renames the tab.
  let open = [];
  let said = (document.querySelector("[data-announce]") || { dataset: {} }).dataset.announce;
  document.addEventListener("htmx:beforeSwap", (event) => {
    open = [...event.detail.elt.querySelectorAll("details[id][open]")].map((details) => details.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    open.forEach((id) => { const details = document.getElementById(id); if (details) details.open = true; });
    const spoken = document.querySelector("[data-announce]");
    if (spoken && spoken.dataset.announce !== said) { said = spoken.dataset.announce; announce(said); }
    const title = document.querySelector("[data-page-title]");
    if (title) document.title = title.dataset.pageTitle;
  });
})();
