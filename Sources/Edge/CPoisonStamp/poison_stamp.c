#define _GNU_SOURCE
#include "CPoisonStamp.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { PAGE = 4096, STACK = 256 * 1024, TICKS = 4 };
static const uint64_t MAGIC = 0x31504d5453504b54; // "TKPSTMP1"

struct page {
    uint64_t magic;
    uint64_t run;
    uint8_t reserved[48];
    struct poison_stamp slots[POISON_SLOTS];
};
_Static_assert(sizeof(struct page) <= PAGE, "the slots fit into the page");

static struct page *page;
static _Atomic uint32_t slots_taken;
static struct sigaction previous[65];

// All of it belongs to one thread and its handlers, which interrupt it: volatile and in this order is enough.
static _Thread_local struct {
    struct poison_stamp *volatile slot; // null: not armed
    volatile bool noted;
    volatile uint8_t input;
    volatile uint32_t partition;
    volatile int64_t position;
    volatile uint64_t sequence; // of notes
    uint64_t seen_sequence;     // at the last tick
    uint32_t seen_ticks;
    timer_t timer;
    void *stack;
    stack_t stack_before;
} mine;

static int create(int file) {
    struct stat status;
    if (fstat(file, &status)) return errno;
    if (status.st_size != 0 && status.st_size != PAGE) return EBADMSG;
    // Blocks are taken now: a handler that writes into a hole of a full disk would die of SIGBUS.
    return posix_fallocate(file, 0, PAGE);
}

int poison_open(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return errno;
    int error = flock(file, LOCK_EX | LOCK_NB) ? errno : page ? EWOULDBLOCK : create(file);
    struct page *mapped = MAP_FAILED;
    if (!error) {
        mapped = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (mapped == MAP_FAILED) error = errno;
    }
    if (!error) {
        if (mapped->magic == 0) mapped->magic = MAGIC;
        if (mapped->magic != MAGIC) {
            munmap(mapped, PAGE);
            error = EBADMSG;
        }
    }
    if (error) {
        close(file);
        return error;
    }
    page = mapped; // the file stays open for its lock, until the process ends
    return 0;
}

uint64_t poison_run(void) { return page->run; }

struct poison_stamp poison_read(uint32_t slot) { return page->slots[slot % POISON_SLOTS]; }

void poison_begin(uint64_t run) {
    memset(page->slots, 0, sizeof page->slots);
    page->run = run;
}

static void stamp(int signal) {
    struct poison_stamp *slot = mine.slot;
    slot->input = mine.input;
    slot->partition = mine.partition;
    slot->position = mine.position;
    slot->signal = (uint32_t)signal;
}

// Whether the signal speaks of what this thread did just now. What other processes sent (kill, a watchdog's SIGABRT),
// a limit of the whole process, and broken memory modules do not.
static bool is_own_fault(int signal, const siginfo_t *info) {
    if (info->si_code == SI_TKILL) return info->si_pid == getpid(); // abort() and raise()
    if (signal == SIGBUS && (info->si_code == BUS_MCEERR_AO || info->si_code == BUS_MCEERR_AR)) return false;
    return signal != SIGABRT && info->si_code > 0;
}

static void pass_on(int signal, const siginfo_t *info) {
    struct sigaction before = previous[signal];
    if (signal == SIGXCPU && !(before.sa_flags & SA_SIGINFO) && before.sa_handler == SIG_IGN) before.sa_handler = SIG_DFL;
    sigaction(signal, &before, 0);
    // A fault comes again by itself when its instruction is tried again; a breakpoint is behind us, a sent signal is spent.
    if (info->si_code <= 0 || signal == SIGTRAP || signal == SIGABRT || signal == SIGXCPU) raise(signal);
}

static void on_fault(int signal, siginfo_t *info, void *context) {
    (void)context;
    int saved = errno;
    if (mine.slot && mine.noted && is_own_fault(signal, info)) stamp(signal);
    pass_on(signal, info);
    errno = saved;
}

