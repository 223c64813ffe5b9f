--
-- Types that can name a topic or a row of a live table: those whose values
-- have one text, whatever the settings of the session that writes it.
--
\set VERBOSITY terse
\pset format unaligned
\pset fieldsep ' | '
CREATE FUNCTION state(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'yes';
EXCEPTION WHEN datatype_mismatch THEN
	RETURN '-';
END $$;
CREATE FUNCTION may_be(type text, OUT in_topic text, OUT key text, OUT parameter text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE typed (id integer, x %s)', type);
	in_topic := state($q$SELECT realtime.live_table('typed', 'typed:{x}')$q$);
	key := state($q$SELECT realtime.live_table('typed', 'typed', key => 'x')$q$);
	PERFORM realtime.drop('typed');
	DROP TABLE typed;
	EXECUTE format('CREATE FUNCTION load(x %s) RETURNS integer LANGUAGE sql AS ''SELECT 1''', type);
	parameter := state(format('SELECT realtime.stream(%L, %L, %L)', 'a/b', 'typed:{x}', format('load(%s)', type)));
	PERFORM realtime.drop('a/b');
	EXECUTE format('DROP FUNCTION load(%s)', type);
END $$;

CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TYPE named AS (id integer, name text);
CREATE TYPE placed AS (id integer, at point);
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE DOMAIN amount AS integer CHECK (VALUE > 0);
CREATE DOMAIN ratio AS float8;
CREATE DOMAIN half AS ratio;
CREATE DOMAIN relation AS regclass;
CREATE DOMAIN places AS placed[];

SELECT type, m.* FROM unnest('{boolean,smallint,integer,bigint,oid,numeric,text,varchar(9),"char",name,bpchar,uuid,bit(3),inet,cidr,macaddr,
	time,timetz,date,timestamp,timestamptz,mood,amount,json,jsonb,xml,tsvector,pg_lsn,
	real,float8,money,interval,bytea,ratio,half,
	regclass,regcollation,regconfig,regdictionary,regnamespace,regoper,regoperator,regproc,regprocedure,regrole,regtype,relation,aclitem,
	point,box,circle,line,lseg,path,polygon,
	"integer[]","text[]","amount[]","mood[]","float8[]","half[]","regclass[]","point[]","timestamptz[]",named,placed,"named[]",places,
	int4range,numrange,daterange,tstzrange,floatrange,int4multirange,floatmultirange}'::text[]) type, may_be(type) m;

-- the messages
CREATE TABLE typed (id integer PRIMARY KEY, at point, ratio float8 UNIQUE, room text);
CREATE FUNCTION load(room text, at point) RETURNS integer LANGUAGE sql AS 'SELECT 1';
\set VERBOSITY default
SELECT realtime.live_table('typed', 'typed:{at}');
SELECT realtime.live_table('typed', 'typed', key => 'ratio');
SELECT realtime.stream('a/b', 'typed:{2}', 'load(text,point)');
SELECT realtime.stream('a/b', 'typed:{room}:{at}', 'load(text,point)');
-- it need not be in the topic
SELECT realtime.stream('a/b', 'typed:{room}', 'load(text,point)');
SELECT realtime.drop('a/b');

-- a column that is to become one of them
SELECT realtime.live_table('typed', 'typed:{room}');
ALTER TABLE typed ALTER COLUMN room TYPE float8 USING room::float8;
ALTER TABLE typed ALTER COLUMN id TYPE float8;
ALTER TABLE typed ALTER COLUMN ratio TYPE real, ALTER COLUMN room SET DEFAULT 'a';
ALTER TABLE typed ALTER COLUMN room TYPE varchar(20);
INSERT INTO typed VALUES (1, NULL, 1, 'a');
SELECT realtime.drop('typed');
-- or has become one by other ways: a warning, and the row is there
CREATE TRIGGER x AFTER INSERT ON typed FOR EACH ROW EXECUTE FUNCTION realtime.live_table_changed('typed:{at}', 'id');
CREATE TRIGGER y AFTER INSERT ON typed FOR EACH ROW EXECUTE FUNCTION realtime.live_table_changed('typed', 'ratio');
INSERT INTO typed VALUES (2, NULL, 2, 'b');
SELECT count(*) FROM typed;
DROP TABLE typed;
DROP FUNCTION load(text, point);
DROP FUNCTION may_be(text), state(text);
DROP DOMAIN amount, half, ratio, relation, places;
DROP TYPE mood, named, placed, floatrange;
