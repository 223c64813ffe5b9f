/*
 * fuzz_deflate.c
 *		Input: two bytes of a limit, then the payload of a compressed message.
 *		Whatever it inflates to comes back when it is compressed.
 */
#include "src/protocol/deflate.h"
#include "test/fuzz/fuzz.h"

/* Both ways, through memory of exactly the lengths that are told. */
static void
check_both_ways(RtText text)
{
	size_t		cap = text.len + text.len / 100 + 64;
	char	   *compressed = fuzz_alloc(cap);
	char	   *back = fuzz_alloc(text.len + 1);
	size_t		len = rt_deflate(text, compressed, cap);
	size_t		back_len;

	FUZZ_ASSERT(len > 0 && len <= cap);
	FUZZ_ASSERT(rt_inflate((RtText) {compressed, len}, back, text.len + 1,
						   &back_len) == RT_INFLATE_WHOLE);
	FUZZ_ASSERT(back_len == text.len && memcmp(back, text.ptr, back_len) == 0);
	free(back);
	free(compressed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t		cap;
	size_t		len;
	char	   *dst;
	RtInflateResult result;

	if (size < 2)
		return 0;
	cap = 1 + (size_t) (data[0] << 8 | data[1]);
	dst = fuzz_alloc(cap);
	result = rt_inflate((RtText) {(const char *) data + 2, size - 2}, dst, cap, &len);
	FUZZ_ASSERT(len <= cap && (result != RT_INFLATE_WHOLE || len < cap));
	FUZZ_ASSERT(result != RT_INFLATE_TOO_LONG || len == cap);
	if (result == RT_INFLATE_WHOLE)
		check_both_ways((RtText) {dst, len});
	check_both_ways((RtText) {(const char *) data, size});
	free(dst);
	return 0;
}
