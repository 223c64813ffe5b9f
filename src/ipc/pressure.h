/*
 * pressure.h
 *		How much of what there is has been taken, and what is scarce.
 */
#ifndef RT_IPC_PRESSURE_H
#define RT_IPC_PRESSURE_H

#include "src/compat.h"

/* What is scarce: of several the last one here counts. */
typedef enum RtPressureReason
{
	RT_PRESSURE_NONE,
	RT_PRESSURE_SUBSCRIBERS,	/* topics of a connection, on average */
	RT_PRESSURE_PUBLISH_RATE,	/* events */
	RT_PRESSURE_EXECUTORS,		/* slots of requests: executors are behind */
	RT_PRESSURE_MEMORY,			/* of requests and answers, or of a gateway */
	RT_PRESSURE_REASONS
} RtPressureReason;

typedef struct RtPressure
{
	RtPressureReason reason;
	double		memory;			/* the part of it that is taken, of whichever has
								 * least left */
	double		executors;		/* likewise of slots */
	double		publish_rate;	/* events per second that a gateway has seen */
	double		subscribers;	/* topics per connection */
} RtPressure;

/* As of now; rates as of the last second. */
extern void rt_pressure_measure(RtPressure *pressure);

/* "MEMORY" ...; and the reason of a name, RT_PRESSURE_REASONS if there is none. */
extern const char *rt_pressure_name(RtPressureReason reason);
extern RtPressureReason rt_pressure_of_name(const char *name);

#endif							/* RT_IPC_PRESSURE_H */
