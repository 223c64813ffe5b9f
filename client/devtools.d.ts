import type { Options } from './index.js';

/** Names of members whose values are not kept, in capitals or not. */
export declare const redactKeys: Set<string>;

/** The same options, for a client that the overlay shows (Ctrl+Shift+L). */
export declare function inspect(options?: Options, how?: {
	/** false changes nothing. */
	enabled?: boolean;
	/** Whether it is shown at once. */
	open?: boolean;
}): Options;
