// A dashboard whose rows are kept true by live queries, upon client/ of the extension
// "realtime".  dashboard.sql is the server.
import { createClient } from '/realtime/client.js';
import { $, animate, command, explain, make, showStatus } from '../shared/page.js';
import { showsSql } from '../shared/sql.js';

const client = createClient();
const minute = 60000;

// ---- tables ------------------------------------------------------------------

// Shows rows by their key, in their order; rows that change their place glide to it.
class Table {
	#body;
	#key;
	#columns;
	#rows = new Map();			// elements

	// columns: the meter stands behind the first; null stands for it
	constructor(body, key, columns) {
		this.#body = body;
		this.#key = key;
		this.#columns = columns;
	}

	show(rows) {
		const most = Math.max(1, ...rows.map(({ balance }) => Math.abs(balance)));
		const were = new Map([...this.#rows].map(([key, tr]) => [key, tr.offsetTop]));
		const keys = new Set(rows.map((row) => row[this.#key]));

		for (const [key, tr] of this.#rows) {
			if (!keys.has(key)) {
				tr.remove();
				this.#rows.delete(key);
			}
		}
		rows.forEach((row, i) => this.#put(i, row, most));
		for (const [key, tr] of this.#rows) {
			const by = (were.get(key) ?? tr.offsetTop) - tr.offsetTop;
			if (by !== 0)
				animate(tr, [{ transform: `translateY(${by}px)` }, { transform: 'none' }], 300);
		}
	}

	#put(i, row, most) {
		const tr = this.#rows.get(row[this.#key]) ?? this.#make(row);

		if (this.#body.children[i] !== tr)
			this.#body.insertBefore(tr, this.#body.children[i] ?? null);
		this.#columns.forEach((column, j) => column && setText(tr.cells[j], row[column]));
		const meter = tr.querySelector('.meter');
		meter.classList.toggle('less', row.balance < 0);
		meter.firstChild.style.transform = `scaleX(${Math.abs(row.balance) / most})`;
	}

	#make(row) {
		const tr = make('tr', {}, ...this.#columns.map((column) =>
			column ? make('td') : make('td', { className: 'wide' }, make('div', { className: 'meter' }, make('i')))));

		this.#rows.set(row[this.#key], tr);
		return tr;
	}
}

function setText(cell, value) {
	const text = grouped(value);

	if (cell.textContent === text)
		return;
	if (cell.textContent !== '') {
		cell.classList.remove('changed');
		void cell.offsetWidth;			// so that it begins anew
		cell.classList.add('changed');
	}
	cell.textContent = text;
}

// Narrow blanks between thousands, a real minus; sums of bigint may come as text.
function grouped(number) {
	return String(number).replace(/\B(?=(\d{3})+$)/g, '\u202f').replace('-', '\u2212');
}

const branches = new Table($('branches'), 'bid', ['bid', null, 'balance', 'tellers', 'best']);
const tellers = new Table($('tellers'), 'tid', ['tid', null, 'bid', 'balance']);

const queries = [
	[client.query('dashboard/branches'), (rows) => branches.show(rows.toSorted((a, b) => a.bid - b.bid))],
	[client.query('dashboard/tellers'), (rows) => tellers.show(rows)],
	[client.query('dashboard/total'), ([total]) => total && showTotal(total)],
];

for (const [query, show] of queries) {
	let before = [];

	query.subscribe((rows) => {
		if (!rows)
			return;
		count(rows, before);
		before = rows;
		show(rows);
	});
	query.error.subscribe((error) => error && explain(error));
}

// ---- the sums, and how fast they change ------------------------------------------

const sums = [];				// { at, sum } of the last minute
const changes = [];				// { at, n }

function showTotal({ branches: one, tellers: other }) {
	setText($('branches-sum'), one);
	setText($('tellers-sum'), other);
	$('agree').textContent = one === other ? 'The same, in each frame' : 'They differ';
	$('agree').className = one === other ? '' : 'differ';
	sums.push({ at: Date.now(), sum: Number(one) });
	draw();
}

// Rows are other objects when they have changed.
function count(rows, before) {
	const known = new Set(before);

	if (before.length > 0)
		changes.push({ at: Date.now(), n: rows.filter((row) => !known.has(row)).length });
}

// The last minute, however much has happened in it.
function draw() {
	const now = Date.now();

	while (sums.length > 1 && sums[1].at < now - minute)
		sums.shift();
	if (sums.length === 0)
		return;
	const list = sums.map(({ sum }) => sum);
	const low = Math.min(...list);
	const range = Math.max(...list) - low || 1;
	const y = (sum) => 104 - (sum - low) / range * 92;
	const x = (at) => Math.max(0, 600 - (now - at) / minute * 600);
	const line = `M0 ${y(list[0])} ${sums.map(({ at, sum }) => `L${x(at).toFixed(1)} ${y(sum).toFixed(1)}`).join(' ')} L600 ${y(list.at(-1))}`;

	$('curve').querySelector('.line').setAttribute('d', line);
	$('curve').querySelector('.area').setAttribute('d', `${line} L600 120 L0 120 Z`);
}

setInterval(() => {
	const since = Date.now() - 2000;

	while (changes.length > 0 && changes[0].at < since)
		changes.shift();
	$('rate').textContent = grouped(Math.round(changes.reduce((sum, { n }) => sum + n, 0) / 2));
	draw();
}, 500);

// ---- writing ------------------------------------------------------------------------

const deposit = client.rpc('dashboard/deposit');

$('give').onclick = () => deposit.fresh(500).catch(explain);
$('lose').onclick = () => deposit.fresh(-500).catch(explain);

// Where the demo's server is for a shell; another server does not say it.
const { socket, port } = await client.rpc('demo/address')().catch(() => ({}));
const to = socket ? `-h ${socket} -p ${port} -U postgres postgres` : 'postgres';

$('commands').append(
	command(`psql ${to} -c 'UPDATE pgbench_tellers SET tbalance = tbalance + 1000 WHERE tid = 7'`),
	command(`pgbench -n -c 4 -T 60 -R 20 ${to}`));
showStatus($('status'), client);
showsSql('dashboard.sql');
