-- realtime.redact() keeps of data what the client's devtools keep (client/test/devtools.test.mjs).
BEGIN;
SELECT no_plan();

SELECT is(realtime.redact(value::jsonb), expected::jsonb, value) FROM (VALUES
	('{"a": 1, "Password": "x", "in": {"apiKey": "x", "tokens": "kept"}, "list": [{"COOKIE": {"a": 1}}]}',
		'{"a": 1, "Password": "[REDACTED]", "in": {"apiKey": "[REDACTED]", "tokens": "kept"}, "list": [{"COOKIE": "[REDACTED]"}]}'),
	('{"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}', '{"a": {"b": {"c": {"d": {"e": "[depth-cap]"}}}}}'),
	('{"a": {"b": {"c": {"d": {"e": 1}}}}}', '{"a": {"b": {"c": {"d": {"e": 1}}}}}'),
	('[[[[[[1]]]]], 2]', '[[[[["[depth-cap]"]]]], 2]'),
	('{"token": null, "tok": null}', '{"token": "[REDACTED]", "tok": null}'),
	('{}', '{}'), ('[]', '[]'), ('null', 'null'), ('"password"', '"password"'), ('9007199254740993', '9007199254740993')) AS cases (value, expected);
SELECT is(jsonb_array_length(kept) || ' ' || (kept ->> 49) || ' ' || (kept ->> 50), '51 50 [10 more]', 'of a list there are fifty')
FROM realtime.redact(to_jsonb(ARRAY(SELECT generate_series(1, 60)))) AS kept;
SELECT is(realtime.redact(to_jsonb(ARRAY(SELECT generate_series(1, 50)))), to_jsonb(ARRAY(SELECT generate_series(1, 50))), 'all, if there are no more');
SELECT is(realtime.redact('{"SSN": 1, "pin,\"": 2, "a": {"b": 3}}', '{ssn,"PIN,\""}'), '{"SSN": "[REDACTED]", "pin,\"": "[REDACTED]", "a": {"b": 3}}', 'further names');
SELECT is(realtime.redact('{"a": {"b": 3}, "c": 1}', depth => 1), '{"a": "[depth-cap]", "c": 1}', 'another depth');
SELECT is(realtime.redact(NULL), NULL, 'of nothing there is nothing');

-- A handler writes a log with it, whoever it runs as
SET LOCAL ROLE realtime_anonymous;
SELECT is(realtime.redact('{"secret": 1}'), '{"secret": "[REDACTED]"}', 'anybody may');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
