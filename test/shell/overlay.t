#!/bin/bash
# .work/pg follows the installed packages, whatever happens to them, and while a
# server runs from it.  The packages are a few files below $base here.
. "$(dirname "$0")/tap.sh"

# fake_server <name>: makes an installed server and its pg_config.
fake_server()
{
    local root=$base/$1

    mkdir -p "$root/bin" "$root/lib" "$root/share/extension"
    cat >"$root/bin/pg_config" <<TEXT
#!/bin/sh
case \$1 in
    --bindir) echo $root/bin ;;
    --pkglibdir) echo $root/lib ;;
    --sharedir) echo $root/share ;;
esac
TEXT
    chmod +x "$root/bin/pg_config"
    cp "$(command -v sleep)" "$root/bin/postgres"
    echo library >"$root/lib/plpgsql.so"
    echo control >"$root/share/extension/plpgsql.control"
}

# overlay <name>: what every command of ./run does first.
overlay()
{
    PG_CONFIG=$base/$1/bin/pg_config bash -c '
        . "$1/test/env.sh"
        RT_PACKAGED_EXTENSIONS=$2
        postgres_overlay' - "$tree" "$base/packaged"
}

inode() { stat -c '%i %y' "$1"; }

mkdir "$base/packaged"
fake_server one
one=$base/one
copy=$tree/.work/pg$one
overlay one
ok 'a program is copied' test -f "$copy/bin/postgres" -a ! -L "$copy/bin/postgres"
is "$(readlink "$copy/lib/plpgsql.so")" "$one/lib/plpgsql.so" 'a library is linked'
ok 'and so is an extension' test -L "$copy/share/extension/plpgsql.control"

# "make install"
echo ours >"$copy/lib/realtime.so"
echo ours >"$copy/share/extension/realtime.control"
before=$(inode "$copy/bin/postgres"; inode "$copy/lib/plpgsql.so")
overlay one
is "$(inode "$copy/bin/postgres"; inode "$copy/lib/plpgsql.so")" "$before" \
    'what is right is left alone'

# "./run demo", then "./run test", which installs more.
mkdir "$one/share/contrib" "$one/lib/bitcode"
echo control >"$one/share/extension/pgtap.control"
echo sql >"$one/share/extension/pgtap--1.2.0.sql"
echo deep >"$one/share/contrib/spi.example"
echo bitcode >"$one/lib/bitcode/it.bc"
overlay one
is "$(cat "$copy/share/extension/pgtap.control")" control \
    'an extension that is installed later is there'
is "$(cat "$copy/share/contrib/spi.example" "$copy/lib/bitcode/it.bc")" $'deep\nbitcode' \
    'with new directories'

# An upgrade, while a server runs.
"$copy/bin/postgres" 60 &
server=$!
cat "$(command -v sleep)" - <<<'a newer one' >"$one/bin/postgres"
echo new >"$one/bin/pg_new"
mv "$one/share/extension/pgtap--1.2.0.sql" "$one/share/extension/pgtap--1.3.0.sql"
echo newer >"$one/lib/plpgsql.so"
overlay one
ok 'a program that was upgraded is copied again' cmp -s "$one/bin/postgres" "$copy/bin/postgres"
ok 'a new program is copied' test -f "$copy/bin/pg_new"
is "$(cat "$copy/lib/plpgsql.so")" newer 'a library that was upgraded is the new one'
ok 'a file with a new name is there' test -e "$copy/share/extension/pgtap--1.3.0.sql"
ok 'the old name is gone' not test -L "$copy/share/extension/pgtap--1.2.0.sql"
ok 'the server goes on' kill -0 "$server"
kill "$server"
wait "$server" 2>/dev/null

# Packages are removed.
rm "$one/bin/pg_new" "$one/share/extension/pgtap"*
overlay one
ok 'a program that was removed is gone' not test -e "$copy/bin/pg_new"
ok 'an extension that was removed is gone' not test -L "$copy/share/extension/pgtap--1.3.0.sql"
is "$(cat "$copy/lib/realtime.so" "$copy/share/extension/realtime.control")" $'ours\nours' \
    'what make has installed is still there'

# The extension itself as a package.
mkdir "$base/keep"
mv "$copy/lib/realtime.so" "$base/keep/"
echo theirs | tee "$one/lib/realtime.so" "$one/share/extension/realtime.control" \
    >"$one/share/extension/realtime--0.0.sql"
overlay one
ok 'a realtime of the system is not there' not test -e "$copy/lib/realtime.so"
ok 'nor its scripts' not test -e "$copy/share/extension/realtime--0.0.sql"
is "$(cat "$copy/share/extension/realtime.control")" ours 'ours is'

# The packaged pgTAP for a server that has none, until it has one.
echo packaged | tee "$base/packaged/pgtap.control" >"$base/packaged/pgtap--1.2.0.sql"
echo other >"$base/packaged/other.control"
overlay one
is "$(cat "$copy/share/extension/pgtap.control")" packaged 'the packaged pgTAP is there'
ok 'with its scripts' test -e "$copy/share/extension/pgtap--1.2.0.sql"
ok 'and no other extension of the packages' not test -e "$copy/share/extension/other.control"
echo own | tee "$one/share/extension/pgtap.control" >"$one/share/extension/pgtap--1.4.0.sql"
overlay one
is "$(cat "$copy/share/extension/pgtap.control")" own "the server's own pgTAP goes before it"
ok 'as a whole' not test -e "$copy/share/extension/pgtap--1.2.0.sql"

# Another server beside it, and two commands at once.
fake_server two
overlay two &
overlay two &
wait
ok 'another server has a tree of its own' test -f "$tree/.work/pg$base/two/bin/postgres"
ok 'the first one keeps its own' test -f "$copy/bin/postgres"
is "$(find "$tree/.work/pg" -name '*.new')" '' 'nothing unfinished is left'
done_testing
