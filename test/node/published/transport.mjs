// transport.mjs - what the published client stands upon: one WebSocket, topics and
// questions, written after the wire protocol.
//
// The npm package svelte-realtime imports this as 'svelte-adapter-uws/client', whose
// version with these names is not in the registry.  Each module that is loaded with
// another query is a client of its own (see hook.mjs).
import WebSocket from 'ws';
import { writable } from 'svelte/store';

const state = writable('disconnected');
const denied = writable(null);
const failed = writable(null);
const topics = new Map();		// name -> {store, followers}
const waiting = [];
const seen = {};
let options;
let socket;
let session;
let lastRef = 0;
let ask;
let attempt = 0;
let closes = false;

export const status = { subscribe: state.subscribe };
export const denials = { subscribe: denied.subscribe };
export const failure = { subscribe: failed.subscribe };
export const frames = [];		// all that came, for tests

const isOpen = () => socket?.readyState === WebSocket.OPEN;
const encode = (what) => (what instanceof ArrayBuffer || ArrayBuffer.isView(what) ? what : JSON.stringify(what));

export function sendQueued(what) {
	if (isOpen())
		socket.send(encode(what));
	else
		waiting.push(encode(what));
}

function send(what) {
	if (isOpen())
		socket.send(encode(what));
}

function topicOf(name) {
	if (!topics.has(name))
		topics.set(name, { store: writable(null), followers: 0 });
	return topics.get(name);
}

// The envelope as the client sees it; two of the same are two.
function deliver({ topic, event, data, seq }) {
	if (typeof seq === 'number')
		seen[topic] = Math.max(seq, seen[topic] ?? 0);
	topicOf(topic).store.set({ topic, event, data });
}

async function answer({ ref, event, data }) {
	try {
		send({ type: 'reply', ref, data: (await ask(event, data)) ?? null });
	} catch (error) {
		send({ type: 'reply', ref, error: error.message });
	}
}

function receive(text) {
	const frame = JSON.parse(text);

	frames.push(frame);
	if (frame.topic && frame.event !== undefined)
		deliver(frame);
	else if (frame.type === 'batch')
		frame.events.forEach(deliver);
	else if (frame.type === 'welcome')
		session = frame.sessionId;
	else if (frame.type === 'subscribe-denied')
		denied.set(frame);
	else if (frame.type === 'request' && ask)
		answer(frame);
}

function opened(before) {
	attempt = 0;
	failed.set(null);
	state.set('open');
	send({ type: 'hello', caps: ['batch'] });
	if (before && Object.keys(seen).length > 0)
		send({ type: 'resume', sessionId: before, lastSeenSeqs: seen });
	const names = [...topics].filter(([name, { followers }]) => followers > 0 && !name.startsWith('__'));
	if (names.length > 0)
		send({ type: 'subscribe-batch', topics: names.map(([name]) => name), ref: ++lastRef });
	for (const frame of waiting.splice(0))
		socket.send(frame);
}

function ended(code, reason) {
	if (closes)
		return;
	if ([1008, 4401, 4403].includes(code)) {
		failed.set({ kind: 'ws-close', class: 'TERMINAL', code, reason: String(reason) });
		state.set('failed');
		return;
	}
	state.set('disconnected');
	setTimeout(open, Math.min(20 * 2 ** attempt++, 500));
}

function open() {
	if (closes)
		return;
	const before = session;
	state.set('connecting');
	socket = new WebSocket(options.url, { perMessageDeflate: false });
	socket.on('open', () => opened(before));
	socket.on('message', (data) => receive(data.toString()));
	socket.on('error', () => {});		// "close" follows
	socket.on('close', ended);
}

export function close() {
	closes = true;
	socket?.close();
	state.set('failed');
}

// Ends the connection without a word, as a network does.
export function cut() {
	socket.terminate();
}

const connection = {
	send, sendQueued, close,
	get bufferedAmount() { return socket?.bufferedAmount ?? 0; },
};

export function connect(given) {
	if (!options && given?.url) {
		options = given;
		open();
	}
	return connection;
}

export function on(name) {
	const topic = topicOf(name);
	const isOurs = name.startsWith('__');

	return {
		subscribe(follower) {
			if (topic.followers++ === 0 && !isOurs)
				send({ type: 'subscribe', topic: name, ref: ++lastRef });
			const end = topic.store.subscribe(follower);
			return () => {
				end();
				if (--topic.followers > 0)
					return;
				topic.store.set(null);
				if (!isOurs)
					send({ type: 'unsubscribe', topic: name });
			};
		},
	};
}

export function onRequest(handler) {
	ask = handler;
	return () => { ask = undefined; };
}

export function onDerived() {
	throw new Error('not here');
}
