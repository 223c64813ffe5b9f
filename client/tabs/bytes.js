// bytes.js - what is to be known of a binary frame: whose answer it will have.
const decoder = new TextDecoder();

// {call}, or {upload, cancel, begins, isOver}: the name of the stream, the frame that takes
// it back, whether this is its first, and whether it is that which takes it back.
export function readBytes(bytes) {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const kind = view.getUint8(0);

	if (kind === 0)
		return { call: JSON.parse(decoder.decode(bytes.subarray(3, 3 + view.getUint16(1)))) };
	const cancel = new Uint8Array([2, 0x10, ...bytes.subarray(2, 6)]);

	return { upload: view.getUint32(2).toString(16).padStart(8, '0'), cancel, begins: kind === 1 && (view.getUint8(1) & 1) > 0, isOver: kind === 2 };
}
