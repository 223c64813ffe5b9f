// page.js - what all pages have in common: elements, notices, commands to copy,
// who the visitor says to be.
export const $ = (id) => document.getElementById(id);

// make('li', { className: 'x', title: '...' }, child, ...): always text, never markup.
export function make(tag, properties = {}, ...children) {
	const element = Object.assign(document.createElement(tag), properties);

	element.append(...children.filter((child) => child !== null && child !== undefined));
	return element;
}

export const isCalm = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

export function animate(element, frames, duration = 240) {
	if (isCalm() || !element.animate)
		return Promise.resolve();
	return element.animate(frames, { duration, easing: 'cubic-bezier(0.2, 0.7, 0.2, 1)' }).finished.catch(() => {});
}

// ---- what is said in passing ------------------------------------------------

let notice;
let noticeEnds;

export function say(text) {
	notice ??= document.body.appendChild(make('p', { className: 'notice', role: 'status' }));
	notice.textContent = text;
	notice.hidden = false;
	clearTimeout(noticeEnds);
	noticeEnds = setTimeout(() => { notice.hidden = true; }, 5000);
}

// VALIDATION comes with issues: [{path: ["title"], message: "..."}].
export function explain(error) {
	const issues = error.issues?.map(({ path, message }) => `${path.join('.')}: ${message}`);

	say(issues?.join(', ') || error.message);
}

// ---- a line to be typed elsewhere ---------------------------------------------

export function command(text) {
	const copy = make('button', { className: 'behind', type: 'button', textContent: 'copy' });

	copy.onclick = async () => {
		try {
			await navigator.clipboard.writeText(text);
			copy.textContent = 'copied';
		} catch {
			getSelection().selectAllChildren(copy.previousSibling);		// no clipboard without https
		}
		setTimeout(() => { copy.textContent = 'copy'; }, 1500);
	};
	return make('div', { className: 'command' }, make('code', { textContent: text }), copy);
}

// ---- the state of the connection -----------------------------------------------

const words = { open: 'connected', suspended: 'connected', connecting: 'connecting', disconnected: 'not connected', failed: 'refused' };

export function showStatus(element, client, more = () => '') {
	const show = () => {
		const status = client.status.current;
		element.className = `status ${status === 'suspended' ? 'open' : status}`;
		element.textContent = words[status] + more(status);
	};

	client.status.subscribe(show);
	return show;
}

// ---- chance ------------------------------------------------------------------------

// crypto.randomUUID() is not there without https.
export function uuid() {
	const bytes = crypto.getRandomValues(new Uint8Array(16));

	bytes[6] = bytes[6] & 0x0f | 0x40;
	bytes[8] = bytes[8] & 0x3f | 0x80;
	const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
	return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

// ---- who the visitor says to be ------------------------------------------------------

const manners = ['Calm', 'Swift', 'Bright', 'Quiet', 'Brave', 'Merry', 'Gentle', 'Clever', 'Sunny', 'Nimble'];
const animals = ['Otter', 'Heron', 'Fox', 'Marten', 'Lynx', 'Elk', 'Wren', 'Hare', 'Owl', 'Badger', 'Seal', 'Swift'];
const any = (list) => list[Math.floor(Math.random() * list.length)];

// A tab each, so that two windows of one browser are two people.
export function visitor() {
	const kept = JSON.parse(sessionStorage.getItem('visitor') ?? 'null');
	const me = kept ?? { name: `${any(manners)} ${any(animals)}`, hue: Math.floor(Math.random() * 12) * 30 };

	keepVisitor(me);
	return me;
}

export function keepVisitor(me) {
	sessionStorage.setItem('visitor', JSON.stringify(me));
}

export function initials(name) {
	const words = name.trim().split(/\s+/);

	return (words[0]?.[0] ?? '?').toUpperCase() + (words.length > 1 ? words.at(-1)[0].toUpperCase() : '');
}
