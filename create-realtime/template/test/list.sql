-- The functions, as the role that clients have; nothing of it stays.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);
DELETE FROM app.item;

SET LOCAL ROLE realtime_anonymous;
SELECT lives_ok($$SELECT app.add('bread')$$, 'an item can be added');
SELECT results_eq('SELECT title::text, done FROM app.items()', $$VALUES ('bread', false)$$, 'and is on the list');
SELECT throws_ok($$SELECT app.add('  ')$$, '23514', NULL, 'not a blank one');
SELECT lives_ok('SELECT app.check_off(id) FROM app.items()', 'it can be checked off');
SELECT is(app.clear(), 1, 'and cleared');
SELECT throws_like('SELECT app.check_off(0)', '%no such item%', 'what is not there cannot be checked off');
SELECT * FROM finish();
ROLLBACK;
