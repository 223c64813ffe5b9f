// wire.js - the binary frames.

import { stringify } from '../index.js';

const chunkBytes = 10;
const firstBytes = 12;				// and the header
const maxHeader = 65535;

const encoder = new TextEncoder();

export function headerOf(members) {
	const header = encoder.encode(stringify(members));

	return header.length > maxHeader ? undefined : header;
}

export function callFrame(header, payload) {
	const frame = new Uint8Array(3 + header.length + payload.length);

	new DataView(frame.buffer).setUint16(1, header.length);
	frame.set(header, 3);
	frame.set(payload, 3 + header.length);
	return frame;
}

// What a chunk is made of before its payload: number 0 has the header, and no other.
export function overheadOf(number, header) {
	return number === 0 ? firstBytes + header.length : chunkBytes;
}

export function chunkFrame(stream, number, header, payload, isLast) {
	const first = number === 0;
	const begin = overheadOf(number, header);
	const frame = new Uint8Array(begin + payload.length);
	const view = new DataView(frame.buffer);

	view.setUint8(0, 1);
	view.setUint8(1, (first ? 1 : 0) | (isLast ? 2 : 0));
	view.setUint32(2, stream);
	view.setUint32(6, number);
	if (first) {
		view.setUint16(10, header.length);
		frame.set(header, firstBytes);
	}
	frame.set(payload, begin);
	return frame;
}

export function cancelFrame(stream) {
	const frame = new Uint8Array(6);
	const view = new DataView(frame.buffer);

	view.setUint16(0, 0x0210);
	view.setUint32(2, stream);
	return frame;
}
