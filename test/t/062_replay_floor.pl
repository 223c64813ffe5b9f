# What makes all clients load anew, of topics with numbers, does so with as few
# numbers as can be; what is rolled back makes nobody load.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node();
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub state_row { return sql('SELECT epoch, floor FROM realtime.replay_epoch'); }
sub seq { return sql("SELECT (realtime.seq('$_[0]') >> 32) || ':' || (realtime.seq('$_[0]') & 4294967295)"); }

sql(q{
SELECT realtime.topic('todos:{list}', class => 'replay', open => true), realtime.topic('log', class => 'replay', open => true);
CREATE TABLE todo (id integer PRIMARY KEY, list text);
SELECT realtime.live_table('todo', 'todos:{list}')});
sql(qq{INSERT INTO todo VALUES ($_, 'a')}) for 1 .. 3;
sql(q{SELECT realtime.publish('log', 'e')});
is(state_row(), '0|0', 'an epoch begins with no floor');

# TRUNCATE
for my $time (1 .. 3)
{
	sql('TRUNCATE todo');
	is(state_row(), '0|' . ($time + 3), 'TRUNCATE raises the floor by one, above the highest number');
}
is(seq('todos:a') . ' ' . seq('log') . ' ' . seq('todos:none'), '0:6 0:6 0:6', 'of all topics');
sql(q{INSERT INTO todo VALUES (1, 'a')});
is(seq('todos:a') . ' ' . seq('log'), '0:7 0:6', 'from where numbers go on');
sql('TRUNCATE todo');
is(state_row(), '0|8', 'above what has been given meanwhile');

sql(q{INSERT INTO todo VALUES (2, 'a')});
is(sql(q{SELECT string_agg((seq & 4294967295) || ' ' || event, ', ') FROM realtime.replay('todos:a', 8)}), '9 created', 'the first number above the floor follows it');

# A change of class, and none
sub unchanged
{
	my ($what, $command) = @_;
	my $before = state_row();
	sql($command);
	is(state_row(), $before, $what);
	return;
}
sub changed
{
	my ($what, $command) = @_;
	my ($epoch, $floor) = split /\|/, state_row();
	sql($command);
	is(state_row(), "$epoch|" . ($floor + 1), $what);
	return;
}
unchanged('a change of class that is rolled back to a savepoint', q{
BEGIN; SAVEPOINT s; SELECT realtime.topic('log'); ROLLBACK TO s; SELECT realtime.publish('other', 'e'); COMMIT});
unchanged('one that is rolled back', q{BEGIN; SELECT realtime.topic('log'); ROLLBACK});
unchanged('one that is taken back in the same transaction', q{
BEGIN; SELECT realtime.drop('log'); SELECT realtime.topic('log', class => 'replay', replay_size => 10, open => true); COMMIT});
unchanged('another option', q{SELECT realtime.topic('log', class => 'replay', replay_size => 20, open => true)});
unchanged('another declaration', q{SELECT realtime.topic('other:{x}', class => 'replay', open => true)});
unchanged('by hand', q{UPDATE realtime.topic_declaration SET replay_size = 30 WHERE template = 'log'});
sql('TRUNCATE todo');
changed('a change that commits', q{SELECT realtime.topic('log')});
changed('and back again', q{SELECT realtime.topic('log', class => 'replay', open => true)});
changed('in a savepoint that is released', q{BEGIN; SAVEPOINT s; SELECT realtime.topic('log'); RELEASE s; COMMIT});
changed('by hand', q{UPDATE realtime.topic_declaration SET class = 'replay' WHERE template = 'log'});
changed('a drop', q{SELECT realtime.drop('log')});
changed('a new declaration', q{SELECT realtime.topic('log', class => 'replay', open => true)});
changed('a deletion by hand', q{DELETE FROM realtime.topic_declaration WHERE template = 'log'});
changed('an insertion by hand', q{INSERT INTO realtime.topic_declaration (template, class) VALUES ('log', 'replay')});
changed('a stream that is declared for other topics', q{
BEGIN; SELECT realtime.drop('log'); SELECT realtime.channel('log/all', 'log'); COMMIT});
changed('and again', q{SELECT realtime.channel('log/all', 'something')});
changed('and by its topic', q{SELECT realtime.channel('log/all', 'log', replay => true)});
changed('a TRUNCATE of the declarations', q{TRUNCATE realtime.stream_declaration});

# Memory is made anew: which numbers have been given in this epoch is not known.
sql(q{SELECT realtime.topic('log', class => 'replay', open => true)});
$node->restart;
sql('TRUNCATE todo');
is(state_row(), '1|0', 'the first end after a restart takes the next epoch');
sql('TRUNCATE todo');
is(state_row(), '1|1', 'and those that follow do not');
sql(q{SELECT realtime.publish('log', 'e')});
is(seq('log'), '1:2', 'numbers go on');
sql('TRUNCATE realtime.replay_message');
sql(q{SELECT realtime.publish('log', 'e')});
is(seq('log'), '1:4', 'also when the table of events is truncated');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');

done_testing();
