// binary.js - what binary frames say of themselves: calls with bytes, uploads.

// As a call is known to the log: an upload by its stream.
export function uploadId(stream) {
	return `__upload/${stream}`;
}

function headerAt(view, at) {
	const bytes = new Uint8Array(view.buffer, view.byteOffset + at + 2, view.getUint16(at));

	return JSON.parse(new TextDecoder().decode(bytes));
}

const streamAt = (view, at) => view.getUint32(at).toString(16).padStart(8, '0');

// { rpc, id } of what begins, { cancelled } of an upload, or nothing, as of further chunks.
export function readBytes(data) {
	const view = ArrayBuffer.isView(data) ? new DataView(data.buffer, data.byteOffset, data.byteLength) : new DataView(data);
	const type = view.getUint8(0);

	if (type === 0)
		return headerAt(view, 1);
	if (type === 1 && (view.getUint8(1) & 1))
		return { ...headerAt(view, 10), id: uploadId(streamAt(view, 2)) };
	return type === 2 ? { cancelled: uploadId(streamAt(view, 2)) } : {};
}