// Ticks come in this thread's own CPU time, so that arming a timer for each note is not needed: a note that is still
// there after all its ticks has used the limit.
static void on_tick(int signal, siginfo_t *info, void *context) {
    (void)context;
    int saved = errno;
    if (info->si_code != SI_TIMER) {
        pass_on(signal, info);
    } else if (mine.slot && mine.noted) {
        if (mine.seen_sequence != mine.sequence) mine.seen_ticks = 0;
        mine.seen_sequence = mine.sequence;
        if (++mine.seen_ticks > TICKS) {
            stamp(signal);
            pass_on(signal, info);
        }
    }
    errno = saved;
}

static const int faults[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT};

// A mask is inherited from whoever started the thread or the process; a blocked tick would never end a busy loop.
static int unblock(void) {
    sigset_t signals;
    sigemptyset(&signals);
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) sigaddset(&signals, faults[i]);
    sigaddset(&signals, SIGXCPU);
    return pthread_sigmask(SIG_UNBLOCK, &signals, 0);
}

int poison_install(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (sigaction(faults[i], &action, &previous[faults[i]])) return errno;
    }
    action.sa_sigaction = on_tick;
    action.sa_flags |= SA_RESTART;
    return sigaction(SIGXCPU, &action, &previous[SIGXCPU]) ? errno : 0;
}

static struct poison_stamp *take_slot(void) {
    uint32_t taken = atomic_load(&slots_taken);
    for (;;) {
        uint32_t place = (uint32_t)__builtin_ctz(~taken);
        if (place >= POISON_SLOTS) return 0;
        if (atomic_compare_exchange_weak(&slots_taken, &taken, taken | 1u << place)) return &page->slots[place];
    }
}

static int start_ticks(uint32_t limit) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGXCPU};
    event.sigev_notify_thread_id = (int)syscall(SYS_gettid);
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &mine.timer)) return errno;
    int64_t tick = (int64_t)limit * 1000000 / TICKS;
    if (tick < 1000000) tick = 1000000;
    struct timespec span = {.tv_sec = tick / 1000000000, .tv_nsec = tick % 1000000000};
    struct itimerspec every = {.it_interval = span, .it_value = span};
    if (!timer_settime(mine.timer, 0, &every, 0)) return 0;
    int error = errno;
    timer_delete(mine.timer);
    return error;
}

static int give_stack(void) {
    mine.stack = mmap(0, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mine.stack == MAP_FAILED) return errno;
    stack_t stack = {.ss_sp = mine.stack, .ss_size = STACK};
    if (!sigaltstack(&stack, &mine.stack_before)) return 0;
    int error = errno;
    munmap(mine.stack, STACK);
    return error;
}

static void take_stack_back(void) {
    if (!sigaltstack(&mine.stack_before, 0)) munmap(mine.stack, STACK);
}

static void release_slot(struct poison_stamp *slot) { atomic_fetch_and(&slots_taken, ~(1u << (slot - page->slots))); }

int poison_arm(uint32_t cpu_limit_milliseconds) {
    if (mine.slot) return EALREADY;
    struct poison_stamp *slot = take_slot();
    if (!slot) return EAGAIN;
    int error = give_stack();
    if (!error) {
        mine.noted = false;
        error = unblock();
        if (!error) error = start_ticks(cpu_limit_milliseconds);
        if (error) take_stack_back();
    }
    if (error) {
        release_slot(slot);
        return error;
    }
    mine.slot = slot;
    return 0;
}

void poison_disarm(void) {
    struct poison_stamp *slot = mine.slot;
    if (!slot) return;
    mine.noted = false;
    mine.slot = 0;
    timer_delete(mine.timer);
    take_stack_back();
    release_slot(slot);
}

void poison_note(uint8_t input, uint32_t partition, int64_t position) {
    mine.noted = false; // a fault between two fields must not stamp a mixture
    mine.input = input;
    mine.partition = partition;
    mine.position = position;
    mine.sequence++;
    mine.noted = true;
}

void poison_clear(void) { mine.noted = false; }
