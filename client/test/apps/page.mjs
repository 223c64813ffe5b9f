// page.mjs - a page of the test of the frameworks, whichever it is: what the server has
// rendered is taken over, with the value that it was rendered with.
import { createClient } from 'realtime-client';
import { mount } from '@app';

const element = document.querySelector('#app');
const asked = window.asked = [];

// The elements that the server has sent are to stay.
document.querySelector('#rows').isFirst = true;
window.client = createClient({
	WebSocket: class extends WebSocket {
		send(text) {
			asked.push(...[JSON.parse(text)].flatMap((frame) => frame.batch ?? [frame]).filter((frame) => frame.stream));
			super.send(text);
		}
	},
});
const todos = window.client.stream('app/todos');

todos(1).hydrate(JSON.parse(document.querySelector('#value').textContent));
window.unmount = mount(element, todos);
window.begun = true;
