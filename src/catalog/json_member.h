/*
 * json_member.h
 *		Members of jsonb values.
 */
#ifndef RT_CATALOG_JSON_MEMBER_H
#define RT_CATALOG_JSON_MEMBER_H

#include "src/compat.h"

#include "utils/jsonb.h"

/* A member of an object, "a" or "a.b"; NULL = it is not there. */
extern JsonbValue *rt_json_member(Jsonb *data, const char *field);

/* The text of a text, number or boolean; NULL = it is none, or NULL. */
extern char *rt_json_scalar_text(const JsonbValue *value);

/* An object with one member. */
extern Jsonb *rt_json_object_of(const char *name, JsonbValue *value);

/* The elements of an array, in a list of Jsonb. */
extern List *rt_json_elements(Jsonb *array);

/* An array of a list of Jsonb. */
extern Jsonb *rt_json_array_of(const List *elements);

/* Whether a value is an array, or null. */
extern bool rt_jsonb_is_array(Jsonb *value);
extern bool rt_jsonb_is_null(Jsonb *value);

#endif							/* RT_CATALOG_JSON_MEMBER_H */
