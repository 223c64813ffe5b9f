// A board of cards upon client/ of the extension "realtime": a room that is followed, four
// calls, and what is done with them.  board.sql is the server.
import { createClient } from '/realtime/client.js';
import { createOfflineStore } from '/realtime/client/offline.js';
import { $, command, explain, initials, keepVisitor, make, showStatus, uuid, visitor } from '../shared/page.js';
import { Plug } from '../shared/plug.js';
import { showsSql } from '../shared/sql.js';
import { Cards } from './cards.js';
import { Cursors } from './cursors.js';
import { Deeds } from './deeds.js';
import { makeDraggable } from './drag.js';
import { behind, between } from './place.js';

const board = decodeURIComponent(location.hash.slice(1)) || 'demo';		// index.html#name
const order = ['next', 'doing', 'done'];
const me = visitor();
const plug = new Plug();

// What is done without a connection waits for one, a thousand deeds if need be, on the
// disk of the device: so a page that is closed meanwhile has lost none.
const client = createClient({
	WebSocket: plug.WebSocket,
	offline: { queue: true, maxQueue: 1000, store: createOfflineStore({ user: null, name: 'board' }) },
});
const room = client.room('board/room');
const rows = room.data(board);
const mouse = client.cursors(`board:${board}`);
const cursors = room.cursors(board);
const pointers = new Cursors($('cursors'), document.querySelectorAll('.lane'));
const deeds = new Deeds(client, rows, board, { failed: explain, tell: () => { mark(); showTools(); } });

const showState = showStatus($('status'), client, () =>
	`${plug.isOut ? ', the plug is pulled' : ''}${deeds.waits > 0 && client.status.current !== 'open' ? `, ${deeds.waits} to send` : ''}`);

// ---- the cards ---------------------------------------------------------------

const cards = new Cards($('lanes'), {
	remove: (row) => deeds.remove(row),
	edit: (row, to) => deeds.edit(row, to),
	tint: (row) => deeds.edit(row, { tint: (row.tint + 1) % 6 }),
});

rows.subscribe((list) => {
	if (list) {
		cards.show(list);
		mark();
	}
});
rows.error.subscribe((error) => error && explain(error));

// Between those that are beside it then; undefined: behind all.
function placeBefore(lane, id, beforeId) {
	const others = cards.of(lane, id);
	const i = others.findIndex((row) => row.id === beforeId);

	return i < 0 ? behind(others.at(-1)?.place) : between(others[i - 1]?.place, others[i].place);
}

for (const lane of document.querySelectorAll('.lane')) {
	lane.querySelector('form').onsubmit = (event) => {
		const input = event.target.querySelector('input');
		const title = input.value.trim();

		event.preventDefault();
		input.value = '';
		if (title !== '')
			deeds.add({ id: uuid(), board, lane: lane.dataset.lane, place: placeBefore(lane.dataset.lane), title, tint: 0 });
	};
}

// ---- carried by hand ------------------------------------------------------------

let holds = null;				// id of the card in our hand

makeDraggable($('lanes'), {
	cardOf: (target) => !target.closest('button, [contenteditable]') && target.closest('.card'),
	lanes: () => [...document.querySelectorAll('.lane')],
	lift(card) {
		const { id, lane, place } = cards.row(card.dataset.id);

		holds = id;
		cards.held = { id, lane, place };
	},
	over(card, lane, before) {
		const to = { lane: lane.dataset.lane, before: before?.dataset.id };
		const { held } = cards;

		if (!held || to.lane === held.to?.lane && to.before === held.to.before || !held.to && isThere(held, to))
			return;
		cards.held = { id: held.id, lane: to.lane, place: placeBefore(to.lane, held.id, to.before), to };
		cards.show();
	},
	drop(card) {
		const row = cards.row(card.dataset.id);
		const { lane, place } = cards.held;

		letGo();
		if (row && (row.lane !== lane || row.place !== place))
			deeds.move(row, { lane, place });
		cards.show();
	},
	cancel() {
		letGo();
		cards.show();
	},
	landed: () => cards.show(),
});

function letGo() {
	holds = cards.held = null;
	point(pointed);
}

// Where it has been before it was lifted.
function isThere({ id, lane, place }, to) {
	return lane === to.lane && cards.of(lane, id).find((row) => row.place > place)?.id === to.before;
}

// ---- or with keys ------------------------------------------------------------------

