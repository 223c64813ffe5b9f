--
-- What is kept of data in logs
--
CREATE FUNCTION realtime.redact(
	value jsonb,
	names text[] DEFAULT '{}',
	depth integer DEFAULT 5)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	secret CONSTANT text[] := ARRAY['password', 'token', 'apikey', 'api_key', 'secret', 'authorization', 'cookie',
		'sessionid', 'session_id', 'csrf', 'csrftoken'] || lower(names::text)::text[];
	items_max CONSTANT integer := 50;
BEGIN
	IF jsonb_typeof(value) NOT IN ('object', 'array') THEN
		RETURN value;
	ELSIF depth <= 0 THEN
		RETURN '"[depth-cap]"';
	ELSIF jsonb_typeof(value) = 'array' THEN
		RETURN (SELECT coalesce(jsonb_agg(realtime.redact(item, names, depth - 1) ORDER BY n) FILTER (WHERE n <= items_max), '[]')
				FROM jsonb_array_elements(value) WITH ORDINALITY AS items (item, n))
			|| CASE WHEN jsonb_array_length(value) > items_max
				THEN jsonb_build_array(format('[%s more]', jsonb_array_length(value) - items_max)) ELSE '[]' END;
	END IF;
	RETURN (SELECT coalesce(jsonb_object_agg(key, CASE WHEN lower(key) = ANY (secret) THEN '"[REDACTED]"'
			ELSE realtime.redact(item, names, depth - 1) END), '{}')
		FROM jsonb_each(value) AS members (key, item));
END
$$;
COMMENT ON FUNCTION realtime.redact(jsonb, text[], integer) IS
'Data as they may stand in a log: members called password, token, apiKey, api_key, secret, authorization, cookie, sessionid, session_id, csrf or csrftoken, in capitals or not, are "[REDACTED]"; what is deeper than depth is "[depth-cap]"; of an array there are 50 items. As the client''s devtools keep them.
names: of further members.';
