#ifndef POWERCUT_H
#define POWERCUT_H

/*
 * A SQLite VFS for tests that remembers what a disk would hold if the power went now: what was synced, and of what was written since then only some sectors.
 */

/* Makes it the default VFS of the process. 0, or a SQLite error. */
int powercut_install(void);

/*
 * Writes what such a disk would hold of every database and write-ahead log that was opened, into `folder`, under the files' own names. Each 512-byte sector written
 * since its file's last sync survives with `percent` in a hundred, chosen by `seed`. 0, or -1.
 */
int powercut_copy(const char *folder, unsigned seed, int percent);

/* The same of the files whose paths begin with `from`. */
int powercut_copy_of(const char *from, const char *folder, unsigned seed, int percent);

/* Makes it a VFS of the process by the name of "powercut"; the default stays. Again does nothing. 0, or a SQLite error. */
int powercut_register(void);

enum { POWERCUT_READ, POWERCUT_WRITE, POWERCUT_SYNC };

/*
 * From now on `operation` fails with a SQLite error, on files whose paths begin with `folder` and end with `end`, so many times (-1: until mended). A sync that fails drops
 * what was written since the last one, as systems do: it can be read, the next sync succeeds, and the power cut takes it. 0; -1 when there is no room for more faults.
 */
int powercut_fail(const char *folder, const char *end, int operation, int code, int times);

/* How often faults of a folder have struck. */
int powercut_met(const char *folder);

/* Ends the faults that were set for exactly this folder. */
void powercut_mend(const char *folder);

#endif
