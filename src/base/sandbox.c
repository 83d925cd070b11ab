/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/sandbox.h"

#include <string.h>
#include <time.h>

/* Sanitizers stop and trace the process when it ends, which is what a sandbox forbids. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined __linux__ && !defined SANITIZED

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__ && !defined __ILP32__
#define ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH AUDIT_ARCH_AARCH64
#elif defined __riscv && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

/* --- Landlock; numbers of the kernel's interface, which older headers lack --- */

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_restrict_self 446
#endif

struct ruleset {
    uint64_t files, net, scoped;
};

enum stage { STAGE_READING, STAGE_WRITING, STAGE_LIBRARIES, STAGE_CLOSED };

static int landlock_version(void)
{
    long n = syscall(__NR_landlock_create_ruleset, NULL, 0, 1);

    return n > 0 ? (int)n : 0;
}

/* Forbids every access that this version of the interface can forbid; at first not to read
 * files and folders. */
static int landlock_enter(enum stage stage)
{
    int version = landlock_version();
    struct ruleset rules = { 0, 0, 0 };
    size_t size = sizeof rules.files;
    long fd;
    bool ok;

    if (!version)
        return 0;
    rules.files = (UINT64_C(1) << 13) - 1;
    if (version >= 2)
        rules.files |= UINT64_C(1) << 13;       /* link and rename across folders */
    if (version >= 3)
        rules.files |= UINT64_C(1) << 14;       /* truncate */
    if (version >= 4)
        rules.net = 3;                          /* bind and connect TCP ports */
    if (version >= 5)
        rules.files |= UINT64_C(1) << 15;       /* ioctl on devices opened later */
    if (stage == STAGE_READING)
        /* ... nor to ask the terminal, which the inspector opens once more. */
        rules.files &= ~(UINT64_C(1) << 2 | UINT64_C(1) << 3 | UINT64_C(1) << 15);
    if (version >= 4)
        size = offsetof(struct ruleset, scoped);
    if (version >= 6) {
        rules.scoped = 3;                       /* abstract sockets, signals */
        size = sizeof rules;
    }
    fd = syscall(__NR_landlock_create_ruleset, &rules, size, 0);
    if (fd < 0)
        return 0;
    ok = syscall(__NR_landlock_restrict_self, (int)fd, 0) == 0;
    close((int)fd);
    return ok ? version : 0;
}

/* --- seccomp --- */

#ifdef ARCH

/* Calls that are permitted whatever their arguments: reading and writing what is open,
 * memory, threads, time, waiting, signals to come. */
static const uint16_t PERMITTED[] = {
    __NR_read, __NR_pread64, __NR_preadv, __NR_readv, __NR_write, __NR_writev, __NR_lseek,
    __NR_close, __NR_fstat, __NR_fadvise64, __NR_dup, __NR_dup3, __NR_pipe2,
    __NR_eventfd2, __NR_fstatfs,
    __NR_mmap, __NR_munmap, __NR_mremap, __NR_mprotect, __NR_madvise, __NR_brk,
    __NR_mincore, __NR_membarrier,
    __NR_futex, __NR_set_robust_list, __NR_get_robust_list, __NR_rseq, __NR_set_tid_address,
    __NR_sched_yield, __NR_sched_getaffinity, __NR_sched_getparam, __NR_sched_getscheduler,
    __NR_exit, __NR_exit_group, __NR_gettid, __NR_getpid, __NR_getppid, __NR_getpgid,
    __NR_getuid, __NR_geteuid, __NR_getgid, __NR_getegid, __NR_uname, __NR_sysinfo,
    __NR_getrusage, __NR_getrandom, __NR_getcpu,
    __NR_clock_gettime, __NR_clock_getres, __NR_clock_nanosleep, __NR_nanosleep,
    __NR_gettimeofday, __NR_restart_syscall,
    __NR_ppoll, __NR_pselect6,
    __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_rt_sigtimedwait,
    __NR_rt_sigsuspend, __NR_rt_sigpending, __NR_sigaltstack, __NR_setitimer,
    /* sockets that are connected already */
    __NR_recvfrom, __NR_recvmsg, __NR_sendmsg, __NR_shutdown, __NR_getsockopt,
    __NR_getsockname, __NR_getpeername,
    /* the older names of some, where the architecture still has them */
#ifdef __NR_poll
    __NR_poll,
#endif
#ifdef __NR_select
    __NR_select,
#endif
#ifdef __NR_pipe
    __NR_pipe,
#endif
#ifdef __NR_dup2
    __NR_dup2,
#endif
#ifdef __NR_alarm
    __NR_alarm,
#endif
#ifdef __NR_pause
    __NR_pause,
#endif
#ifdef __NR_getpgrp
    __NR_getpgrp,
#endif
#ifdef __NR_time
    __NR_time,
#endif
#ifdef __NR_arch_prctl
    __NR_arch_prctl,
#endif
};

/* ... and for commands that write a file. */
static const uint16_t WRITING[] = {
    __NR_pwrite64, __NR_ftruncate, __NR_fallocate, __NR_fsync, __NR_fdatasync,
    __NR_sync_file_range,
};

