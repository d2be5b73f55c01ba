"use strict";

const counter = document.getElementById("counter");
const message = document.getElementById("message");
const products = new Map(Array.from(document.querySelectorAll("[data-add]"),
  (button) => [button.dataset.add, { name: button.dataset.name, cents: Number(button.dataset.cents) }]));

// cookie returns the text of a cookie, empty where there is none that a script may read.
function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(name + "="));
  return found ? found.slice(name.length + 1) : "";
}

// claims reads what a JWT says. Whether it is true only the gateway can tell: a page decides nothing by it.
function claims(token) {
  try {
    const payload = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (char) => char.charCodeAt(0))));
  } catch {
    return {};
  }
}

const euros = (cents) => "€" + (cents / 100).toFixed(2);

function showCart() {
  const token = cookie("cart");
  const items = Object.entries(claims(token).items ?? {}).filter(([id]) => products.has(id));
  let total = 0;
  document.getElementById("lines").replaceChildren(...items.map(([id, count]) => {
    const { name, cents } = products.get(id);
    total += cents * count;
    const row = document.createElement("li");
    row.append(text("span", count + " × " + name), text("span", euros(cents * count), "price"));
    const remove = text("button", "Remove", "quiet");
    remove.setAttribute("aria-label", "Remove " + name);
    remove.addEventListener("click", () => change(id, -count));
    row.append(remove);
    return row;
  }));
  document.getElementById("empty").hidden = items.length > 0;
  document.getElementById("total").textContent = euros(total);
  document.getElementById("order").disabled = items.length === 0;
  document.getElementById("cart-size").textContent = token ? "It has " + token.length + " bytes." : "";
}

function text(tag, content, style = "") {
  const element = document.createElement(tag);
  element.textContent = content;
  element.className = style;
  return element;
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}),
  });
  const answer = await response.json().catch(() => ({}));
  showCart();
  void showTrail(); // nobody waits for it: what came of this request is said before that of the next one
  return { status: response.status, answer };
}

let trails = 0;

// showTrail shows the requests so far. An answer that a later one has overtaken is an old one.
async function showTrail() {
  const number = ++trails;
  const rows = await (await fetch("/counter/requests")).text();
  if (number === trails) document.getElementById("trail").innerHTML = rows;
}

async function change(product, count) {
  const { status, answer } = await post("/counter/api/cart", { product, count });
  message.textContent = status === 200 ? "" : answer.error ?? "That did not work (" + status + ").";
}

const refusals = new Map([
  [401, "Sign in to order."],
  [403, "Your access token is missing, has expired, or is not for this shop. Sign in again to order."],
  [503, "The gateway could not find out who you are. Try again in a moment."],
]);

async function order() {
  const { status, answer } = await post("/counter/api/order");
  message.textContent = status === 200
    ? "Ordered for " + answer.user + ": " + answer.count + " for " + answer.total + ". Number " + answer.order + "."
    : answer.error ?? refusals.get(status) ?? "That did not work (" + status + ").";
}

function showSignIn() {
  const token = cookie("id_token");
  document.getElementById("id-size").textContent = token.length;
  document.getElementById("id-token").textContent = token ? JSON.stringify(claims(token), null, 2) : "It has expired.";
  const live = document.getElementById("live");
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/counter/live");
  const say = (state, style) => { live.textContent = state; live.className = "via " + style; };
  socket.addEventListener("open", () => say("connected", "token"));
  socket.addEventListener("close", () => say("disconnected: reload to see whether you are signed in", "none"));
}

// A cart that the gateway does not accept did not arrive: the service has an empty one, and so has the page.
if (!("hasCart" in counter.dataset)) document.cookie = "cart=; Max-Age=0; path=/";
for (const button of document.querySelectorAll("[data-add]")) {
  button.addEventListener("click", () => change(button.dataset.add, 1));
}
document.getElementById("order").addEventListener("click", order);
showCart();
if (counter.dataset.user) showSignIn();
