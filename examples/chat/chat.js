// A chat room over the WebSocket of the extension "realtime".  No library:
// frames are JSON, and there are few kinds of them.  docs/protocol.md has all.
'use strict';

const $ = (id) => document.getElementById(id);
const room = decodeURIComponent(location.hash.slice(1)) || 'lobby';	// index.html#room
const topic = 'chat:' + room;

// ---- The connection --------------------------------------------------------

let socket;
let attempt = 0;				// failed connections in a row
let lastFrameAt = 0;			// a socket can die without a word: see the watchdog
let lastId = 0;
const pending = new Map();		// id of a call -> how to settle its promise

function connect() {
	setStatus('connecting');
	socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
	socket.onopen = () => {
		attempt = 0;
		lastFrameAt = Date.now();
		send({ type: 'hello', caps: [] });
		send({ type: 'subscribe', topic, ref: 1 });
	};
	socket.onmessage = ({ data }) => {
		lastFrameAt = Date.now();
		onFrame(JSON.parse(data));
	};
	socket.onclose = ({ code, reason }) => {
		for (const { reject } of pending.values())
			reject(new Error('The connection was lost.'));
		pending.clear();
		if (code === 1008 || code === 4401 || code === 4403)
			return setStatus('refused', reason);	// final: do not try again
		const delay = Math.min(500 * 2 ** attempt++, 30000) * (0.75 + Math.random() / 2);
		setStatus('disconnected');
		setTimeout(connect, delay);
	};
}

function onFrame(frame) {
	if (frame.topic === '__rpc')					// the answer to a call
		onReply(frame.data);
	else if (frame.topic === topic && frame.event)	// something was published
		onEvent(frame.event, frame.data);
	else if (frame.type === 'subscribed') {			// from here on nothing is missed,
		setStatus('connected');
		loadHistory();								// so now fetch what was before
	} else if (frame.type === 'subscribe-denied')
		showError(new Error(`Cannot subscribe to ${topic}: ${frame.reason}`));
	// "welcome" and "ping" need no answer; whatever else there is, ignore it
}

function send(frame) {
	socket.send(JSON.stringify(frame));
}

// Calls a declared function; resolves to its result or rejects with its error.
function call(rpc, ...args) {
	return new Promise((resolve, reject) => {
		if (socket.readyState !== WebSocket.OPEN)
			return reject(new Error('Not connected at the moment.'));
		const id = String(++lastId);
		pending.set(id, { resolve, reject });
		send({ rpc, id, args });
	});
}

function onReply({ id, ok, data, code, error, issues }) {
	const waiting = pending.get(id);
	pending.delete(id);
	if (ok)
		waiting?.resolve(data);
	else
		waiting?.reject(Object.assign(new Error(error), { code, issues }));
}

// The server says something at least once a minute, if only "ping".
setInterval(() => {
	if (socket.readyState === WebSocket.OPEN && Date.now() - lastFrameAt > 150000)
		socket.close();
}, 30000);

// ---- The room --------------------------------------------------------------

const messages = new Map();		// by id: history and events may bring one twice

function onEvent(event, data) {
	if (event === 'created')
		show([data]);
	else if (event === 'truncated')	// we were too slow and events were dropped
		loadHistory();
}

function loadHistory() {
	call('chat/history', room, 50).then(show).catch(showError);
}

function show(rows) {
	for (const row of rows)
		messages.set(row.id, row);
	const inOrder = [...messages.values()].sort((a, b) => a.id - b.id);
	$('messages').replaceChildren(...inOrder.map(item));
	$('messages').scrollTop = $('messages').scrollHeight;
}

function item({ author, body, sent_at }) {
	const li = document.createElement('li');
	for (const [tag, text] of [['b', author], ['time', new Date(sent_at).toLocaleTimeString()], ['p', body]])
		li.appendChild(document.createElement(tag)).textContent = text;	// never innerHTML
	return li;
}

$('send').onsubmit = async (submit) => {
	submit.preventDefault();
	try {
		await call('chat/send', room, $('name').value, $('text').value);
		$('text').value = '';
		showError(null);
	} catch (error) {
		showError(error);		// what was typed stays, to be tried again
	}
};

// VALIDATION comes with issues: [{path: ["body"], message: "..."}].
function showError(error) {
	const issues = error?.issues?.map(({ path, message }) => `${path.join('.')}: ${message}`);
	$('error').textContent = issues?.join('\n') || error?.message || '';
	$('error').hidden = !error;
}

function setStatus(status, detail) {
	$('status').textContent = detail ? `${status}: ${detail}` : status;
	$('status').className = status;
}

$('room').textContent = '#' + room;
$('name').value = localStorage.getItem('name') || '';
$('name').onchange = () => localStorage.setItem('name', $('name').value);
window.onhashchange = () => location.reload();
connect();
