\echo Use "CREATE EXTENSION realtime" to load this file. \quit

COMMENT ON SCHEMA realtime IS
	'Calls, topics, channels and live tables of the extension realtime';
