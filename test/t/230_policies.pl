# Policies as they are written for PostgREST and Supabase: they stand in docs/security.md,
# and what stands there is run.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 2, 'realtime.jwt_secret' => $secret, 'realtime.upgrade_rate' => 0);
my ($section) = slurp_file('docs/security.md') =~ /^### Policies that are there already\n(.*?)^## /ms;
my @snippets = $section =~ /^```sql\n(.*?)^```/msg;
is(scalar(@snippets), 3, 'the page has them');

sub sql { return $node->safe_psql('postgres', $_[0]); }
sql('CREATE ROLE anon NOLOGIN; CREATE ROLE authenticated NOLOGIN');
$node->safe_psql('postgres', $_) for map { my $snippet = $_; split /(?<=;)\n(?=ALTER SYSTEM|SELECT pg_reload)/, $snippet } @snippets;
sql(q{
CREATE TABLE public.post (id int PRIMARY KEY, title text, public boolean);
ALTER TABLE post ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON post TO anon, authenticated;
CREATE POLICY everybody ON post FOR SELECT TO anon, authenticated USING (public);
CREATE POLICY editors ON post FOR SELECT TO authenticated USING ((auth.jwt() -> 'app_metadata' ->> 'editor')::boolean);
INSERT INTO post VALUES (1, 'for all', true), (2, 'a draft', false);
CREATE FUNCTION me() RETURNS text STABLE LANGUAGE sql AS $$ SELECT current_user || ' ' || coalesce(auth.uid()::text, 'nobody') $$;
CREATE FUNCTION posts() RETURNS SETOF text STABLE LANGUAGE sql AS 'SELECT title FROM post ORDER BY id';
CREATE FUNCTION add_todo(title text) RETURNS bigint LANGUAGE sql AS 'INSERT INTO todo (owner, title) VALUES (auth.uid(), title) RETURNING id';
CREATE FUNCTION steal(title text, victim uuid) RETURNS void LANGUAGE sql AS 'INSERT INTO todo (owner, title) VALUES (victim, title)';
SELECT realtime.rpc('todo/me', 'me()'), realtime.rpc('todo/add', 'add_todo(text)'), realtime.rpc('todo/steal', 'steal(text,uuid)'),
	realtime.rpc('todo/posts', 'posts()');
});
wait_for_call($node, 'todo/me', []);

my %id = (ann => '00000000-0000-0000-0000-00000000000a', bob => '00000000-0000-0000-0000-00000000000b');
sub user { my ($name, @claims) = @_; return ws_connect($node, headers => { Authorization => 'Bearer ' .
	jwt({ sub => $id{$name}, role => 'authenticated', @claims }, secret => $secret) }); }
my ($ann, $bob, $nobody) = (user('ann', app_metadata => { editor => JSON::PP::true }), user('bob'), ws_connect($node));
ok(poll_until(sub { ws_call($nobody, 'todo/me', [])->{data} eq 'anon nobody' }), 'who has no token is anon');
is(ws_call($ann, 'todo/me', [])->{data}, "authenticated $id{ann}", 'who has one is whom it names');
is_deeply(ws_call($_->[0], 'todo/posts', [])->{data}, $_->[1], 'policies of calls see their claims')
  for [ $ann, [ 'for all', 'a draft' ] ], [ $bob, ['for all'] ], [ $nobody, ['for all'] ];

# live: each sees what is theirs, from wherever it comes
my %seen;
sub follow { my ($ws) = @_; return ws_call($ws, 'todo/mine', [], stream => JSON::PP::true); }
is_deeply(follow($_)->{data}, [], 'nothing yet') for $ann, $bob;
is(follow($nobody)->{ok}, JSON::PP::false, 'anon may not');
my $first = ws_call($ann, 'todo/add', ['of ann'])->{data};
sub next_row { my ($ws, $event) = @_; return ws_wait($ws, sub { ($_->{event} // '') eq $event })->{data}; }
is_deeply(next_row($ann, 'created'), { id => $first, title => 'of ann' }, 'what one adds is shown');
sql("INSERT INTO todo (owner, title) VALUES ('$id{bob}', 'of bob')");
is(next_row($bob, 'created')->{title}, 'of bob', 'and what others add for one, and nothing else before');
is(ws_call($bob, 'todo/steal', [ 'mine', $id{ann} ])->{ok}, JSON::PP::false, 'nobody writes what is not theirs');
sql("UPDATE todo SET owner = '$id{bob}' WHERE id = $first");
is_deeply(next_row($ann, 'deleted'), { id => $first }, 'what is given away is gone');
is(next_row($bob, 'created')->{title}, 'of ann', 'and shown to whom it is given');
sql(q{ALTER POLICY mine ON todo USING (false)});
ok(next_row($bob, 'deleted'), 'a policy that is changed counts at once');
no_crash($node);
done_testing();
