/*
 * shmem.h
 *		The server's shared memory, played for a test of one process: areas
 *		by their names, each anew when it is asked for, full of what nobody has
 *		initialized.
 */
#ifndef TEST_UNIT_SHMEM_H
#define TEST_UNIT_SHMEM_H

#define SHMEM_AREAS 8

void *
ShmemInitStruct(const char *name, Size size, bool *found)
{
	static struct
	{
		const char *name;
		void	   *memory;
	}			areas[SHMEM_AREAS];
	int			i = 0;

	while (areas[i].name != NULL && strcmp(areas[i].name, name) != 0)
	{
		if (++i == SHMEM_AREAS)
			abort();
	}
	*found = false;
	free(areas[i].memory);
	areas[i].name = name;
	areas[i].memory = malloc(size);
	memset(areas[i].memory, 0x7F, size);
	return areas[i].memory;
}

Size
add_size(Size a, Size b)
{
	return a + b;
}

Size
mul_size(Size a, Size b)
{
	return a * b;
}

#endif							/* TEST_UNIT_SHMEM_H */