/* As long as files may be opened to be read: what answers for a path, and entering the second
 * stage. */
static const uint16_t PERMITTED_READING[] = {
    __NR_statx, __NR_readlinkat, __NR_faccessat, __NR_getdents64, __NR_getcwd, __NR_statfs,
    __NR_seccomp, __NR_landlock_create_ruleset, __NR_landlock_restrict_self,
#ifdef __NR_faccessat2
    __NR_faccessat2,
#endif
#ifdef __NR_newfstatat
    __NR_newfstatat,
#endif
#ifdef __NR_stat
    __NR_stat,
#endif
#ifdef __NR_lstat
    __NR_lstat,
#endif
#ifdef __NR_access
    __NR_access,
#endif
#ifdef __NR_readlink
    __NR_readlink,
#endif
};

/* No locks, no leases, and no signals to a process named by F_SETOWN. */
static const uint32_t FCNTLS[] = { F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL };

/* ... and for libraries that work on a file in memory. */
static const uint16_t LIBRARIES[] = { __NR_pwrite64, __NR_ftruncate };

/* What a terminal and a block device are asked for, and FICLONE, which copies from one open file
 * to another. Not TIOCSTI, which types into the terminal. */
static const uint32_t IOCTLS[] = {
    TCGETS, TCSETS, TCSETSW, TCSETSF, TCFLSH, TCSBRK, TCXONC, TIOCGWINSZ, TIOCGPGRP,
    TIOCOUTQ, FIONREAD, BLKGETSIZE64, BLKSSZGET, FICLONE,
    0x802c542a, 0x402c542b, 0x402c542c, 0x402c542d,     /* TCGETS2 and TCSETS2, W, F */
};

#define N(array)    (sizeof (array) / sizeof (array)[0])
#define FIELD(name) (uint32_t)offsetof(struct seccomp_data, name)
#define ARG_LOW(n)  (FIELD(args) + 8 * (n))     /* all of ARCH are little-endian */
#define ARG_HIGH(n) (ARG_LOW(n) + 4)

struct program {
    struct sock_filter step[480];
    unsigned short n;
};

static void put(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    if (p->n < N(p->step))
        p->step[p->n++] = (struct sock_filter){ code, yes, no, k };
}

static void load(struct program *p, uint32_t field)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, field, 0, 0);
}

static void result(struct program *p, uint32_t what)
{
    put(p, BPF_RET | BPF_K, what, 0, 0);
}

/* Ends with `what` when the loaded word is `value`. */
static void result_if(struct program *p, uint32_t value, uint32_t what)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    result(p, what);
}

/* For one system call: permitted when argument `arg` has this value; refused otherwise. */
static void only_with(struct program *p, uint32_t call, unsigned arg, uint32_t value)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4);
    load(p, ARG_LOW(arg));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    result(p, SECCOMP_RET_ALLOW);
    result(p, SECCOMP_RET_ERRNO | EPERM);
}

/* For one system call: refused when argument `arg` has one of these bits. */
static void only_without(struct program *p, uint32_t call, unsigned arg, uint32_t bits)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4);
    load(p, ARG_LOW(arg));
    put(p, BPF_JMP | BPF_JSET | BPF_K, bits, 1, 0);
    result(p, SECCOMP_RET_ALLOW);
    result(p, SECCOMP_RET_ERRNO | EPERM);
}

static void reading(struct program *p)
{
    for (size_t i = 0; i < N(PERMITTED_READING); i++)
        result_if(p, PERMITTED_READING[i], SECCOMP_RET_ALLOW);
    only_without(p, __NR_openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC);
#ifdef __NR_open
    only_without(p, __NR_open, 1, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC);
#endif
    put(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_prctl, 0, 3);
    load(p, ARG_LOW(0));
    result_if(p, PR_SET_NO_NEW_PRIVS, SECCOMP_RET_ALLOW);
    load(p, FIELD(nr));
}

/* Of fcntl, what FCNTLS has, and F_SETFL without O_ASYNC. */
static void fcntls(struct program *p, enum stage stage)
{
    uint8_t length = (uint8_t)(2 * N(FCNTLS) + 2 * (stage == STAGE_READING) + 6);

    put(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_fcntl, 0, length);
    load(p, ARG_LOW(1));
    for (size_t i = 0; i < N(FCNTLS); i++)
        result_if(p, FCNTLS[i], SECCOMP_RET_ALLOW);
    if (stage == STAGE_READING)         /* is an image in use? */
        result_if(p, F_OFD_GETLK, SECCOMP_RET_ALLOW);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, F_SETFL, 0, 3);
    load(p, ARG_LOW(2));
    put(p, BPF_JMP | BPF_JSET | BPF_K, O_ASYNC, 1, 0);
    result(p, SECCOMP_RET_ALLOW);
    result(p, SECCOMP_RET_ERRNO | EPERM);
}

