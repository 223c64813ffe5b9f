export interface Coder {
	/** What is sent of a value, or something that is false if it is none of this kind. */
	encode(value: unknown): unknown;
	decode(value: any): unknown;
}

/** SvelteKit's transport hook; coders of the application come first. */
export declare function realtimeTransport(extras?: Record<string, Coder>): Record<string, Coder>;
