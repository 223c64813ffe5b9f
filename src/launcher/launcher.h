/*
 * launcher.h
 *		How often the launcher looks.
 */
#ifndef RT_LAUNCHER_LAUNCHER_H
#define RT_LAUNCHER_LAUNCHER_H

#define RT_LAUNCHER_LOOK_MS 5000	/* while something is missing */
#define RT_LAUNCHER_BUSY_MS 200 /* while a database is being changed */
#define RT_LAUNCHER_IDLE_MS 60000	/* while all is well */

#endif							/* RT_LAUNCHER_LAUNCHER_H */
