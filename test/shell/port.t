#!/bin/bash
# A port is given to one who asks, and is free again when he has gone.
. "$(dirname "$0")/tap.sh"
. "$tree/test/env.sh"

# Far from what the other tests begin with.
first=31000

# ask: the port that another run would get.
ask() { bash -c '. "$1/test/env.sh"; port_reserve "$2"; echo "$RT_PORT"' - "$tree" $first; }

# A run that has a port and has not begun to listen on it.
mkfifo "$base/port" "$base/end"
bash -c '. "$1/test/env.sh"; port_reserve "$2"; echo "$RT_PORT" >"$3/port"; read -r _ <"$3/end"' \
    - "$tree" $first "$base" &
read -r taken <"$base/port"
ok 'a port is found' test "$taken" -ge $first
other=$(ask)
ok 'another run gets another' test "$other" -ne "$taken"
port_reserve $first
ok 'and so does a third' test "$RT_PORT" -ne "$taken"

# Its server lives longer than the run; who keeps the port sees the end a moment
# later.
echo >"$base/end"
wait
deadline=$((SECONDS + 60))
until again=$(ask) && [ "$again" = "$taken" ] || [ $SECONDS -ge $deadline ]; do
    sleep 0.1
done
is "$again" "$taken" 'the port of a run that has ended is free'

# Somebody who does not ask.
perl -MIO::Socket::INET -e '
    my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => shift, Listen => 1,
        ReuseAddr => 1) or die "$!\n";
    $| = 1; print "listening\n"; <STDIN>' "$taken" <"$base/end" >"$base/port" &
exec 7>"$base/end"
read -r _ <"$base/port"
ok 'a port on which somebody listens is not free' test "$(ask)" -ne "$taken"
exec 7>&-
wait
done_testing
