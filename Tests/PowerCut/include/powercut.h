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

#endif
