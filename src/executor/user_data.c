/*
 * user_data.c
 *		Who somebody is by what a token or an authenticate hook says.
 */
#include "postgres.h"

#include "utils/numeric.h"

#include "src/executor/user_data.h"
#include "src/guc.h"

char *
rt_user_data_text(Jsonb *data, const char *member)
{
	JsonbValue	buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&data->root, member, strlen(member), &buffer);

	if (value == NULL)
		return NULL;
	if (value->type == jbvString)
		return pnstrdup(value->val.string.val, value->val.string.len);
	if (value->type == jbvNumeric)
		return numeric_normalize(value->val.numeric);
	return NULL;
}

char *
rt_user_data_id(Jsonb *data)
{
	static const char *const members[] = {"id", "user_id", "sub"};

	for (size_t i = 0; i < lengthof(members); i++)
	{
		char	   *id = rt_user_data_text(data, members[i]);

		if (id != NULL)
			return id;
	}
	return pstrdup("");
}

char *
rt_user_data_role(Jsonb *data)
{
	return rt_user_data_text(data, realtime_jwt_role_claim);
}
