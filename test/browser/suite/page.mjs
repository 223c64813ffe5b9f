// page.mjs - what client/test/node.mjs has, in a page: servers and ways to them are
// those of the process that has opened it, at the other end of a WebSocket.
const { WebSocket } = globalThis;
const line = new WebSocket(`ws://${location.host}/line`);
const opened = new Promise((resolve) => { line.onopen = resolve; });
const asked = new Map();
let lastId = 0;

export { WebSocket };
export const patience = 120000;

line.onmessage = ({ data }) => {
	const { id, error, value } = JSON.parse(data);
	const { resolve, reject } = asked.get(id);

	asked.delete(id);
	if (error === undefined)
		resolve(value);
	else
		reject(new Error(error));
};

// Questions arrive in the order in which they are asked.
export function ask(object, method, ...args) {
	const id = ++lastId;
	const answer = opened.then(() => {
		line.send(JSON.stringify({ id, object, method, args }));
		return new Promise((resolve, reject) => asked.set(id, { resolve, reject }));
	});

	answer.catch(() => {});
	return answer;
}

// An object at the other end.
function remote({ object, ...known }, methods) {
	return Object.assign(known, Object.fromEntries(methods.map((name) => [name, (...args) => ask(object, name, ...args)])));
}

export async function startServer(options) {
	const server = remote(await ask(null, 'startServer', options), ['psql', 'declared', 'open', 'restart', 'request', 'stop']);

	server.connect = async () => remote(await ask(server.id, 'connect'), ['close']);
	return server;
}

export class Way {
	static async to(port) {
		return remote(await ask(null, 'way', port), ['cut', 'hold', 'resume', 'shut', 'open', 'count', 'stop']);
	}
}

export async function until(condition, what = 'a condition', ms = patience) {
	const deadline = Date.now() + ms;

	for (;;) {
		const result = await condition();
		if (result)
			return result;
		if (Date.now() > deadline)
			throw new Error(`waited ${ms} ms for ${what}; it is still ${result}: ${condition}`);
		await new Promise((resolve) => setTimeout(resolve, 25));
	}
}

// A signature is needed at once.
export function sign(text, secret) {
	const request = new XMLHttpRequest();

	request.open('POST', '/sign', false);
	request.send(JSON.stringify({ text, secret }));
	return request.responseText;
}
