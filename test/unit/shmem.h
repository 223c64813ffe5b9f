/*
 * shmem.h
 *		The server's shared memory, played for a test of one process: an area at
 *		a time, full of what nobody has initialized.
 */
#ifndef TEST_UNIT_SHMEM_H
#define TEST_UNIT_SHMEM_H

void *
ShmemInitStruct(const char *name, Size size, bool *found)
{
	static void *area = NULL;

	*found = false;
	free(area);
	area = malloc(size);
	memset(area, 0x7F, size);
	return area;
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
