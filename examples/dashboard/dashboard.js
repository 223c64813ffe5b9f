// A dashboard whose rows are kept true by live queries of the extension
// "realtime".  No library: a copy of a query's rows is an array, and there are four
// events that change it.  docs/protocol.md has all.
'use strict';

const $ = (id) => document.getElementById(id);

let socket;
let attempt = 0;				// failed connections in a row
let lastId = 0;
let asked = new Map();			// id of a question -> the copy that it is for
let followed = new Map();		// topic -> copy

const copies = [
	{ path: 'dashboard/branches', show: table('branches', ['bid', 'balance', 'tellers', 'best']), sort: (a, b) => a.bid - b.bid },
	{ path: 'dashboard/tellers', show: table('tellers', ['tid', 'bid', 'balance']) },
	{ path: 'dashboard/total', show: showTotal },
];

function connect() {
	$('status').textContent = 'connecting';
	socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
	socket.onopen = () => {
		attempt = 0;
		asked = new Map();
		followed = new Map();
		send({ type: 'hello', caps: [] });
		copies.forEach(follow);
	};
	socket.onmessage = ({ data }) => onFrame(JSON.parse(data));
	socket.onclose = ({ code, reason }) => {
		$('status').textContent = 'disconnected';
		if (code === 1008 || code === 4401 || code === 4403)
			return showError(reason);			// final: do not try again
		setTimeout(connect, Math.min(500 * 2 ** attempt++, 30000) * (0.75 + Math.random() / 2));
	};
}

function send(frame) {
	socket.send(JSON.stringify(frame));
}

function follow(copy) {
	const id = String(++lastId);
	asked.set(id, copy);
	send({ rpc: copy.path, id, args: [], stream: true });
}

// ---- What the server says --------------------------------------------------

function onFrame(frame) {
	const told = followed.get(frame.topic);

	if (frame.topic === '__rpc')
		onReply(asked.get(frame.data.id), frame.data);
	else if (told)
		onEvent(told, frame);
	else if (frame.topic?.startsWith('__system:') && frame.event === 'error')
		showError(frame.data.error);			// rows stay as they are until "recovered"
	else if (frame.topic?.startsWith('__system:') && frame.event === 'recovered')
		showError('');
}

function onReply(copy, reply) {
	if (!reply.ok)
		return showError(reply.error);
	$('status').textContent = 'connected';
	copy.key = reply.key;
	copy.rows = reply.data;
	followed.set(reply.topic, copy);
	copy.show(sorted(copy));
}

// A row of a query in an order says behind which one it stands: null is none.
function onEvent(copy, { event, data, after }) {
	if (event === 'truncated')					// events were lost
		return follow(copy);
	if (event === 'refreshed')
		copy.rows = data;
	else {
		const at = (key) => copy.rows.findIndex((row) => row[copy.key] === key);
		const before = at(data[copy.key]);

		if (before >= 0)
			copy.rows.splice(before, 1);
		if (event !== 'deleted')
			copy.rows.splice(after === undefined ? copy.rows.length : after === null ? 0 : at(after) + 1, 0, data);
	}
	copy.show(sorted(copy));
}

// ---- What is shown ---------------------------------------------------------

function sorted(copy) {
	return copy.sort ? copy.rows.toSorted(copy.sort) : copy.rows;
}

function table(id, columns) {
	return (rows) => $(id).replaceChildren(...rows.map((row) => {
		const tr = document.createElement('tr');
		for (const column of columns)
			tr.appendChild(document.createElement('td')).textContent = row[column];
		return tr;
	}));
}

function showTotal([{ branches, tellers }]) {
	$('branches-sum').textContent = branches;
	$('tellers-sum').textContent = tellers;
}

function showError(text) {
	$('error').textContent = text;
	$('error').hidden = !text;
}

connect();
