// Keyboard: g then a letter goes to a page; j and k move between rows; never while typing.
"use strict";
(function () {
  const pages = { d: "dashboard", o: "runs", p: "policies", b: "backups", r: "restore", t: "tenants" };
  let going = false;
  let row = -1;
  const typing = (target) => target.closest("input, select, textarea, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { document.querySelectorAll("details.tenantpicker[open]").forEach((open) => { open.open = false; open.querySelector("summary").focus(); }); return; }
    if (typing(event.target)) return;
    if (going) {
      going = false;
      const link = document.querySelector(`.sidenav a[data-section="${pages[event.key]}"]`);
      if (link) link.click();
      return;
    }
    if (event.key === "g") { going = true; return; }
    if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) { event.preventDefault(); search.focus(); }
      return;
    }
    if (event.key === "j" || event.key === "k") {
      const links = [...document.querySelectorAll("table tbody tr td.name a")];
      if (!links.length) return;
      row = Math.max(0, Math.min(links.length - 1, row + (event.key === "j" ? 1 : -1)));
      links[row].focus();
    }
  });
})();
