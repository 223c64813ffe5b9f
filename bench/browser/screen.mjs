// screen.mjs - what each page does with its rows: the first fifty are to be seen.  And
// how often the screen was drawn.
const list = document.querySelector('#rows');
const count = document.querySelector('#count');
const lines = Array.from({ length: 50 }, () => list.appendChild(document.createElement('li')));

window.shown = 0;

export function show(rows) {
  window.shown = rows.length;
  count.textContent = rows.length;
  for (let i = 0; i < lines.length; i++) {
    const text = rows[i] ? `${rows[i].name}: ${rows[i].n}` : '';
    if (lines[i].textContent !== text)
      lines[i].textContent = text;
  }
}

let times = [];
requestAnimationFrame(function frame(time) {
  times.push(time);
  requestAnimationFrame(frame);
});

// Since it was called last: frames, and how many of the sixty a second are missing.
window.measure = () => {
  const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  const dropped = gaps.reduce((sum, gap) => sum + Math.max(0, Math.round(gap * 60 / 1000) - 1), 0);

  times = times.slice(-1);
  return { frames: gaps.length, dropped, p99: gaps[Math.floor(gaps.length * 0.99)] ?? 0 };
};
