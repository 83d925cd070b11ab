/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/source.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/pattern.h"

struct fixture {
    char dir[64];
    char path[128];
};

static int make_dir(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    strcpy(f->dir, "/tmp/qcheck-source-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/file", f->dir);
    *state = f;
    return 0;
}

static int drop_dir(void **state)
{
    struct fixture *f = *state;

    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return 0;
}

static int write_file(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    return fd;
}

static struct source *open_file(const char *path)
{
    struct source *src = NULL;
    struct error err;

    if (!source_open_file(path, &src, &err))
        fail_msg("%s", err.text);
    return src;
}

static void files_read_zeros_past_their_end(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = make_bytes(5000);
    struct source *src;

    close(write_file(f->path, bytes, 5000));
    src = open_file(f->path);
    assert_int_equal(source_size(src), 5000);
    check_reads_past_the_end(src, 5000);
    source_close(src);
    free(bytes);
}

static void files_give_the_same_bytes_in_batches_of_any_order(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = make_bytes(100000);
    struct source *src;

    close(write_file(f->path, bytes, 100000));
    src = open_file(f->path);
    check_many(src, 100000);
    source_close(src);
    src = memory(bytes, 100000);
    check_many(src, 100000);
    source_close(src);
    free(bytes);
}

static void neighbouring_requests_become_one_read(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = make_bytes(100000);
    static uint8_t out[3][4096];
    struct source_req req[] = {
        { .off = 8192, .len = 4096, .dst = out[2] },
        { .off = 0, .len = 4096, .dst = out[0] },
        { .off = 4096, .len = 4096, .dst = out[1] },
    };
    struct source *src;
    uint64_t requests, total;

    close(write_file(f->path, bytes, 100000));
    src = open_file(f->path);
    source_read_many(src, req, 3);
    for (size_t i = 0; i < 3; i++)
        assert_bytes(out[i], i * 4096, 4096);
    source_counters(src, &requests, &total);
    assert_int_equal(requests, 1);
    assert_int_equal(total, 3 * 4096);
    source_close(src);
    free(bytes);
}

static void what_is_no_file_is_refused_by_name(void **state)
{
    struct fixture *f = *state;
    struct source *src = NULL;
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct error err;
    int fd;

    assert_false(source_open_file(f->dir, &src, &err));
    assert_non_null(strstr(err.text, "directory"));
    assert_false(source_open_file("/dev/null", &src, &err));
    assert_non_null(strstr(err.text, "character device"));
    assert_false(source_open_file(f->path, &src, &err));
    assert_int_equal(err.sys, ENOENT);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_false(source_open_file(f->path, &src, &err));       /* and does not wait */
    assert_non_null(strstr(err.text, "FIFO"));
    unlink(f->path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(addr.sun_path, f->path);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_false(source_open_file(f->path, &src, &err));
    assert_non_null(strstr(err.text, "socket"));
    close(fd);
    assert_null(src);
}

static void a_name_in_a_message_cannot_act_on_the_terminal(void **state)
{
    struct source *src = NULL;
    struct error err;

    (void)state;
    assert_false(source_open_file("/nonexistent\x1b[31m", &src, &err));
    assert_null(strchr(err.text, '\x1b'));
    assert_non_null(strstr(err.text, "\\x1b"));
}

static void writing_to_the_file_is_noticed(void **state)
{
    struct fixture *f = *state;
    int fd = write_file(f->path, "0123456789", 10);
    struct source *src = open_file(f->path);
    struct timespec old[2] = { { 0, UTIME_OMIT }, { 1000000000, 0 } };
    struct error why;

    assert_false(source_changed(src, &why));
    assert_int_equal(futimens(fd, old), 0);
    assert_true(source_changed(src, &why));
    assert_non_null(strstr(why.text, "written"));
    assert_int_equal(ftruncate(fd, 5), 0);
    assert_true(source_changed(src, &why));
    assert_non_null(strstr(why.text, "was 10 bytes"));
    source_close(src);
    close(fd);
}

static void a_file_cut_short_while_open_reads_as_zeros(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = make_bytes(5000), out[5000];
    int fd = write_file(f->path, bytes, 5000);
    struct source *src = open_file(f->path);
    struct source_req req[2] = { { .off = 0, .len = 4000, .dst = out },
                                 { .off = 4000, .len = 1000, .dst = out + 4000 } };

    assert_int_equal(ftruncate(fd, 1000), 0);
    memset(out, 0xee, sizeof out);
    source_read_many(src, req, 1);
    assert_int_equal(req[0].got, 1000);
    assert_bytes(out, 0, 1000);
    assert_zeros(out + 1000, 3000);
    memset(out, 0xee, sizeof out);
    source_read_many(src, req, 2);
    assert_int_equal(req[0].got, 1000);
    assert_int_equal(req[1].got, 0);
    assert_int_equal(req[1].error, 0);
    assert_zeros(out + 1000, 4000);
    source_close(src);
    close(fd);
    free(bytes);
}

static void holes_are_skipped_and_data_is_found(void **state)
{
    struct fixture *f = *state;
    const uint64_t mib = 1 << 20;
    int fd = write_file(f->path, "", 0);
    struct source *src;
    uint64_t start = 0, end = 0;

    assert_int_equal(ftruncate(fd, (off_t)(16 * mib)), 0);
    assert_int_equal(pwrite(fd, "data", 4, (off_t)(8 * mib)), 4);
    src = open_file(f->path);
    /* File systems without holes answer with the whole rest, which is right as well. */
    assert_true(source_next_data(src, 0, &start, &end));
    assert_true(start <= 8 * mib && end > 8 * mib && end <= 16 * mib);
#ifdef SEEK_DATA
    assert_int_equal(start, lseek(fd, 0, SEEK_DATA));
    assert_int_equal(end, lseek(fd, (off_t)start, SEEK_HOLE));
#endif
    assert_true(source_next_data(src, 8 * mib + 1, &start, &end));
    assert_int_equal(start, 8 * mib + 1);
    assert_false(source_next_data(src, 16 * mib, &start, &end));
    assert_false(source_next_data(src, UINT64_MAX, &start, &end));
    source_close(src);
    close(fd);
}

static void only_the_write_lock_of_qemu_is_seen(void **state)
{
#ifdef F_OFD_SETLK
    struct fixture *f = *state;
    int fd = write_file(f->path, "x", 1);
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100,
                          .l_len = 1 };
    struct source *src = open_file(f->path);

    assert_false(source_get_info(src).in_use);
    source_close(src);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);        /* reads only */
    src = open_file(f->path);
    assert_false(source_get_info(src).in_use);
    source_close(src);
    lock.l_start = 101;                                         /* writes */
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    src = open_file(f->path);
    assert_true(source_get_info(src).in_use);
    source_close(src);
    close(fd);
