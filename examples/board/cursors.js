// cursors.js - where the others point, and what they hold.
//
// A position is one in a lane, as a part of its width and pixels from its top, so that it
// is over the same cards on a phone.
import { make } from '../shared/page.js';

const shape = 'M0 0 L0 15.5 L4.3 11.6 L7 18 L9.8 16.8 L7.1 10.6 L13 10.4 Z';
const svg = 'http://www.w3.org/2000/svg';

export class Cursors {
	#layer;
	#lanes;
	#elements = new Map();

	constructor(layer, lanes) {
		this.#layer = layer;
		this.#lanes = new Map([...lanes].map((lane) => [lane.dataset.lane, lane]));
	}

	// What to send of where somebody points; undefined if it is in no lane.
	position({ clientX, clientY }) {
		for (const [lane, element] of this.#lanes) {
			const { left, top, width, height } = element.getBoundingClientRect();
			const x = (clientX - left) / width;
			const y = clientY - top;

			if (x >= 0 && x <= 1 && y >= 0 && y <= height)
				return { lane, x: Math.round(x * 1000) / 1000, y: Math.round(y) };
		}
		return undefined;
	}

	// [{ key, name, hue, lane, x, y }, ...]
	show(list) {
		const keys = new Set(list.map(({ key }) => key));

		for (const [key, element] of this.#elements) {
			if (!keys.has(key)) {
				element.remove();
				this.#elements.delete(key);
			}
		}
		for (const one of list)
			this.#place(this.#elements.get(one.key) ?? this.#make(one.key), one);
	}

	#place(element, { name, hue, lane, x, y }) {
		const box = this.#lanes.get(lane)?.getBoundingClientRect();

		element.hidden = !box;
		if (!box)
			return;
		element.querySelector('span').textContent = name;
		element.style.setProperty('--hue', hue);
		element.style.transform = `translate(${box.left + scrollX + x * box.width}px, ${box.top + scrollY + y}px)`;
	}

	#make(key) {
		const drawing = document.createElementNS(svg, 'svg');
		const path = document.createElementNS(svg, 'path');
		const element = make('div', { className: 'cursor' }, drawing, make('span'));

		drawing.setAttribute('width', '14');
		drawing.setAttribute('height', '19');
		path.setAttribute('d', shape);
		drawing.append(path);
		this.#elements.set(key, element);
		this.#layer.append(element);
		return element;
	}
}
