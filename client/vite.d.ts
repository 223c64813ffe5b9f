// The types of realtime-client/vite.
export interface RealtimeOptions {
	/** Where the server is; http://localhost:7432 unless told. */
	url?: string;
	/** The file of types for editors, src/live.d.ts, or false. */
	types?: string | false;
	/** Milliseconds between looks whether declarations have changed; 0 is none. */
	poll?: number;
	/** Whether pages of the dev server connect to it, and reach the database's server. */
	proxy?: boolean;
	/** A folder with modules that realtime-types has written, for builds. */
	modules?: string;
	/** Whether pages have the overlay (Ctrl+Shift+L) while they are developed. */
	devtools?: boolean;
}

/** $live/MODULE for Vite. */
export default function realtime(options?: RealtimeOptions): { name: string };
