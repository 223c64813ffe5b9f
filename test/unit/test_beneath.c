/*
 * test_beneath.c
 *		src/gateway/door/beneath.c: what is opened below a folder, and what is
 *		not, by the kernel's own means and where it has none.
 *
 *	place/secret.txt
 *	place/root/page.txt, root/sub/page.txt, root/pipe
 *	place/root/link.txt -> page.txt, root/folder -> sub, root/sub/up.txt -> ../page.txt
 *	place/root/outside.txt -> (place)/secret.txt, root/above.txt -> ../secret.txt,
 *	root/up -> .., root/away -> (place), root/loop -> loop, root/proc -> /proc/self
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* O_PATH */
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/gateway/door/beneath.h"
#include "test/unit/unit.h"

typedef int (*Opener) (int folder, const char *path, int flags);

static char place[] = "/tmp/realtime-beneath-XXXXXX";
static int	root;
static int	descriptors_before;

static const char *
at(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", place, name);
	return path;
}

static void
write_file(const char *name, const char *text)
{
	FILE	   *file = fopen(at(name), "w");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

static void
link_to(const char *target, const char *name)
{
	if (symlink(target, at(name)) != 0)
		abort();
}

static void
make_place(void)
{
	char		outside[100];

	if (mkdtemp(place) == NULL || mkdir(at("root"), 0700) != 0 ||
		mkdir(at("root/sub"), 0700) != 0 || mkfifo(at("root/pipe"), 0600) != 0)
		abort();
	write_file("secret.txt", "secret");
	write_file("root/page.txt", "page");
	write_file("root/sub/page.txt", "below");
	link_to("page.txt", "root/link.txt");
	link_to("sub", "root/folder");
	link_to("../page.txt", "root/sub/up.txt");
	snprintf(outside, sizeof(outside), "%s/secret.txt", place);
	link_to(outside, "root/outside.txt");
	link_to("../secret.txt", "root/above.txt");
	link_to("..", "root/up");
	link_to(place, "root/away");
	link_to("loop", "root/loop");
	link_to("/proc/self", "root/proc");
	root = open(at("root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		abort();
}

static void
remove_place(void)
{
	static const char *const names[] = {
		"root/proc", "root/loop", "root/away", "root/up", "root/above.txt",
		"root/outside.txt", "root/sub/up.txt", "root/folder", "root/link.txt",
		"root/sub/page.txt", "root/page.txt", "root/pipe", "secret.txt", "root/sub",
		"root", "."
	};

	close(root);
	for (size_t i = 0; i < COUNT_OF(names) - 1; i++)
		(void) remove(at(names[i]));
	(void) rmdir(place);
}

/* What a path leads to: the file's text, "-" if it is not opened. */
static const char *
text_of(Opener opener, const char *path)
{
	static char text[100];
	int			fd = opener(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	ssize_t		n;

	if (fd < 0)
		return "-";
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
opens(Opener opener)
{
	static const char *const cases[][2] = {
		{"page.txt", "page"}, {"sub/page.txt", "below"}, {"sub//page.txt", "below"},
		{"./page.txt", "page"}, {"sub/./page.txt", "below"}, {"././sub/././page.txt", "below"}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		CHECK_CASE(strcmp(text_of(opener, cases[i][0]), cases[i][1]) == 0, cases[i][0]);
	CHECK(strcmp(text_of(opener, "pipe"), "") == 0);
}

/* Forty ways that lead out of the root, or nowhere. */
static void
refuses(Opener opener)
{
	static const char *const paths[] = {
		"", "/", "//", "/page.txt", "..", "../", "../secret.txt", "..//secret.txt",
		"./../secret.txt", "../root/../secret.txt", "sub/../../secret.txt",
		"sub/../../root/../secret.txt", "sub/./../.././secret.txt", "../../../../etc/passwd",
		"/etc/passwd", "//etc/passwd", "sub//../..//secret.txt", "folder/../../secret.txt",
		"outside.txt", "above.txt", "./above.txt", "up", "up/", "up/secret.txt",
		"up/root/page.txt", "up/../secret.txt", "up/up/etc/passwd", "away", "away/secret.txt",
		"away/root/page.txt", "away/../etc/passwd", "loop", "loop/page.txt", "proc/environ",
		"proc/root/etc/passwd", "proc/cwd", "nothing", "nothing/../page.txt", "page.txt/",
		"page.txt/.", "page.txt/..", "page.txt/../page.txt", "sub/nothing/page.txt",
		"..\\secret.txt", "....//secret.txt", "%2e%2e/secret.txt", " ../secret.txt"
	};
	char		long_path[5000];

	for (size_t i = 0; i < COUNT_OF(paths); i++)
		CHECK_CASE(strcmp(text_of(opener, paths[i]), "-") == 0, paths[i]);
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	CHECK(strcmp(text_of(opener, long_path), "-") == 0 && errno == ENAMETOOLONG);
	for (size_t i = 1; i < sizeof(long_path) - 1; i += 2)
		long_path[i] = '/';
	CHECK(strcmp(text_of(opener, long_path), "-") == 0);
}

static int
open_descriptors(void)
{
	int			count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void
the_kernel_opens(void)
{
	opens(rt_open_beneath);
	CHECK(strcmp(text_of(rt_open_beneath, "link.txt"), "page") == 0);
	CHECK(strcmp(text_of(rt_open_beneath, "folder/page.txt"), "below") == 0);
	CHECK(strcmp(text_of(rt_open_beneath, "sub/up.txt"), "page") == 0);
}

static void
the_kernel_refuses(void)
{
	refuses(rt_open_beneath);
}

static void
we_open(void)
{
	opens(rt_open_beneath_slowly);
}

static void
we_refuse(void)
{
	refuses(rt_open_beneath_slowly);
	/* no links at all */
	CHECK(strcmp(text_of(rt_open_beneath_slowly, "link.txt"), "-") == 0);
	CHECK(strcmp(text_of(rt_open_beneath_slowly, "folder/page.txt"), "-") == 0);
	CHECK(strcmp(text_of(rt_open_beneath_slowly, "sub/up.txt"), "-") == 0);
	CHECK(strcmp(text_of(rt_open_beneath_slowly, "sub/../page.txt"), "-") == 0);
}

static void
opens_folders(void)
{
	for (int slowly = 0; slowly <= 1; slowly++)
	{
		Opener		opener = slowly ? rt_open_beneath_slowly : rt_open_beneath;
		int			flags = O_PATH | O_DIRECTORY;
		int			folder = opener(root, "sub/", flags);
		int			self = opener(root, ".", flags);

		CHECK(folder >= 0 && self >= 0);
		CHECK((fcntl(folder, F_GETFD) & FD_CLOEXEC) != 0);
		CHECK(opener(root, "page.txt", flags) < 0 && errno == ENOTDIR);
		CHECK(opener(root, "..", flags) < 0);
		close(folder);
		close(self);
	}
}

/* After all that was refused. */
static void
leaves_nothing_open(void)
{
	CHECK(open_descriptors() == descriptors_before);
}

int
main(void)
{
	make_place();
	descriptors_before = open_descriptors();
	RUN(the_kernel_opens);
	RUN(the_kernel_refuses);
	RUN(we_open);
	RUN(we_refuse);
	RUN(opens_folders);
	RUN(leaves_nothing_open);
	remove_place();
	return unit_done();
}
