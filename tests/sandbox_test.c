/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/lookout.h"
#include "base/sandbox.h"

/* Runs `what` in a child that is in the sandbox; its result, or -1 when it was killed. */
static int inside(int (*what)(const struct sandbox *s, int fd), int fd)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        struct sandbox s;

        sandbox_enter(&s);
        _exit(what(&s, fd));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void *thread_body(void *unused)
{
    return unused;
}

/* 0, or the number of the first thing that did not work. */
static int work(const struct sandbox *s, int fd)
{
    uint8_t bytes[16];
    int ends[2];
    pthread_t thread;
    struct rusage used;
    struct pollfd wait = { .events = POLLIN };
    void *memory;

    (void)s;
    if (pread(fd, bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return 1;
    if (pthread_create(&thread, NULL, thread_body, NULL) || pthread_join(thread, NULL))
        return 2;
    memory = malloc(64u << 20);
    if (!memory)
        return 3;
    memset(memory, 1, 64u << 20);
    free(memory);
    if (pipe(ends) || write(ends[1], "x", 1) != 1)
        return 4;
    wait.fd = ends[0];
    if (poll(&wait, 1, 1000) != 1 || ppoll(&wait, 1, NULL, NULL) != 1)
        return 5;
    if (getrusage(RUSAGE_SELF, &used))
        return 6;
    if (signal(SIGUSR1, SIG_IGN) == SIG_ERR || raise(SIGUSR1))
        return 7;
    return 0;
}

static int can_open(const struct sandbox *s, int fd)
{
    (void)s;
    (void)fd;
    return open("/etc/passwd", O_RDONLY) >= 0 || open("/dev/null", O_WRONLY) >= 0 ||
           open("/tmp/qcheck-sandbox-test", O_WRONLY | O_CREAT, 0600) >= 0;
}

static int can_connect(const struct sandbox *s, int fd)
{
    (void)s;
    (void)fd;
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static int can_start_programs(const struct sandbox *s, int fd)
{
    char *argv[] = { (char[]){ "true" }, NULL };

    (void)s;
    (void)fd;
    execv("/bin/true", argv);
    return errno == EPERM || errno == EACCES ? 0 : 1;
}

static int can_fork(const struct sandbox *s, int fd)
{
    pid_t child = fork();

    (void)s;
    (void)fd;
    if (child == 0)
        _exit(0);
    return child > 0;
}

static int can_signal_others(const struct sandbox *s, int fd)
{
    (void)s;
    (void)fd;
    return kill(getppid(), 0) == 0;
}

/* The number of the first thing that should not have worked, else 0. */
static int can_do_harm(const struct sandbox *s, int fd)
{
    struct rlimit limit;
    struct stat st;
    int ends[2];

    (void)s;
    if (syscall(SYS_tkill, getppid(), 0) == 0 || syscall(SYS_tgkill, getppid(), getppid(), 0) == 0)
        return 1;
    if (kill(0, 0) == 0 || kill(-1, 0) == 0)
        return 2;
    if (pipe(ends) || fcntl(ends[0], F_SETOWN, getppid()) == 0)
        return 3;
    if (fcntl(ends[0], F_SETSIG, SIGKILL) == 0 || fcntl(ends[0], F_SETFL, O_ASYNC) == 0)
        return 4;
    if (fcntl(fd, F_OFD_SETLK, &(struct flock){ .l_type = F_RDLCK }) == 0 ||
        fcntl(fd, F_SETLK, &(struct flock){ .l_type = F_RDLCK }) == 0 ||
        flock(fd, LOCK_SH | LOCK_NB) == 0)
        return 5;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
        return 6;
    if (stat("/etc/passwd", &st) == 0 || lstat("/etc/passwd", &st) == 0 ||
        access("/etc/passwd", F_OK) == 0 || fstatat(AT_FDCWD, "..", &st, 0) == 0)
        return 7;
    if (syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, &limit) == 0 ||
        getrlimit(RLIMIT_NOFILE, &limit) || setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return 8;
    return 0;
}

/* In the first stage, and then in the second: the number of the first thing that is wrong. */
static int stages(const struct sandbox *unused, int fd)
{
    int file = open("/etc/passwd", O_RDONLY), waiting;
    struct stat st;

    (void)unused;
    (void)fd;
    if (file < 0 || stat("/etc/passwd", &st))
        return 1;
    if (open("/tmp/qcheck-sandbox-test", O_WRONLY | O_CREAT, 0600) >= 0 ||
        open("/dev/null", O_RDWR) >= 0)
        return 2;
    /* A device that is opened now, as the inspector does with its terminal, can be asked. */
    file = open("/dev/ptmx", O_RDONLY | O_NOCTTY);
    if (file >= 0 && ioctl(file, FIONREAD, &waiting) != 0)
        return 6;
    if (can_connect(NULL, 0) || can_fork(NULL, 0) || can_signal_others(NULL, 0))
        return 3;
    if (!sandbox_enter(NULL))
        return 4;
    if (can_open(NULL, 0) || stat("/etc/passwd", &st) == 0)
        return 5;
    return 0;
}

static int end_by(int signo)
{
    signal(signo, SIG_DFL);
    raise(signo);
    return 0;
}

static int end_by_raise(const struct sandbox *s, int fd)
{
    (void)s;
    (void)fd;
    return end_by(SIGTERM);
}

/* raise() as other C libraries have it. */
static int end_by_tkill(const struct sandbox *s, int fd)
{
    (void)s;
    (void)fd;
    signal(SIGSEGV, SIG_DFL);
    syscall(SYS_tkill, syscall(SYS_gettid), SIGSEGV);
    return 0;
}

static struct sandbox probed;

static int same_as_probed(const struct sandbox *s, int fd)
{
    (void)fd;
    return probed.no_new_privs != s->no_new_privs || probed.landlock != s->landlock ||
           probed.seccomp != s->seccomp;
}

static int image;

static int open_image(void **state)
{
    (void)state;
    image = open("/proc/self/exe", O_RDONLY);
    return image < 0;
}

static bool there(bool seccomp)
{
    struct sandbox s;

    sandbox_probe(&s);
    return seccomp ? s.seccomp : s.seccomp || s.landlock;
}

static void what_is_open_can_be_used(void **state)
{
    (void)state;
    assert_int_equal(inside(work, image), 0);
}

static void nothing_can_be_opened(void **state)
{
    (void)state;
    if (there(false))
        assert_int_equal(inside(can_open, image), 0);
}

static void nobody_can_be_called(void **state)
{
    (void)state;
    if (there(true))
        assert_int_equal(inside(can_connect, image), 0);
}

static void no_program_can_be_started(void **state)
{
    (void)state;
    if (there(true)) {
        assert_int_equal(inside(can_start_programs, image), 0);
        assert_int_equal(inside(can_fork, image), 0);
        assert_int_equal(inside(can_signal_others, image), 0);
    }
}

static void others_are_neither_signalled_nor_locked_nor_looked_at(void **state)
{
    (void)state;
    if (there(true))
        assert_int_equal(inside(can_do_harm, image), 0);
}

static void before_the_last_stage_files_can_be_read_and_nothing_else(void **state)
{
    int status;
    pid_t child;

    (void)state;
    if (!there(true))
        return;
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sandbox_enter_reading(NULL);
        _exit(stages(NULL, image));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_signal_to_itself_ends_the_process(void **state)
{
    (void)state;
    assert_int_equal(inside(end_by_raise, image), -1);
    assert_int_equal(inside(end_by_tkill, image), -1);
}

static void looking_for_files_leaves_no_child_behind(void **state)
{
    struct lookout l;
    struct seen_file file;

    (void)state;
    lookout_start("./image", &l);
    assert_int_equal(lookout_ask(&l, "no such file", 12, false, &file), SEEN_MISSING);
    lookout_end(&l);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void the_probe_tells_what_entering_does(void **state)
{
    (void)state;
    sandbox_probe(&probed);
    assert_int_equal(inside(same_as_probed, image), 0);
}

static void a_sandbox_can_be_put_into_words(void **state)
{
    const struct sandbox none = { false, 0, false }, all = { true, 3, true };
    struct buf text = BUF_INIT;

    (void)state;
    sandbox_text(&none, &text);
    assert_string_equal(buf_str(&text), "none");
    buf_reset(&text);
    sandbox_text(&all, &text);
    assert_string_equal(buf_str(&text), "no new privileges, Landlock (version 3), seccomp");
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_open_can_be_used),
        cmocka_unit_test(nothing_can_be_opened),
        cmocka_unit_test(nobody_can_be_called),
        cmocka_unit_test(no_program_can_be_started),
        cmocka_unit_test(others_are_neither_signalled_nor_locked_nor_looked_at),
        cmocka_unit_test(before_the_last_stage_files_can_be_read_and_nothing_else),
        cmocka_unit_test(a_signal_to_itself_ends_the_process),
        cmocka_unit_test(looking_for_files_leaves_no_child_behind),
        cmocka_unit_test(the_probe_tells_what_entering_does),
        cmocka_unit_test(a_sandbox_can_be_put_into_words),
    };

    return cmocka_run_group_tests(tests, open_image, NULL);
}
