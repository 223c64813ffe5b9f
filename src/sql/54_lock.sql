--
-- What calls have by options, for functions themselves
--
CREATE FUNCTION realtime.with_lock(
	key text,
	function regprocedure,
	args jsonb DEFAULT '[]',
	max_wait interval DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_with_lock';
COMMENT ON FUNCTION realtime.with_lock(text, regprocedure, jsonb, interval) IS
'Runs a function while nobody else has the key, and returns its result. The key is held until the end of the transaction; it is the same as that of a call whose lock_key returns it. NULL and the empty text lock nothing.
args: an array, by position; what is left out at the end takes its default. The function runs with the rights of who calls, who needs EXECUTE on it, and sees what those have committed who had the key before.
max_wait: how long to wait, 0 not at all; by default as long as the call may take, and elsewhere as long as lock_timeout says.
In a client''s call no executor waits: the call is rolled back to its beginning, and all of it is run again when it has its turn.
Errors: RT423 (LOCK_TIMEOUT) after max_wait, RT529 (OVERLOADED) if too many wait (realtime.max_lock_waiters).';

CREATE FUNCTION realtime.idempotency_acquire(
	path text,
	key text,
	ttl interval DEFAULT '48 h',
	OUT acquired boolean,
	OUT answer jsonb)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_idempotency_acquire';
COMMENT ON FUNCTION realtime.idempotency_acquire(text, text, interval) IS
'Whether something is to be done that must happen once: acquired is true for one transaction, and once that has committed false for ttl, with the answer that realtime.idempotency_answer() has kept. If it is rolled back, the next one acquires it.
Who comes while another has it waits for the end of that, in a client''s call without an executor, and fails with CONFLICT when its time is up.
path: of the form of those that clients call; that of a declared call shares its keys. key: 1 to 256 bytes, of the user who calls; anonymous clients share one space, and what is nobody''s call (sessions, jobs of nobody, hooks) another one.
ttl: 0 keeps nothing: one after the other, each acquires it.
Errors: 22004 or 22023 for a NULL, length, time or path; 25006 in a transaction that is read only; RT409 after waiting in vain.';

CREATE FUNCTION realtime.idempotency_answer(
	path text,
	key text,
	answer jsonb)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_idempotency_answer';
COMMENT ON FUNCTION realtime.idempotency_answer(text, text, jsonb) IS
'Keeps an answer for those who come later, in the transaction that has acquired the key.
Errors: 55000 if it has not, as when idempotency_acquire() has said acquired = false.';
