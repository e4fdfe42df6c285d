// Asks once a second who answers, so that one sees a deploy pass from blue to green.
"use strict";

const SHOWN = 60;
const card = document.getElementById("live");
const polls = document.getElementById("polls");
const counts = { asked: 0, failed: 0 };
let last = text("slot");

function field(name) {
  return card.querySelector(`[data-is="${name}"]`);
}

function text(name) {
  return field(name).textContent.trim();
}

function show(answer) {
  field("release").textContent = answer.release ?? "none: not deployed";
  field("commit").textContent = answer.commit ?? "unknown";
  field("host").textContent = answer.host;
  field("version").textContent = answer.version;
  const slot = answer.slot ?? "none";
  if (slot === last) return;
  const name = document.createElement("span");
  name.textContent = slot;
  if (answer.slot) name.className = `slot slot-${slot}`;
  field("slot").replaceChildren(name);
  card.classList.remove("slot-blue", "slot-green");
  if (answer.slot) card.classList.add(`slot-${slot}`);
  document.title = answer.slot ? `Hello from ${slot}` : "Hello";
  document.getElementById("said").textContent = `Now answered by ${slot}.`;
  last = slot;
}

function mark(kind) {
  const poll = document.createElement("li");
  poll.className = kind;
  polls.append(poll);
  while (polls.children.length > SHOWN) polls.firstChild.remove();
  document.getElementById("asked").textContent = counts.asked;
  document.getElementById("failed").textContent = counts.failed;
}

async function ask() {
  try {
    const response = await fetch(card.dataset.url, {
      cache: "no-store",
      signal: AbortSignal.timeout(10000),
    });
    if (!response.ok) throw new Error(response.status);
    const answer = await response.json();
    counts.asked += 1;
    show(answer);
    mark(answer.slot ? `slot-${answer.slot}` : "no-slot");
  } catch {
    counts.asked += 1;
    counts.failed += 1;
    mark("failed");
  }
  setTimeout(ask, 1000);
}

document.getElementById("watch").hidden = false;
ask();
