export interface SharedSocketOptions {
	/** Who is logged in; null for nobody. Tabs of others do not share. */
	user: string | number | null | (() => string | number | null | undefined);
	/** Of what they share: tabs with another name do not. */
	name?: string;
	/** Milliseconds for a tab that leads and does not answer: 3000. */
	patience?: number;
	WebSocket?: unknown;
	locks?: LockManager;
	BroadcastChannel?: unknown;
}

/** A WebSocket for createClient(). */
export declare function sharedSocket(options: SharedSocketOptions): new (url: string, protocols?: string[]) => WebSocket;