static void build(struct program *p, enum stage stage)
{
    const uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;

    load(p, FIELD(arch));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    result(p, refuse);
    load(p, FIELD(nr));
    for (size_t i = 0; i < N(PERMITTED); i++)
        result_if(p, PERMITTED[i], SECCOMP_RET_ALLOW);
    for (size_t i = 0; stage == STAGE_LIBRARIES && i < N(LIBRARIES); i++)
        result_if(p, LIBRARIES[i], SECCOMP_RET_ALLOW);
#ifdef __NR_newfstatat
    if (stage == STAGE_LIBRARIES)       /* what fstat() of the C library is */
        only_with(p, __NR_newfstatat, 3, AT_EMPTY_PATH);
#endif
    for (size_t i = 0; stage == STAGE_WRITING && i < N(WRITING); i++)
        result_if(p, WRITING[i], SECCOMP_RET_ALLOW);
    if (stage == STAGE_READING)
        reading(p);
    fcntls(p, stage);
    /* A library that hears ENOSYS makes threads with the older call, whose flags are seen. */
    result_if(p, __NR_clone3, SECCOMP_RET_ERRNO | ENOSYS);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 4);
    load(p, ARG_LOW(0));
    put(p, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
    result(p, SECCOMP_RET_ALLOW);
    result(p, refuse);
    /* Signals to itself (suspend, abort; raise() of some libraries is tkill), its own
     * limits only asked for. */
    only_with(p, __NR_tgkill, 0, (uint32_t)getpid());
    only_with(p, __NR_tkill, 0, (uint32_t)getpid());
    only_with(p, __NR_kill, 0, (uint32_t)getpid());
    put(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_prlimit64, 0, 8);
    load(p, ARG_LOW(0));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5);
    load(p, ARG_LOW(2));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
    load(p, ARG_HIGH(2));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
    result(p, SECCOMP_RET_ALLOW);
    result(p, refuse);
    /* sendto without an address: what send() is. */
    put(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_sendto, 0, 6);
    load(p, ARG_LOW(4));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
    load(p, ARG_HIGH(4));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
    result(p, SECCOMP_RET_ALLOW);
    result(p, refuse);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_prctl, 0, 4);
    load(p, ARG_LOW(0));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, PR_SET_NAME, 0, 1);
    result(p, SECCOMP_RET_ALLOW);
    result(p, refuse);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, __NR_ioctl, 1, 0);
    result(p, refuse);
    load(p, ARG_LOW(1));
    for (size_t i = 0; i < N(IOCTLS); i++)
        result_if(p, IOCTLS[i], SECCOMP_RET_ALLOW);
    result(p, refuse);
}

static bool seccomp_enter(enum stage stage)
{
    struct program p = { .n = 0 };
    struct sock_fprog filter;

    build(&p, stage);
    if (p.n == N(p.step))
        return false;
    filter = (struct sock_fprog){ p.n, p.step };
    return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
                   &filter) == 0;
}

/* Asked with a filter that cannot be read: EFAULT says that it would have been used. */
static bool seccomp_there(void)
{
    return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, NULL) < 0
           && errno == EFAULT;
}

#else

static bool seccomp_enter(enum stage stage)
{
    (void)stage;
    return false;
}

static bool seccomp_there(void)
{
    return false;
}

#endif

static bool enter(enum stage stage, struct sandbox *out)
{
    struct sandbox s = { false, 0, false };

    tzset();                            /* reads a file, the first time */
    s.no_new_privs = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    if (s.no_new_privs) {
        s.landlock = landlock_enter(stage);
        s.seccomp = seccomp_enter(stage);
    }
    if (out)
        *out = s;
    return s.landlock || s.seccomp;
}

bool sandbox_enter_reading(struct sandbox *out)
{
    return enter(STAGE_READING, out);
}

bool sandbox_enter(struct sandbox *out)
{
    return enter(STAGE_CLOSED, out);
}

bool sandbox_enter_writing(struct sandbox *out)
{
    return enter(STAGE_WRITING, out);
}

bool sandbox_enter_libraries(struct sandbox *out)
{
    return enter(STAGE_LIBRARIES, out);
}

void sandbox_probe(struct sandbox *out)
{
    out->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) >= 0;
    out->landlock = landlock_version();
    out->seccomp = seccomp_there();
}

#else

bool sandbox_enter_reading(struct sandbox *out)
{
    return sandbox_enter(out);
}

bool sandbox_enter(struct sandbox *out)
{
    if (out)
        sandbox_probe(out);
    return true;
}

bool sandbox_enter_writing(struct sandbox *out)
{
    return sandbox_enter(out);
}

bool sandbox_enter_libraries(struct sandbox *out)
{
    return sandbox_enter(out);
}

void sandbox_probe(struct sandbox *out)
{
    *out = (struct sandbox){ false, 0, false };
}

#endif

void sandbox_text(const struct sandbox *s, struct buf *out)
{
    if (!s->no_new_privs) {
        buf_puts(out, "none");
        return;
    }
    buf_puts(out, "no new privileges");
    if (s->landlock)
        buf_printf(out, ", Landlock (version %d)", s->landlock);
    if (s->seccomp)
        buf_puts(out, ", seccomp");
}
