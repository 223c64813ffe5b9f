/*
 * json_member.c
 *		Members of jsonb values.
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"

#include "src/catalog/json_member.h"

JsonbValue *
rt_json_member(Jsonb *data, const char *field)
{
	JsonbContainer *container = &data->root;

	for (;;)
	{
		size_t		len = strcspn(field, ".");
		JsonbValue *value;

		if (!JsonContainerIsObject(container))
			return NULL;
		value = getKeyJsonValueFromContainer(container, field, (int) len, NULL);
		if (value == NULL || field[len] == '\0')
			return value;
		if (value->type != jbvBinary)
			return NULL;
		container = value->val.binary.data;
		field += len + 1;
	}
}

char *
rt_json_scalar_text(const JsonbValue *value)
{
	if (value == NULL)
		return NULL;
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return NULL;
	}
}

Jsonb *
rt_json_object_of(const char *name, JsonbValue *value)
{
	JsonbParseState *state = NULL;
	JsonbValue	key = {.type = jbvString};

	key.val.string.val = unconstify(char *, name);
	key.val.string.len = strlen(name);
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	(void) pushJsonbValue(&state, WJB_KEY, &key);
	(void) pushJsonbValue(&state, WJB_VALUE, value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

List *
rt_json_elements(Jsonb *array)
{
	List	   *elements = NIL;
	JsonbIterator *iterator = JsonbIteratorInit(&array->root);
	JsonbIteratorToken token;
	JsonbValue	element;

	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			elements = lappend(elements, JsonbValueToJsonb(&element));
	}
	return elements;
}

Jsonb *
rt_json_array_of(const List *elements)
{
	JsonbParseState *state = NULL;
	const ListCell *cell;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	foreach(cell, elements)
	{
		Jsonb	   *element = lfirst(cell);
		JsonbValue	value;

		JsonbToJsonbValue(element, &value);
		if (JB_ROOT_IS_SCALAR(element))
			(void) JsonbExtractScalar(&element->root, &value);
		(void) pushJsonbValue(&state, WJB_ELEM, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

bool
rt_jsonb_is_array(Jsonb *value)
{
	return JB_ROOT_IS_ARRAY(value) && !JB_ROOT_IS_SCALAR(value);
}

bool
rt_jsonb_is_null(Jsonb *value)
{
	JsonbValue	scalar;

	return JB_ROOT_IS_SCALAR(value) && JsonbExtractScalar(&value->root, &scalar) &&
		scalar.type == jbvNull;
}
