# realtime: a WebSocket server inside PostgreSQL.
#
#   make                  builds realtime.so and the install script
#   make install          installs both where pg_config says
#                         and the client for pages, as it stands in client/dist
#   make installcheck NO_INSTALLCHECK=
#                         tests a running server that preloads the library
#                         (./run test sets one up and runs every other test too)
#   make format           formats the C code with clang-format
#
#   WERROR=1              all warnings on, and each of them an error
#   SANITIZE=1            UndefinedBehaviorSanitizer; the unit tests and fuzzers
#                         have AddressSanitizer too, which a server cannot load
#   RT_DEBUG=1            assertions and stop points for tests
#
# libpq/libpq.h of the server wants gssapi.h (Debian: libkrb5-dev), the rest
# is libwebsockets-dev, libuv1-dev, zlib1g-dev, libcjose-dev, libjansson-dev and
# libssl-dev.

EXTENSION = realtime realtime_test
# The version is written once, in the control file.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" $(dir $(lastword $(MAKEFILE_LIST)))realtime.control)

MODULE_big = realtime
SOURCES = $(sort $(wildcard src/*.c src/*/*.c src/*/*/*.c))
OBJS = $(SOURCES:.c=.o)
PGFILEDESC = "realtime - WebSocket server inside PostgreSQL"
SHLIB_LINK = -lwebsockets -luv -lz -lcjose -ljansson -lssl -lcrypto

SQL_FRAGMENTS = $(sort $(wildcard src/sql/*.sql))
DATA_built = realtime--$(EXTVERSION).sql realtime_test--$(EXTVERSION).sql
DATA = $(wildcard realtime--*--*.sql)

# -MMD: the packaged PostgreSQL is built without dependency tracking.
PG_CPPFLAGS = -I$(srcdir) -MMD -MP -DRT_VERSION='"$(EXTVERSION)"'

ifdef WERROR
# PostgreSQL's own headers are full of these two: unused parameters in inline
# functions and macros, and signed against unsigned in the page macros.
PG_CFLAGS += -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare
endif
ifdef SANITIZE
PG_CFLAGS += -O1 -fsanitize=undefined -fno-sanitize-recover=undefined
endif
ifdef RT_DEBUG
PG_CPPFLAGS += -DRT_DEBUG -DUSE_ASSERT_CHECKING
endif

# All tests need shared_preload_libraries = 'realtime', which the server of a
# usual installcheck does not have.
NO_INSTALLCHECK = 1
TEST_OUTPUT = .work
REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --inputdir=$(srcdir) --outputdir=$(TEST_OUTPUT)/regress \
	--load-extension=realtime
REGRESS_PREP = test-output
# Reads test/specs/*.spec and test/expected/*.out.
ISOLATION = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(srcdir)/test --outputdir=$(TEST_OUTPUT)/isolation \
	--load-extension=realtime
TAP_TESTS = 1
PROVE_TESTS = $(sort $(wildcard test/t/*.pl))

EXTRA_CLEAN = $(OBJS:.o=.d) realtime--*.*.*.sql.tmp .build-flags \
	$(filter-out $(DATA),$(wildcard realtime--*.sql))

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
# Bitcode for the JIT compiler would only serve our SQL-callable functions,
# and would make clang and LLVM needed for the build.
override with_llvm = no
include $(PGXS)

# Makefile.global sets this one, so ours comes after it.
PROVE_FLAGS = -I $(srcdir)/test/perl

realtime--$(EXTVERSION).sql: $(SQL_FRAGMENTS) realtime.control
	cat $(SQL_FRAGMENTS) /dev/null > $@.tmp && mv $@.tmp $@

realtime_test--$(EXTVERSION).sql: src/testing/realtime_test.sql realtime.control
	cp $< $@.tmp && mv $@.tmp $@

# The client for pages is made by "./run client" and part of the source, because
# where a server is installed there need not be what makes it.  The folder is
# ours: what an earlier version had there goes.
CLIENT_DIR = $(DESTDIR)$(datadir)/realtime
CLIENT_ENTRIES = $(sort $(wildcard $(srcdir)/client/dist/client/*.js))

install: install-client
install-client:
	$(MKDIR_P) '$(CLIENT_DIR)/client'
	rm -f '$(CLIENT_DIR)'/*.js '$(CLIENT_DIR)'/client/*.js
	$(INSTALL_DATA) $(srcdir)/client/dist/client.js '$(CLIENT_DIR)/'
ifneq (,$(CLIENT_ENTRIES))
	$(INSTALL_DATA) $(CLIENT_ENTRIES) '$(CLIENT_DIR)/client/'
endif

uninstall: uninstall-client
uninstall-client:
	rm -rf '$(CLIENT_DIR)'

# Objects made with other flags (WERROR, SANITIZE) or for another server are
# stale.
BUILD_FLAGS = $(VERSION) $(CC) $(CFLAGS) $(CPPFLAGS)
.build-flags: force-flags
	@echo '$(BUILD_FLAGS)' | cmp -s - $@ || echo '$(BUILD_FLAGS)' > $@
$(OBJS): .build-flags
-include $(OBJS:.o=.d)

test-output:
	$(MKDIR_P) $(TEST_OUTPUT)/regress $(TEST_OUTPUT)/isolation

format:
	clang-format -i $(wildcard src/*.[ch] src/*/*.[ch] src/*/*/*.[ch])

# For test/lint and other scripts: make -s print-REGRESS
print-%:
	@echo $($*)

.PHONY: force-flags format install-client test-output uninstall-client
