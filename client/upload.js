// upload.js - bytes for the server: calls with a payload, and uploads of any length.
//
//	const { upload, binary } = createUploads(client);
//	const handle = upload('files/add')(file, { name: file.name });
//	handle.on('progress', ({ percent }) => show(percent));
//	const id = await handle;
import { __client } from './index.js';
import { BinaryCalls } from './upload/binary.js';
import { Uploads } from './upload/uploads.js';

export { UploadHandle } from './upload/handle.js';

const made = new WeakMap();		// one for each client: numbers are the connection's

// client: of createClient().  frameSize: bytes of a frame, at most.
export function createUploads(client, options = {}) {
	let parts = made.get(client);

	if (!parts) {
		parts = client.attach((connection, clientOptions) => ({
			calls: new BinaryCalls(connection, clientOptions),
			uploads: new Uploads(connection, clientOptions),
		}));
		made.set(client, parts);
	}
	return {
		// A function that calls what is declared under the path with bytes.
		binary: (path) => parts.calls.of(path),

		// A function that uploads a source to what is declared under the path.
		upload: (path) => parts.uploads.of(path, options),
	};
}

// For modules that the server makes, and code for the published client: of the page's
// own one.
export function __binaryRpc(path) {
	return createUploads(__client).binary(path);
}

export function __upload(path) {
	return createUploads(__client).upload(path);
}
