// board.mjs - draws the panels of docs/grafana.json from the answers of a Prometheus,
// as a page that Chromium takes a picture of.  It is not Grafana, which is another
// program: it shows what the queries of the dashboard give.
//
//	node bench/board.mjs http://127.0.0.1:9090 <seconds> <step> > board.html
//	chromium --headless --no-sandbox --hide-scrollbars --window-size=1520,1200 --screenshot=board.png board.html
import fs from 'node:fs';

const [prometheus, seconds, step] = [process.argv[2], +process.argv[3], +process.argv[4]];
const board = JSON.parse(fs.readFileSync(new URL('../docs/grafana.json', import.meta.url)));
const colors = ['#2b7bba', '#d95f02', '#1b9e77', '#7570b3', '#e7298a', '#66a61e', '#a6761d', '#666666'];
const now = Math.floor(Date.now() / 1000);

async function ask(expr) {
	const query = expr.replaceAll('instance=~"$instance"', 'instance=~".*"').replaceAll('$__rate_interval', `${4 * step}s`);
	const url = `${prometheus}/api/v1/query_range?` + new URLSearchParams({ query, start: now - seconds, end: now, step });
	const answer = await (await fetch(url)).json();

	if (answer.status !== 'success')
		throw new Error(`${query}: ${answer.error}`);
	return answer.data.result;
}

const name = (legend, labels) => legend.replace(/\{\{(\w+)\}\}/g, (_, label) => labels[label] ?? '');
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function amount(value, unit) {
	const short = (x) => Math.abs(x) >= 1e9 ? `${+(x / 1e9).toPrecision(3)} G` : Math.abs(x) >= 1e6 ? `${+(x / 1e6).toPrecision(3)} M` :
		Math.abs(x) >= 1e4 ? `${+(x / 1e3).toPrecision(3)} k` : `${+x.toPrecision(3)}`;

	if (unit === 's')
		return value < 1e-3 ? `${+(value * 1e6).toPrecision(3)} µs` : value < 1 ? `${+(value * 1e3).toPrecision(3)} ms` : `${+value.toPrecision(3)} s`;
	if (unit === 'percentunit')
		return `${+(value * 100).toPrecision(3)} %`;
	return short(value) + ({ reqps: '/s', cps: '/s', Bps: ' B/s' }[unit] ?? '');
}

async function series(panel) {
	const all = [];

	for (const target of panel.targets)
		for (const { metric, values } of await ask(target.expr))
			all.push({ name: name(target.legendFormat, metric), points: values.map(([t, v]) => [t, +v]).filter(([, v]) => Number.isFinite(v)) });
	return all.filter(({ points }) => points.length > 0);
}

function stack(all) {
	const sums = new Map();

	for (const one of all)
		one.points = one.points.map(([t, v]) => { sums.set(t, (sums.get(t) ?? 0) + v); return [t, sums.get(t)]; });
}

function draw(panel, all) {
	const { unit, custom, max } = panel.fieldConfig.defaults;
	const [width, height, left] = [470, 150, 62];

	if (custom.stacking.mode === 'normal')
		stack(all);
	const top = max ?? (Math.max(0, ...all.flatMap(({ points }) => points.map(([, v]) => v))) * 1.1 || 1);
	const x = (t) => left + (t - now + seconds) / seconds * (width - left - 6);
	const y = (v) => height - 14 - v / top * (height - 24);
	const grid = [0, 0.5, 1].map((part) => `<line x1="${left}" x2="${width - 6}" y1="${y(part * top)}" y2="${y(part * top)}" stroke="#ddd"/>`
		+ `<text x="${left - 5}" y="${y(part * top) + 4}" text-anchor="end">${amount(part * top, unit)}</text>`).join('');
	const lines = all.map(({ points }, i) =>
		`<polyline fill="none" stroke="${colors[i % colors.length]}" stroke-width="1.5" points="${points.map(([t, v]) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`).join(' ')}"/>`).join('');
	const legend = all.map((one, i) => `<span><i style="background:${colors[i % colors.length]}"></i>${escape(one.name)}</span>`).join('');

	return `<svg width="${width}" height="${height}">${grid}${lines}<text x="${left}" y="${height - 4}">${seconds} s ago</text><text x="${width - 6}" y="${height - 4}" text-anchor="end">now</text></svg><p>${legend || 'nothing'}</p>`;
}

function tell(panel, all) {
	const value = all[0]?.points.at(-1)?.[1];
	const text = value === undefined ? 'nothing' : panel.fieldConfig.defaults.mappings?.[0].options[value]?.text ?? amount(value, panel.fieldConfig.defaults.unit);

	return `<b>${escape(text)}</b>`;
}

let cells = '';
for (const panel of board.panels) {
	if (panel.type === 'row') {
		cells += `<h2>${escape(panel.title)}</h2>`;
		continue;
	}
	const all = await series(panel);
	cells += `<div class="${panel.type}"><h3>${escape(panel.title)}</h3>${panel.type === 'stat' ? tell(panel, all) : draw(panel, all)}</div>`;
}
process.stdout.write(`<!DOCTYPE html><meta charset="utf-8"><style>
body { font: 12px sans-serif; margin: 10px; width: 1480px; display: grid; grid-template-columns: repeat(12, 1fr); gap: 6px; }
h2 { grid-column: span 12; font-size: 14px; margin: 4px 0 0; } h3 { font-size: 12px; margin: 0 0 2px; }
div { border: 1px solid #ccc; padding: 5px; } .stat { grid-column: span 2; } .timeseries { grid-column: span 4; }
b { font-size: 26px; color: #1b7f4d; } text { font-size: 10px; fill: #555; } p { margin: 2px 0 0; font-size: 11px; }
span { margin-right: 10px; white-space: nowrap; } i { display: inline-block; width: 10px; height: 3px; margin-right: 4px; vertical-align: middle; }
</style>${cells}`);
