// Keys, as the help lists them. They never act while one types, and none of them is the only way.
"use strict";
(function () {
  const pages = { d: "dashboard", o: "runs", p: "policies", b: "backups", r: "restore", t: "tenants", c: "connection" };
  let going = false;
  const at = {};
  const find = (selector) => document.querySelector(selector);
  const typing = (target) => target.closest("input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]");

  function move(selector, by) {
    const places = [...document.querySelectorAll(selector)];
    if (!places.length) return;
    const now = selector in at ? at[selector] + by : 0;
    at[selector] = Math.max(0, Math.min(places.length - 1, now));
    places[at[selector]].focus();
  }
  function tick() {
    const row = document.activeElement.closest("tr");
    const box = row && row.querySelector("[data-tick]");
    if (box) box.click();
  }
  function closeMenus() {
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      const inside = menu.contains(document.activeElement);
      menu.open = false;
      if (inside) menu.querySelector("summary").focus();
    });
  }
  const follow = (selector) => { const link = find(selector); if (link) link.click(); };
  const actions = {
    "/": () => find("[data-search]") && find("[data-search]").focus(),
    f: () => find("[data-filters] input:not([type=hidden]), [data-filters] select") && find("[data-filters] input:not([type=hidden]), [data-filters] select").focus(),
    r: () => follow("[data-refresh]"),
    j: () => move("tbody td.name a", 1),
    k: () => move("tbody td.name a", -1),
    x: tick,
    n: () => move("[data-difference]", 1),
    p: () => move("[data-difference]", -1),
    "?": () => { const help = find("#help-menu"); help.open = true; help.querySelector("summary").focus(); },
    g: () => { going = true; },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { closeMenus(); return; }
    if (typing(event.target)) return;
    if (going) {
      going = false;
      follow(`.sidenav a[data-section="${pages[event.key]}"]`);
      return;
    }
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
})();
