// A chat room over the WebSocket of the extension "realtime".  No library:
// frames are JSON, and there are few kinds of them.  docs/protocol.md has all.
'use strict';

const $ = (id) => document.getElementById(id);
const room = decodeURIComponent(location.hash.slice(1)) || 'lobby';	// index.html#room

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
		follow();
		enter();
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
	else if (frame.topic && frame.topic === topic)	// something was published
		onEvent(frame);
	else if (frame.topic && frame.topic === hereTopic)	// somebody comes, goes, types
		onPresence(frame);
	// "welcome" and "ping" need no answer; whatever else there is, ignore it
}

function send(frame) {
	socket.send(JSON.stringify(frame));
}

// Calls a declared function, or asks for a stream; resolves to the reply, or
// rejects with the error that it is.
function ask(frame) {
	return new Promise((resolve, reject) => {
		if (socket.readyState !== WebSocket.OPEN)
			return reject(new Error('Not connected at the moment.'));
		const id = String(++lastId);
		pending.set(id, { resolve, reject });
		send({ ...frame, id });
	});
}

function onReply(reply) {
	const waiting = pending.get(reply.id);
	pending.delete(reply.id);
	if (reply.ok)
		waiting?.resolve(reply);
	else
		waiting?.reject(Object.assign(new Error(reply.error), { code: reply.code, issues: reply.issues }));
}

// The server says something at least once a minute, if only "ping".
setInterval(() => {
	if (socket.readyState === WebSocket.OPEN && Date.now() - lastFrameAt > 150000)
		socket.close();
}, 30000);

// ---- The room --------------------------------------------------------------

const messages = new Map();		// by id
let topic;						// where the events come; the reply says it
let seq;						// number of the last one

// The reply is the newest messages or, for who says what it has, what was
// missed since; the events that come behind it are the next ones.
function follow() {
	ask({ rpc: 'chat/messages', args: [room], stream: true, seq }).then((reply) => {
		setStatus('connected');
		topic = reply.topic;
		if (reply.replay)
			reply.data.forEach(onEvent);
		else {
			messages.clear();
			show(reply.data);
		}
		seq = reply.seq;
	}).catch(showError);
}

function onEvent({ event, data, seq: number }) {
	seq = number ?? seq;
	if (event === 'created')
		show([data]);
	else if (event === 'truncated')	// events were lost that are not kept any more
		follow(seq = undefined);
}

function show(rows) {
	for (const row of rows)
		messages.set(row.id, row);
	const inOrder = [...messages.values()].sort((a, b) => a.id - b.id);
	$('messages').replaceChildren(...inOrder.map(item));
	$('messages').scrollTop = $('messages').scrollHeight;
}

// ---- Who is there ----------------------------------------------------------

const people = new Map();		// by key, which is a connection here: nobody has logged in
let hereTopic;
let typing = false;
let typedLast;

// Who follows this is there, as what he says; asked again it says it anew.
function enter() {
	ask({ rpc: 'chat/here', args: [room, $('name').value], stream: true }).then((reply) => {
		hereTopic = reply.topic;
		people.clear();
		for (const { key, data } of reply.data)
			people.set(key, data);
		showPeople();
	}).catch(showError);
}

function onPresence({ event, data }) {
	if (event === 'truncated')
		return enter();
	if (event === 'leave')
		people.delete(data.key);
	else
		people.set(data.key, data.data);
	showPeople();
}

function showPeople() {
	$('people').replaceChildren(...[...people.values()].map(({ name, typing: types }) => {
		const li = document.createElement('li');
		li.textContent = name;
		li.className = types ? 'typing' : '';
		return li;
	}));
}

function type(isTyping) {
	clearTimeout(typedLast);
	if (isTyping)
		typedLast = setTimeout(type, 3000, false);
	if (isTyping === typing)
		return;
	typing = isTyping;
	ask({ rpc: 'chat/typing', args: [room, $('name').value, typing] }).catch(() => {});
}

// ---- The page --------------------------------------------------------------

function item({ author, body, sent_at }) {
	const li = document.createElement('li');
	for (const [tag, text] of [['b', author], ['time', new Date(sent_at).toLocaleTimeString()], ['p', body]])
		li.appendChild(document.createElement(tag)).textContent = text;	// never innerHTML
	return li;
}

$('send').onsubmit = async (submit) => {
	submit.preventDefault();
	try {
		await ask({ rpc: 'chat/send', args: [room, $('name').value, $('text').value] });
		$('text').value = '';
		type(false);
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
$('name').onchange = () => {
	localStorage.setItem('name', $('name').value);
	enter();
};
$('text').oninput = () => type($('text').value !== '');
window.onhashchange = () => location.reload();
connect();
