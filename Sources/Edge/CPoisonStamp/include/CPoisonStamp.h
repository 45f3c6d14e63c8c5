#pragma once
#include <stdbool.h>
#include <stdint.h>

// Threads that may be armed at a time, and so stamps that one death can leave.
#define POISON_SLOTS 16

struct poison_stamp {
    int64_t position;
    uint32_t partition;
    uint32_t input;
    uint32_t signal; // 0: no stamp
};

// Maps the page in `path` (made if absent) and locks the file for this process.
// 0, or an errno value: EWOULDBLOCK another process (or this one) has it open, EBADMSG it is not such a page.
int poison_open(const char *path);

// What the page holds. Valid after poison_open succeeded; `slot` below POISON_SLOTS.
uint64_t poison_run(void);
struct poison_stamp poison_read(uint32_t slot);

// Removes all stamps and begins the run with that number.
void poison_begin(uint64_t run);

// Installs the handlers before whatever handles the signals now. Once a process; 0 or an errno value.
int poison_install(void);

// Gives the calling thread a slot, a stack for handlers, and a limit of its CPU time for one thing noted.
// 0, or an errno value: EAGAIN no slot is left, EALREADY it is armed.
int poison_arm(uint32_t cpu_limit_milliseconds);
void poison_disarm(void);

// What the calling thread works on from now on. Nothing on a thread that is not armed.
void poison_note(uint8_t input, uint32_t partition, int64_t position);
void poison_clear(void);
