"use strict";

let asked = 0;

// show puts what is new on a page that was just fetched onto this one. Buttons stay where they are, with the focus.
function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const element of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(element.id);
    if (now && now.innerHTML !== element.innerHTML) element.innerHTML = now.innerHTML;
  }
  for (const button of document.querySelectorAll("button[id]")) {
    button.disabled = fresh.getElementById(button.id)?.disabled ?? true;
  }
}

// ask fetches the page. An answer that a later one has overtaken is an old one. No answer means that the example has ended.
async function ask(path, options) {
  const number = ++asked;
  try {
    const text = await (await fetch(path, options)).text();
    if (number === asked) show(text);
  } catch {
    document.getElementById("gone").hidden = false;
  }
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  document.body.setAttribute("aria-busy", "true");
  await ask(event.target.action, { method: "POST", body });
  document.body.removeAttribute("aria-busy");
});

setInterval(() => {
  if (!document.hidden && !document.body.hasAttribute("aria-busy")) ask(location.pathname);
}, 1000);
