// What is quicker with a script: letters as keys, and parts of a page that stay fresh. Every page works without it.
"use strict";

const dialog = document.getElementById("keys");
const isOn = name => localStorage.getItem(name) !== "off";

for (const box of dialog.querySelectorAll("[name=switch]")) {
  box.checked = isOn(box.value);
  box.addEventListener("change", () => localStorage.setItem(box.value, box.checked ? "on" : "off"));
}
for (const button of document.querySelectorAll("[data-keys]")) {
  button.hidden = false;
  button.addEventListener("click", () => dialog.showModal());
}

// Keys

const rowHere = () => document.activeElement.closest("main tr, main .todo > li");
const following = document.getElementById("following"); // the next learner of the list that one came from
const move = by => {
  const links = [...document.querySelectorAll("main :is(tbody tr, .todo > li)")]
    .map(row => row.querySelector("a[href]")).filter(Boolean);
  const at = links.findIndex(link => rowHere()?.contains(link));
  links[Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
};
const acts = {
  "/": () => (document.querySelector("main input[type=search]") ?? document.getElementById("find"))?.focus(),
  "?": () => dialog.showModal(),
  j: () => (following ? following.click() : move(1)),
  k: () => move(-1),
  x: () => rowHere()?.querySelector("input[type=checkbox]")?.click(),
  o: () => rowHere()?.querySelector("a[href]")?.click(),
};
const places = { b: "/console/batches", m: "/console/mentor", r: "/console/reports" };
let isGoing = false; // the key before was g

document.addEventListener("keydown", event => {
  const isTyping = event.target.matches("input:not([type=checkbox], [type=radio]), select, textarea");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || dialog.open || !isOn("keys")) return;
  const act = isGoing ? () => document.querySelector(`nav a[href="${places[event.key]}"]`)?.click() : acts[event.key];
  isGoing = event.key === "g";
  if (!act) return;
  event.preventDefault();
  act();
});

// Parts that stay fresh: `data-live` says after how many seconds

// Only what differs is changed, so that focus, place and what is folded out stay.
const morph = (shown, fresh) => {
  if (shown.nodeName !== fresh.nodeName) return shown.replaceWith(fresh);
  if (shown.nodeType !== Node.ELEMENT_NODE) {
    if (shown.nodeValue !== fresh.nodeValue) shown.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...shown.attributes]) {
    if (name !== "open" && !fresh.hasAttribute(name)) shown.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  const before = [...shown.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((child, at) => (at < before.length ? morph(before[at], child) : shown.append(child)));
  before.slice(after.length).forEach(child => child.remove());
};

const parts = () => [...document.querySelectorAll("[data-live]")];
const freshen = async () => {
  if (!document.hidden && isOn("live")) {
    try {
      const answer = await fetch(location.href);
      if (answer.redirected) return; // the session has ended: what is here says how old it is
      const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
      for (const part of parts()) {
        const fresh = page.getElementById(part.id);
        // A button must not become another one under the finger.
        const isUsed = part.contains(document.activeElement) && part.querySelector("form");
        if (fresh && !isUsed) morph(part, fresh);
      }
    } catch {
      // The service is away. The next time tells.
    }
  }
  wait();
};
const wait = () => {
  const seconds = Math.min(...parts().map(part => Number(part.dataset.live)));
  if (Number.isFinite(seconds)) setTimeout(freshen, 1000 * seconds);
};
wait();
