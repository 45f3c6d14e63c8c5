#pragma once
/*
 * What one thread writes by pwrite, handed to the disk in pieces while it is still written.
 *
 * A sync of a thousand pages from all over a file is a thousand requests at once, and whoever else wants a small write on the disk stands behind them. Handed over a few at a
 * time and waited for, they take as long together, and others come in between. It makes nothing durable: the sync at the end is still due.
 */

/* Lets SQLite's writes ("unix" VFS) go through here; those of threads that are not pacing go straight on. 1, or 0 where this SQLite writes in another way. Once a process. */
int paced_writes_install(void);

/* From now on this thread's writes are handed over in pieces of at most `runs` stretches. */
void paced_writes_begin(int runs);

/* Hands over the last piece and stops pacing. Answers how many pieces there were, or the negative errno of the last one; those before made the write that completed them fail. */
int paced_writes_end(void);

/* For tests: this thread's next piece fails with `error`. */
void paced_writes_fail(int error);