#else
    (void)state;
    skip();
#endif
}

static void the_open_file_holds_no_lock(void **state)
{
#ifdef F_OFD_SETLK
    struct fixture *f = *state;
    int fd = write_file(f->path, "x", 1);
    struct source *src = open_file(f->path);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    source_close(src);
    close(fd);
#else
    (void)state;
    skip();
#endif
}

static void info_tells_kind_size_and_name(void **state)
{
    struct fixture *f = *state;
    struct source *src;
    struct source_info info;

    close(write_file(f->path, "12345", 5));
    src = open_file(f->path);
    info = source_get_info(src);
    assert_int_equal(info.kind, SOURCE_FILE);
    assert_int_equal(info.size, 5);
    assert_string_equal(info.name, f->path);
    assert_true(info.batch_bytes && info.batch_reqs);
    source_close(src);
    src = failing(memory("abc", 3), 100, 1);
    info = source_get_info(src);
    assert_int_equal(info.kind, SOURCE_MEMORY);
    assert_int_equal(info.size, 3);
    assert_string_equal(info.name, "test");
    source_close(src);
    source_close(NULL);
}

struct reader {
    struct source *src;
    uint32_t seed;
    bool wrong;
};

static void *read_here_and_there(void *arg)
{
    struct reader *r = arg;
    static const size_t len = 60000;

    for (int i = 0; i < 300; i++) {
        uint8_t out[600];
        uint64_t off;

        r->seed = r->seed * 1664525 + 1013904223;
        off = (r->seed >> 8) % (len - sizeof out);
        if (!source_read(r->src, off, out, sizeof out, NULL))
            r->wrong = true;
        for (size_t k = 0; k < sizeof out; k++)
            if (out[k] != byte_at(off + k))
                r->wrong = true;
    }
    return NULL;
}

static void threads_may_read_at_once_and_all_is_counted(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = make_bytes(60000);
    struct reader r[4];
    pthread_t thread[4];
    uint64_t requests, total;

    close(write_file(f->path, bytes, 60000));
    r[0].src = open_file(f->path);
    for (uint32_t i = 0; i < 4; i++) {
        r[i] = (struct reader){ r[0].src, i, false };
        assert_int_equal(pthread_create(&thread[i], NULL, read_here_and_there, &r[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_false(r[i].wrong);
    }
    source_counters(r[0].src, &requests, &total);
    assert_int_equal(requests, 4 * 300);
    assert_int_equal(total, 4 * 300 * 600);
    source_close(r[0].src);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_read_zeros_past_their_end, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(files_give_the_same_bytes_in_batches_of_any_order,
                                        make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(neighbouring_requests_become_one_read, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused_by_name, make_dir,
                                        drop_dir),
        cmocka_unit_test(a_name_in_a_message_cannot_act_on_the_terminal),
        cmocka_unit_test_setup_teardown(writing_to_the_file_is_noticed, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(a_file_cut_short_while_open_reads_as_zeros,
                                        make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(holes_are_skipped_and_data_is_found, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(only_the_write_lock_of_qemu_is_seen,
                                        make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(the_open_file_holds_no_lock, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(info_tells_kind_size_and_name, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(threads_may_read_at_once_and_all_is_counted,
                                        make_dir, drop_dir),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
