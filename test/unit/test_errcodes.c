/*
 * test_errcodes.c
 *		src/errcodes.c: each code is found by both of its names.
 */
#include "src/errcodes.h"
#include "test/unit/unit.h"

static void
finds_codes_by_both_names(void)
{
	for (int i = 0; i < RT_CODE_COUNT; i++)
	{
		RtCode		code = (RtCode) i;

		CHECK(strlen(rt_code_sqlstate(code)) == 5);
		CHECK(strncmp(rt_code_sqlstate(code), "RT", 2) == 0);
		CHECK(rt_code_from_sqlstate(rt_code_sqlstate(code)) == i);
		CHECK(rt_code_from_wire(rt_code_wire(code)) == code);
		CHECK(code == RT_CODE_CUSTOM || strlen(rt_code_message(code)) > 0);
	}
}

static void
knows_no_other_codes(void)
{
	CHECK(rt_code_from_wire("") == RT_CODE_CUSTOM);
	CHECK(rt_code_from_wire("MY_OWN") == RT_CODE_CUSTOM);
	CHECK(rt_code_from_wire("not_found") == RT_CODE_CUSTOM);
	CHECK(rt_code_from_sqlstate("") == -1);
	CHECK(rt_code_from_sqlstate("RT999") == -1);
	CHECK(rt_code_from_sqlstate("22023") == -1);
}

int
main(void)
{
	RUN(finds_codes_by_both_names);
	RUN(knows_no_other_codes);
	return unit_done();
}
