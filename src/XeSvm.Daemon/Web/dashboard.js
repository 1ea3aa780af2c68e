"use strict";
// Draws what /api/v1 of the same server says. Nothing is fetched from anywhere else.
const COLORS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"];
const EVERY_MS = 1000;
let last = "5m";
let busy = false;

const byId = id => document.getElementById(id);

function number(value, digits) {
  return value === null || value === undefined ? "-" : value.toLocaleString("en", { maximumFractionDigits: digits ?? 0 });
}

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit++; }
  return number(value, 1) + " " + units[unit];
}

function fill(table, rows) {
  const body = byId(table).tBodies[0];
  body.replaceChildren(...rows.map(cells => {
    const row = document.createElement("tr");
    row.append(...cells.map(text => { const cell = document.createElement("td"); cell.textContent = text; return cell; }));
    return row;
  }));
}

function list(id, texts) {
  byId(id).replaceChildren(...texts.map(text => { const item = document.createElement("li"); item.textContent = text; return item; }));
}

function draw(id, lines, until, span, format) {
  const canvas = byId(id);
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const left = 80, bottom = height - 18, top = 8;
  context.clearRect(0, 0, width, height);
  const most = Math.max(1e-9, ...lines.flatMap(line => line.points.map(point => point[1])));
  context.fillStyle = getComputedStyle(document.body).color;
  context.font = "12px sans-serif";
  for (const part of [0, 0.5, 1]) {
    const y = bottom - part * (bottom - top);
    context.fillText(format(most * part), 4, y + 4);
    context.fillRect(left, y, width - left, 0.3);
  }
  context.fillText(new Date(until - span).toLocaleString(), left, height - 4);
  lines.forEach((line, index) => {
    context.strokeStyle = COLORS[index % COLORS.length];
    context.lineWidth = 1.5;
    context.beginPath();
    line.points.forEach(([time, value], at) => {
      const x = left + (1 - (until - time) / span) * (width - left);
      const y = bottom - value / most * (bottom - top);
      if (at === 0) { context.moveTo(x, y); context.fillStyle = context.strokeStyle; context.fillRect(x - 1, y - 1, 2, 2); } else { context.lineTo(x, y); }
    });
    context.stroke();
  });
}

function showState(state) {
  byId("backend").textContent = `${state.backend} backend: ${state.reason}`;
  byId("age").textContent = `sample ${state.samples}, ${number(state.sample_age_seconds, 1)} s old`;
  list("alarms", state.alarms);
  list("faults", state.faults.map(fault => `${fault.subject}: ${fault.reason} (${fault.count} times)`));
  fill("devices", state.devices.map(device => [
    `${device.id} ${device.name}`, device.node, device.strategy, device.iommu,
    device.memory.map(region => `${bytes(region.used)} of ${bytes(region.total)}`).join(", ") || "none"]));
  fill("minute", state.devices.flatMap(device => device.gts.flatMap(gt => {
    if (gt.unavailable) { return [[device.id, gt.id, "", gt.unavailable, "", "", ""]]; }
    const sizes = Object.entries(gt.last_minute?.sizes ?? {});
    return sizes.map(([size, figures]) => [device.id, gt.id, size, number(figures.migrations), number(figures.faults),
      number(figures.cpu_us, 2), figures.share === null ? "-" : number(figures.share * 100, 1) + " %"]);
  })));
}

function showHistory(history) {
  const span = { "5m": 3e5, "1h": 36e5, "1d": 864e5, "7d": 6048e5 }[last];
  const moved = [];
  const cpu = [];
  for (const series of history.series) {
    const name = `${series.device} gt${series.gt}`;
    if (series.points.every(point => point.to_device_bytes + point.to_system_bytes === 0)) { continue; }
    moved.push({ name, points: series.points.map(point => [point.time, (point.to_device_bytes + point.to_system_bytes) / Math.max(point.seconds, 1e-3)]) });
    for (const size of ["4K", "64K", "2M"]) {
      const points = series.points.filter(point => typeof point.sizes[size]?.cpu_us === "number").map(point => [point.time, point.sizes[size].cpu_us]);
      if (points.length > 0) { cpu.push({ name: `${name} ${size}`, points }); }
    }
  }
  draw("bytes", moved, history.until, span, bytes);
  draw("cpu", cpu, history.until, span, value => number(value, 1));
  byId("legend").replaceChildren(...cpu.map((line, index) => {
    const item = document.createElement("span");
    item.className = "c" + index % COLORS.length;
    item.textContent = line.name;
    return item;
  }));
}

function showProbes(answer) {
  fill("probes", answer.latest.map(probe => [probe.device, probe.size, probe.time_face, number(probe.cpu_us, 2), number(probe.noise_us, 2),
    number(probe.baseline_us, 2), probe.verdict]));
}

function showEvents(answer) {
  fill("events", answer.events.map(event => [new Date(event.time).toLocaleString(), event.kind, event.text]));
}

async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) { throw new Error(`${path}: ${answer.status}`); }
  return answer.json();
}

async function update() {
  if (busy) { return; }
  busy = true;
  try {
    const [state, history, probes, events] = await Promise.all(
      [ask("/api/v1/state"), ask("/api/v1/history?last=" + last), ask("/api/v1/probes?limit=1"), ask("/api/v1/events?limit=20")]);
    showState(state);
    showHistory(history);
    showProbes(probes);
    showEvents(events);
  } catch (error) {
    byId("backend").textContent = `the daemon does not answer: ${error.message}`;
  } finally {
    busy = false;
  }
}

byId("spans").addEventListener("click", event => {
  if (event.target.dataset.last === undefined) { return; }
  last = event.target.dataset.last;
  for (const button of byId("spans").children) { button.setAttribute("aria-pressed", String(button === event.target)); }
  update();
});
update();
setInterval(update, EVERY_MS);
