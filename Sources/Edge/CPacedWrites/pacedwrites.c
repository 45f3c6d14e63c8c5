#define _GNU_SOURCE
#include "pacedwrites.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

/* A long stretch is one request or few, but takes the disk its time too. */
enum { most_bytes = 256 << 10 };

static _Thread_local struct {
  int runs_allowed; /* 0: not pacing */
  int file, runs, pieces, error;
  off64_t begin, next;
  size_t bytes;
} piece;

/* 0 or an errno. The kernel tells of an error of the disk once for each open file, so what is told here is not told by the sync: it must not be dropped. */
static int hand_over(void) {
  if (piece.runs == 0) return 0;
  int error = piece.error;
  int all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  if (!error && sync_file_range(piece.file, piece.begin, piece.next - piece.begin, all) != 0) error = errno;
  piece.runs = 0;
  piece.bytes = 0;
  piece.error = 0;
  piece.pieces++;
  /* Where it cannot be done in pieces the sync does it all. */
  return error == ENOSYS || error == EINVAL || error == ESPIPE ? 0 : error;
}

static ssize_t paced_write(int file, const void *from, size_t length, off64_t at) {
  ssize_t written = pwrite64(file, from, length, at);
  if (piece.runs_allowed == 0 || written <= 0) return written;
  int error = piece.runs > 0 && (file != piece.file || at < piece.next) ? hand_over() : 0;
  if (piece.runs == 0) piece.begin = at;
  if (piece.runs == 0 || at != piece.next) piece.runs++;
  piece.file = file;
  piece.next = at + written;
  piece.bytes += (size_t)written;
  if (!error && (piece.runs >= piece.runs_allowed || piece.bytes >= most_bytes)) error = hand_over();
  if (!error) return written;
  errno = error;
  return -1;
}

int paced_writes_install(void) {
  sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
  if (!vfs || vfs->iVersion < 3) return 0;
  static const char *const names[] = {"pwrite64", "pwrite"};
  for (int i = 0; i < 2; i++) {
    if (!vfs->xGetSystemCall(vfs, names[i])) continue;
    return vfs->xSetSystemCall(vfs, names[i], (sqlite3_syscall_ptr)paced_write) == SQLITE_OK;
  }
  return 0;
}

void paced_writes_begin(int runs) {
  piece.runs_allowed = runs;
  piece.pieces = 0;
}

int paced_writes_end(void) {
  int error = hand_over(), pieces = piece.pieces;
  piece.runs_allowed = 0;
  piece.pieces = 0;
  return error ? -error : pieces;
}

void paced_writes_fail(int error) { piece.error = error; }
