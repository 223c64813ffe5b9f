// chromium.mjs - drives a headless Chromium over its DevTools protocol.
//
//	const browser = await launch();
//	const page = await browser.open('http://127.0.0.1:7432/');
//	await page.fill('#text', 'hello');
//	await page.press('Enter');
//	await page.until(`document.querySelector('#messages').textContent.includes('hello')`);
//	await browser.close();
//
// Nothing but the browser itself and the WebSocket client of the Node tests.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { patience, seen, told, until, WebSocket } from '../node/lib.mjs';
import { operands } from './operands.mjs';

const program = process.env.CHROMIUM || '/usr/bin/chromium';
const flags = [
	'--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
	'--disable-dev-shm-usage', '--no-first-run', '--no-default-browser-check',
	'--disable-background-networking', '--disable-component-update',
	'--disable-default-apps', '--disable-extensions', '--disable-sync',
	'--metrics-recording-only', '--password-store=basic', '--mute-audio',
	'--remote-debugging-port=0',
];

export function isInstalled() {
	return fs.existsSync(program);
}

// fonts: a folder of fonts that pages may use besides those of the system.
export async function launch({ fonts } = {}) {
	const browser = new Browser();

	if (fonts)
		fs.cpSync(fonts, path.join(browser.profile, '.local/share/fonts'), { recursive: true });

	try {
		await browser.start();
	} catch (error) {
		await browser.close();
		throw error;
	}
	return browser;
}

class Browser {
	constructor() {
		this.profile = fs.mkdtempSync(path.join(os.tmpdir(), 'chromium-'));
		this.lastId = 0;
		this.pending = new Map();	// id of a command -> its promise's ends
		this.pages = new Map();		// id of a session -> Page
		this.output = '';
	}

	async start() {
		this.child = spawn(program, [...flags, `--user-data-dir=${this.profile}`, 'about:blank'], {
			stdio: ['ignore', 'ignore', 'pipe'],
			// Nothing of it outside the profile.
			env: { ...process.env, HOME: this.profile, XDG_CONFIG_HOME: this.profile, XDG_CACHE_HOME: this.profile },
		});
		this.exited = new Promise((resolve) => this.child.once('close', resolve));
		this.child.stderr.setEncoding('utf8').on('data', (text) => { this.output += text; });
		this.child.once('error', (error) => { this.output += error; });
		process.once('exit', () => this.child.kill('SIGKILL'));

		const portFile = path.join(this.profile, 'DevToolsActivePort');
		const [port, address] = await until(() => {
			if (this.child.exitCode !== null)
				throw new Error(`chromium has ended: ${this.output.slice(-2000)}`);
			const lines = fs.existsSync(portFile) ? fs.readFileSync(portFile, 'utf8').split('\n') : [];
			return lines.length >= 2 && lines;
		}, 'chromium to start');

		this.socket = new WebSocket(`ws://127.0.0.1:${port}${address}`, { perMessageDeflate: false });
		await new Promise((resolve, reject) => {
			this.socket.once('open', resolve);
			this.socket.once('error', reject);
		});
		this.socket.on('message', (data) => this.receive(JSON.parse(data)));
		this.socket.on('close', () => {
			for (const { reject } of this.pending.values())
				reject(new Error('chromium has gone'));
		});
	}

	receive({ id, result, error, method, params, sessionId }) {
		if (id === undefined) {
			this.pages.get(sessionId)?.event(method, params);
			return;
		}
		const waiting = this.pending.get(id);
		if (!waiting)
			return;
		this.pending.delete(id);
		clearTimeout(waiting.timer);
		if (error)
			waiting.reject(new Error(`${waiting.method}: ${error.message}`));
		else
			waiting.resolve(result);
	}

	command(method, params = {}, sessionId = undefined) {
		const id = ++this.lastId;

		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => {
				this.pending.delete(id);
				reject(new Error(`${method}: no answer`));
			}, patience);
			this.pending.set(id, { method, resolve, reject, timer });
			this.socket.send(JSON.stringify({ id, method, params, sessionId }));
		});
	}

	// Opens a page in a context of its own: no cookie or storage is shared; or in
	// that of another page, as one more tab.
	async open(url, { beside } = {}) {
		const browserContextId = beside?.contextId ?? (await this.command('Target.createBrowserContext')).browserContextId;
		const { targetId } = await this.command('Target.createTarget',
			{ url: 'about:blank', browserContextId });
		const { sessionId } = await this.command('Target.attachToTarget',
			{ targetId, flatten: true });
		const page = new Page(this, sessionId, targetId, browserContextId);

		this.pages.set(sessionId, page);
		await page.command('Page.enable');
		await page.command('Runtime.enable');
		await page.command('Log.enable');
		await page.command('Inspector.enable');
		await page.go(url);
		return page;
	}

	async close() {
		if (this.child && this.child.exitCode === null && this.child.signalCode === null) {
			if (this.socket?.readyState === WebSocket.OPEN)
				this.socket.send(JSON.stringify({ id: ++this.lastId, method: 'Browser.close' }));
			const timer = setTimeout(() => this.child.kill('SIGKILL'), 5000);
			await this.exited;
			clearTimeout(timer);
		}
		for (const { timer } of this.pending.values())
			clearTimeout(timer);
		this.pending.clear();
		this.socket?.terminate();
		fs.rmSync(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
	}
}

