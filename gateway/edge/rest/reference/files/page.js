"use strict";
// Search, and calls tried out from the page. Nothing is stored: the key is read from its field when a call is sent.
// Whatever comes from the server is put in as text, never as HTML.

const ANSWER_CHARACTERS_MAX = 200000;
const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Everything that needs this script is hidden without it.
for (const part of all(".search, .credential, .try, #theme")) part.hidden = false;

find("#theme").addEventListener("click", () => {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
});

// --- finding calls ---

const box = find("#find");
const calls = all(".call");

function filter() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const call of calls) {
    call.hidden = !words.every((word) => call.dataset.words.includes(word));
    shown += call.hidden ? 0 : 1;
    find(`[data-for="${call.id}"]`).hidden = call.hidden;
  }
  for (const group of all("[data-group]")) {
    group.hidden = !all(".call, [data-for]", group).some((one) => !one.hidden);
  }
  find("#found").textContent = words.length ? `${shown} ${shown === 1 ? "call" : "calls"}` : "";
}

box.addEventListener("input", filter);
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    box.focus();
  } else if (event.key === "Escape" && event.target === box) {
    box.value = "";
    filter();
  }
});

// A link into something that is folded or filtered out opens it.
function uncover() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.matches("details")) target.open = true;
  if (target.hidden || target.closest("[hidden]")) {
    box.value = "";
    filter();
  }
  target.scrollIntoView();
}
addEventListener("hashchange", uncover);
uncover();

const current = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const link = find(`[data-for="${entry.target.id}"] a`);
      if (entry.isIntersecting) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  },
  { rootMargin: "-10% 0px -75% 0px" },
);
for (const call of calls) current.observe(call);

// --- trying calls ---

const key = find("#key");
find("#forget").addEventListener("click", () => {
  key.value = "";
  key.focus();
  redraw();
});
find("#credential").addEventListener("submit", (event) => event.preventDefault());

function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// What the form of a call says, as a request; `secret` is what stands for the key.
function requestOf(call, secret) {
  let path = call.dataset.path;
  const query = new URLSearchParams();
  const headers = [];
  for (const input of all("[data-in]", call)) {
    const value = input.value;
    if (input.dataset.in === "path") {
      path = path.replace(`{${input.dataset.name}}`, value ? encodeURIComponent(value) : `{${input.dataset.name}}`);
    } else if (value && input.dataset.in === "query") query.append(input.dataset.name, value);
    else if (value) headers.push([input.dataset.name, value]);
  }
  if (secret && !("public" in call.dataset)) {
    const isHeader = find("[name=how]:checked").value === "header";
    headers.push(isHeader ? ["X-API-Key", secret] : ["Authorization", `Bearer ${secret}`]);
  }
  const text = find("[data-body]", call)?.value ?? "";
  const type = find("[data-type]", call)?.value;
  if (text) headers.push(["Content-Type", type]);
  const search = query.toString();
  return { method: call.dataset.method, path: path + (search ? `?${search}` : ""), headers, body: text || null };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curlOf(request) {
  const lines = [`curl ${quoted(location.origin + request.path)}`];
  if (request.method !== (request.body === null ? "GET" : "POST")) lines[0] += ` -X ${request.method}`;
  for (const [name, value] of request.headers) {
    // The shell puts the key in, so that it is in no history and on no screen.
    const text = `${name}: ${value}`;
    lines.push(value.endsWith("$KEY") ? `-H "${text}"` : `-H ${quoted(text)}`);
  }
  if (request.body !== null) lines.push(`--data-binary ${quoted(request.body)}`);
  return lines.join(" \\\n  ");
}

function draw(call) {
  find("[data-curl]", call).textContent = curlOf(requestOf(call, "$KEY"));
}
function redraw() {
  for (const call of calls) if (find(".try", call).open) draw(call);
}
find("#credential").addEventListener("change", redraw);

async function send(call) {
  const form = find(".trial", call);
  if (!form.reportValidity()) return;
  const button = find(".send", call);
  const outcome = find(".outcome", call);
  const request = requestOf(call, key.value.trim());
  button.disabled = true;
  const began = performance.now();
  try {
    const answer = await fetch(request.path, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      cache: "no-store",
      credentials: "omit",
      redirect: "manual",
      referrerPolicy: "no-referrer",
    });
    const bytes = await answer.arrayBuffer();
    const took = Math.round(performance.now() - began);
    show(outcome, answer, bytes, took);
  } catch (error) {
    outcome.classList.add("refused");
    find("[data-line]", outcome).textContent = `No answer: ${error.message}`;
    find("[data-head]", outcome).textContent = "";
    find("[data-answer]", outcome).textContent = "";
  }
  outcome.hidden = false;
  button.disabled = false;
  outcome.scrollIntoView({ block: "nearest" });
}

function show(outcome, answer, bytes, took) {
  const type = answer.headers.get("Content-Type") ?? "";
  outcome.classList.toggle("refused", !answer.ok);
  find("[data-line]", outcome).textContent =
    `${answer.status} ${answer.statusText}, ${bytes.byteLength} bytes in ${took} ms${type ? `, ${type}` : ""}`;
  find("[data-head]", outcome).textContent = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  find("[data-answer]", outcome).textContent = textOf(bytes, type).slice(0, ANSWER_CHARACTERS_MAX);
}

function textOf(bytes, type) {
  const text = new TextDecoder().decode(bytes);
  if (!/json/.test(type)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

for (const call of calls) {
  const trial = find(".trial", call);
  const type = find("[data-type]", call);
  const body = find("[data-body]", call);
  const example = () => all("template", call).find((one) => one.dataset.example === type.value)?.content.textContent ?? "";
  if (type) {
    body.value = example();
    let given = body.value;
    type.addEventListener("change", () => {
      // What somebody wrote stays.
      if (body.value === given) body.value = given = example();
    });
  }
  find(".try", call).addEventListener("toggle", () => draw(call));
  trial.addEventListener("input", () => draw(call));
  trial.addEventListener("change", () => draw(call));
  trial.addEventListener("submit", (event) => {
    event.preventDefault();
    send(call);
  });
  trial.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      send(call);
    }
  });
  find("[data-fresh]", call)?.addEventListener("click", (event) => {
    find("input", event.target.parentElement).value = freshKey();
    draw(call);
  });
  find("[data-copy]", call).addEventListener("click", async () => {
    const code = find("[data-curl]", call);
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Without TLS there is no clipboard: mark it, so that it can be copied by hand.
      getSelection().selectAllChildren(code);
    }
  });
}