addEventListener('keydown', (event) => {
	const { key, altKey, shiftKey, target } = event;
	const isField = target.closest?.('input, [contenteditable]');

	if ((event.ctrlKey || event.metaKey) && !isField && 'zZyY'.includes(key)) {
		event.preventDefault();
		deeds[key.toLowerCase() === 'y' || shiftKey ? 'redo' : 'undo']();
	} else if (!isField && target.classList?.contains('card')) {
		onCardKey(target.dataset.id, key, altKey) && event.preventDefault();
	}
});

function onCardKey(id, key, altKey) {
	const row = cards.row(id);

	if (key === 'Enter')
		cards.edit(id);
	else if (key === 'Delete')
		deeds.remove(row);
	else if (altKey && (key === 'ArrowLeft' || key === 'ArrowRight'))
		moveAcross(row, key === 'ArrowLeft' ? -1 : 1);
	else if (altKey && (key === 'ArrowUp' || key === 'ArrowDown'))
		moveAlong(row, key === 'ArrowUp' ? -1 : 1);
	else
		return false;
	cards.element(id)?.focus();
	return true;
}

function moveAcross(row, by) {
	const lane = order[order.indexOf(row.lane) + by];

	if (lane)
		deeds.move(row, { lane, place: placeBefore(lane, row.id) });
}

function moveAlong(row, by) {
	const others = cards.of(row.lane, row.id);
	const at = others.filter(({ place }) => place < row.place).length + by;

	if (at >= 0 && at <= others.length)
		deeds.move(row, { lane: row.lane, place: placeBefore(row.lane, row.id, others[at]?.id) });
}

// ---- who is here, and where they point ------------------------------------------------

let people = [];
let myKey;

const here = room.presence(board);

here.subscribe((list) => {
	people = list ?? [];
	showPeople();
	showCursors();
});
here.status.subscribe((status) => status === 'connected' && appear());	// who is there can say who he is

async function appear() {
	try {
		myKey = await room.appear(board, me.name, me.hue);
		showPeople();
	} catch {
		// the next connection says it again
	}
}

function showPeople() {
	const others = myKey === undefined ? [] : people.filter(({ key }) => key !== myKey);
	const shown = others.slice(0, 6).map(({ data }) => face(data));

	if (others.length > shown.length)
		shown.push(make('li', { className: 'more', textContent: `+${others.length - shown.length}` }));
	$('people').replaceChildren(...shown, myFace());
}

function face({ name, hue }) {
	const li = make('li', { textContent: initials(name), title: name });

	li.style.setProperty('--hue', hue);
	return li;
}

function myFace() {
	const li = face(me);

	li.className = 'me';
	li.title = `${me.name} (you)`;
	return li;
}

$('name').value = me.name;
$('name').onchange = () => {
	me.name = $('name').value.trim() || me.name;
	$('name').value = me.name;
	keepVisitor(me);
	showPeople();
	appear();
};

cursors.subscribe(showCursors);
addEventListener('resize', showCursors);
addEventListener('pointermove', (event) => {
	if (event.pointerType === 'mouse' || holds)
		point(pointers.position(event));
});

let pointed;					// where we have been last

function point(position) {
	if (!position)
		return;
	pointed = position;
	mouse.move(holds ? { ...position, holds } : position);
}

// Of those who are here, but for oneself.
function others() {
	const faces = new Map(people.map(({ key, data }) => [key, data]));

	return (cursors.current ?? []).filter(({ key, data }) => key !== myKey && faces.has(key) && data)
		.map(({ key, data }) => ({ ...data, ...faces.get(key), key }));
}

function showCursors() {
	pointers.show(others());
	mark();
}

function mark() {
	cards.mark(deeds.waiting, new Map(others().filter((one) => one.holds).map(({ holds, hue }) => [holds, hue])));
}

// ---- the tools --------------------------------------------------------------------------

function showTools() {
	$('undo').disabled = !deeds.canUndo;
	$('redo').disabled = !deeds.canRedo;
	showState();
}

$('undo').onclick = () => deeds.undo();
$('redo').onclick = () => deeds.redo();
$('plug').onclick = () => {
	if (plug.isOut)
		plug.insert();
	else
		plug.pull();
	$('plug').textContent = plug.isOut ? 'Plug in again' : 'Pull the plug';
	$('plug').setAttribute('aria-pressed', plug.isOut);
	showTools();
};

$('psql').append(command(`INSERT INTO board.card (title${board === 'demo' ? '' : ', board'}) VALUES ('Hello from psql'${board === 'demo' ? '' : `, '${board}'`});`));
addEventListener('hashchange', () => location.reload());
showsSql('board.sql');