// Thrown by what runs in the page, or because it has gone.
class PageError extends Error {}

class Page {
	constructor(browser, sessionId, targetId, contextId) {
		this.browser = browser;
		this.sessionId = sessionId;
		this.targetId = targetId;
		this.contextId = contextId;
		this.errors = [];		// exceptions and errors in the console
	}

	command(method, params) {
		return this.browser.command(method, params, this.sessionId);
	}

	event(method, params) {
		if (method === 'Runtime.exceptionThrown')
			this.errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
		else if (method === 'Log.entryAdded' && params.entry.level === 'error')
			this.errors.push(`${params.entry.text} ${params.entry.url ?? ''}`);
		else if (method === 'Page.loadEventFired')
			this.loaded?.();
		else if (method === 'Inspector.targetCrashed')
			this.crashed?.();
	}

	async go(url) {
		const loaded = new Promise((resolve) => { this.loaded = resolve; });
		const { errorText } = await this.command('Page.navigate', { url });

		if (errorText)
			throw new Error(`${url}: ${errorText}`);
		await loaded;
	}

	// As if the user had closed the tab.
	async close() {
		await this.browser.command('Target.closeTarget', { targetId: this.targetId });
		this.browser.pages.delete(this.sessionId);
	}

	// Its process ends at once; nothing in it is told.
	crash() {
		const crashed = new Promise((resolve) => { this.crashed = resolve; });

		this.command('Page.crash').catch(() => {});
		return crashed;
	}

	// What the browser does with tabs that nobody has looked at for long.
	freeze(isFrozen) {
		return this.command('Page.setWebLifecycleState', { state: isFrozen ? 'frozen' : 'active' });
	}

	// The value of a JavaScript expression in the page.
	async value(expression) {
		const { result, exceptionDetails } = await this.command('Runtime.evaluate',
			{ expression, returnByValue: true, awaitPromise: true }).catch((error) => {
			throw /context|navigated/.test(error.message) ? new PageError(error.message) : error;
		});

		if (exceptionDetails)
			throw new PageError(exceptionDetails.exception?.description ?? exceptionDetails.text);
		return seen(expression, result.value);
	}

	// Waits until it is true.  What cannot be evaluated yet, because an element is not
	// there or the page is being loaded, may be later.
	until(expression, what = expression, ms = patience) {
		const look = () => this.value(expression).catch((error) => {
			if (error instanceof PageError)
				return seen(`of ${expression}`, error.message) && false;
			throw error;
		});

		return until(look, what, ms).catch(async (error) => {
			throw new Error(`${error.message}${await this.#state(expression)}`);
		});
	}

	// What the parts of an expression are, and what has gone wrong in the page.
	async #state(expression) {
		const parts = operands(expression).map(async (part) => [part, await this.value(part).catch((error) => error.message)]);

		return told([...await Promise.all(parts), ['errors', this.errors]]);
	}

	// As a screen of that size has it, with fingers or a mouse, by day or night.
	async screen({ width, height, touch = false, dark = false, scale = 1 }) {
		await this.command('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: scale, mobile: touch });
		await this.command('Emulation.setTouchEmulationEnabled', { enabled: touch, maxTouchPoints: touch ? 5 : 1 });
		await this.command('Emulation.setEmulatedMedia', { features: [
			{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' },
		] });
		await this.command('Emulation.setScrollbarsHidden', { hidden: true });
	}

	async picture(file) {
		const { data } = await this.command('Page.captureScreenshot', { format: 'png' });

		fs.writeFileSync(file, Buffer.from(data, 'base64'));
	}

	// Where the middle of an element is.
	middle(selector) {
		return this.value(`(() => {
			const { left, top, width, height } = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect();
			return { x: left + width / 2, y: top + height / 2 };
		})()`);
	}

	async mouse(type, { x, y }, buttons = 0) {
		await this.command('Input.dispatchMouseEvent',
			{ type, x, y, buttons, button: type === 'mouseMoved' ? 'none' : 'left', clickCount: 1, pointerType: 'mouse' });
	}

	async click(selector) {
		const at = await this.middle(selector);

		await this.mouse('mousePressed', at, 1);
		await this.mouse('mouseReleased', at);
	}

	async touch(type, ...points) {
		await this.command('Input.dispatchTouchEvent', { type, touchPoints: points });
	}

	// Types into a field as a user does.
	async fill(selector, text) {
		await this.value(`(() => {
			const field = document.querySelector(${JSON.stringify(selector)});
			field.focus();
			field.select();
		})()`);
		await this.command('Input.insertText', { text });
	}

	async press(key) {
		const params = key === 'Enter' ?
			{ key, code: key, windowsVirtualKeyCode: 13, text: '\r' } : { key, text: key };

		await this.command('Input.dispatchKeyEvent', { type: 'keyDown', ...params });
		await this.command('Input.dispatchKeyEvent', { type: 'keyUp', ...params, text: undefined });
	}

	// With Alt, Ctrl or Shift: chord('Alt', 'ArrowRight').
	async chord(...keys) {
		const key = keys.pop();
		const modifiers = keys.reduce((sum, name) => sum + { Alt: 1, Ctrl: 2, Shift: 8 }[name], 0);

		await this.command('Input.dispatchKeyEvent', { type: 'rawKeyDown', key, modifiers });
		await this.command('Input.dispatchKeyEvent', { type: 'keyUp', key, modifiers });
	}
}
