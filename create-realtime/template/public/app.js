import { createClient } from './client/index.js';

const $ = (id) => document.getElementById(id);

const client = createClient({ offline: { queue: true } });
const items = client.stream('list/items');
const [add, check, clear] = ['add', 'check', 'clear'].map((name) => client.rpc(`list/${name}`));

items.subscribe((rows) => {
	$('items').replaceChildren(...(rows ?? []).map(({ id, title, done }) => {
		const li = document.createElement('li');
		const label = li.appendChild(document.createElement('label'));
		const box = label.appendChild(document.createElement('input'));

		li.className = done ? 'done' : '';
		box.type = 'checkbox';
		box.checked = done;
		// shown at once, and taken back if the server refuses it
		box.onchange = () => attempt(items.mutate(() => check(id, box.checked), { event: 'updated', data: { id, done: box.checked } }));
		label.append(title);
		return li;
	}));
});
client.status.subscribe((status) => { $('status').textContent = status; });

async function attempt(promise) {
	try {
		await promise;
		$('error').textContent = '';
		return true;
	} catch (error) {
		$('error').textContent = error.issues?.[0]?.message ?? error.message;
		return false;
	}
}

$('add').onsubmit = async (event) => {
	event.preventDefault();
	const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16)).join('');
	if (await attempt(add.with({ idempotencyKey: key })($('title').value)))
		$('title').value = '';
};
$('clear').onclick = () => attempt(clear());
