/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/nbd_queue.h"
#include "base/num.h"
#include "base/source.h"
#include "qcow2/image.h"
#include "support/nbd_server.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)

#define SERVER(...) (const char *const[]){ __VA_ARGS__, NULL }

/* A server and the source that reads from it. */
struct fixture {
    struct nbd_test_server server;
    struct source *src;
};

static void begin(struct fixture *f, const char *const *argv)
{
    struct error err;

    nbd_server_start(&f->server, argv);
    if (!source_open(f->server.uri, &f->src, &err))
        fail_msg("%s", err.text);
}

static void end(struct fixture *f)
{
    source_close(f->src);
    nbd_server_stop(&f->server);
}

/* nbdkit's pattern: each eight bytes hold their own offset. */
static uint8_t pattern(uint64_t off)
{
    return (uint8_t)(off / 8 * 8 >> 8 * (7 - off % 8));
}

static void assert_pattern(const uint8_t *bytes, uint64_t off, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != pattern(off + i))
            fail_msg("byte at 0x%llx is %02x", (unsigned long long)(off + i), bytes[i]);
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Reads n pieces of `len` bytes at rising odd places in one call; returns the errors. */
static size_t read_scattered(struct source *src, size_t n, size_t len, uint64_t step,
                             bool check)
{
    struct source_req *req = calloc(n, sizeof *req);
    uint8_t *bytes = malloc(n * len);
    size_t errors = 0;

    assert_non_null(req);
    assert_non_null(bytes);
    memset(bytes, 0xee, n * len);
    for (size_t i = 0; i < n; i++)
        req[i] = (struct source_req){ .off = (n - 1 - i) * step + 3, .len = len,
                                      .dst = bytes + i * len };
    source_read_many(src, req, n);
    for (size_t i = 0; i < n; i++) {
        errors += req[i].error != 0;
        if (check && !req[i].error)
            assert_pattern(req[i].dst, req[i].off, len);
    }
    free(bytes);
    free(req);
    return errors;
}

static void reads_give_the_bytes_of_the_export(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, SERVER("nbdkit", "pattern", "1G"));
    assert_int_equal(source_size(f.src), 1024 * MIB);
    assert_int_equal(source_get_info(f.src).kind, SOURCE_NBD);
    assert_int_equal(read_scattered(f.src, 300, 512, 512, true), 0);
    assert_int_equal(read_scattered(f.src, 300, 512, 1 * KIB, true), 0);
    assert_int_equal(read_scattered(f.src, 100, 65536, 100 * KIB, true), 0);
    assert_int_equal(read_scattered(f.src, 3, 5000000, 40 * MIB, true), 0);
    end(&f);
}

static void overlapping_requests_are_all_filled(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, SERVER("nbdkit", "pattern", "1G"));
    assert_int_equal(read_scattered(f.src, 50, 4096, 1000, true), 0);
    end(&f);
}

static void bytes_past_the_end_read_as_zeros(void **state)
{
    struct fixture f;
    uint8_t bytes[64];
    struct source_req req = { .off = 1000 - 24, .len = sizeof bytes, .dst = bytes };

    (void)state;
    begin(&f, SERVER("nbdkit", "pattern", "1000"));
    memset(bytes, 0xee, sizeof bytes);
    source_read_many(f.src, &req, 1);
    assert_int_equal(req.error, 0);
    assert_int_equal(req.got, 24);
    assert_pattern(bytes, 976, 24);
    assert_true(all_zero(bytes + 24, 40));
    end(&f);
}

static void a_server_that_wants_whole_blocks_gets_them(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, SERVER("nbdkit", "--filter=blocksize-policy", "pattern", "64M",
                     "blocksize-minimum=4096", "blocksize-preferred=4096",
                     "blocksize-maximum=64K", "blocksize-error-policy=error"));
    assert_int_equal(read_scattered(f.src, 100, 512, 512, true), 0);
    assert_int_equal(read_scattered(f.src, 20, 300000, 1 * MIB, true), 0);
    end(&f);
}

static void many_requests_are_in_flight(void **state)
{
    struct fixture f;
    struct timespec from, to;

    (void)state;
    /* One by one this would take 400 * 50 ms = 20 s. */
    begin(&f, SERVER("nbdkit", "--filter=delay", "pattern", "1G", "rdelay=50ms"));
    clock_gettime(CLOCK_MONOTONIC, &from);
    assert_int_equal(read_scattered(f.src, 400, 4096, 1 * MIB, true), 0);
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true(to.tv_sec - from.tv_sec < 5);
    end(&f);
}

static void several_connections_are_used_where_they_are_offered(void **state)
{
    struct nbd_test_server server;
    struct nbd_queue *q;

    (void)state;
    nbd_server_start(&server, SERVER("nbdkit", "pattern", "1M"));
    assert_true(nbd_queue_open(server.uri, &q, NULL));
    assert_true(nbd_queue_server(q)->connections > 1);
    nbd_queue_close(q);
    nbd_server_stop(&server);

    nbd_server_start(&server, SERVER("nbdkit", "--filter=multi-conn", "pattern", "1M",
                                     "multi-conn-mode=disable"));
    assert_true(nbd_queue_open(server.uri, &q, NULL));
    assert_int_equal(nbd_queue_server(q)->connections, 1);
    nbd_queue_close(q);
    nbd_server_stop(&server);
}

static void holes_are_known_by_block_status(void **state)
{
    struct fixture f;
    uint64_t start, stop;

    (void)state;
    begin(&f, SERVER("nbdkit", "data", "data=@0x100000 1*65536 @0x40000000 2*65536",
                     "size=1T"));
    assert_true(source_next_data(f.src, 0, &start, &stop));
    assert_true(start <= 0x100000 && start >= 0x100000 - 65536);
    assert_true(stop >= 0x110000 && stop < 0x140000);
    assert_true(source_next_data(f.src, stop, &start, &stop));
    assert_true(start <= 0x40000000 && start >= 0x40000000 - 65536);
    assert_true(stop >= 0x40010000 && stop < 0x40040000);
    assert_false(source_next_data(f.src, stop, &start, &stop));
    end(&f);
}

static void without_block_status_all_is_data(void **state)
{
    struct fixture f;
    uint64_t start, stop;

    (void)state;
    begin(&f, SERVER("nbdkit", "--filter=noextents", "memory", "4M"));
    assert_true(source_next_data(f.src, 4097, &start, &stop));
    assert_int_equal(start, 4097);
    assert_int_equal(stop, 4 * MIB);
    end(&f);
}

static void answers_about_single_bytes_are_not_asked_for_for_ever(void **state)
{
    struct fixture f;
    uint64_t start, stop, at = 0, before, after, bytes;

    (void)state;
    begin(&f, SERVER("nbdkit", "eval", "get_size=echo 100000",
                     "pread=dd if=/dev/zero bs=$3 count=1 2>/dev/null",
                     "extents=echo $4 1 hole,zero; echo $(($4 + 1)) 1 "));
    source_counters(f.src, &before, &bytes);
    while (at < 100000 && source_next_data(f.src, at, &start, &stop)) {
        assert_true(start >= at && stop > start);
        at = stop;
    }
    source_counters(f.src, &after, &bytes);
    assert_int_equal(at, 100000);           /* what is not known to be a hole is data */
    assert_true(after - before < 1000);
    end(&f);
}

/* Greets, and answers the first option for ever. */
static const char FLOOD[] =
    "import socket, struct\n"
    "c = socket.socket(fileno=3).accept()[0]\n"
    "c.sendall(b'NBDMAGICIHAVEOPT' + struct.pack('>H', 3))\n"
    "c.recv(4, socket.MSG_WAITALL)\n"
    "option = struct.unpack('>QII', c.recv(16, socket.MSG_WAITALL))[1]\n"
    "while True:\n"
    "    c.sendall(struct.pack('>QIII', 0x3e889045565a9, option, 4, 4) + bytes(4))\n";

static void a_greeting_without_end_is_ended(void **state)
{
    struct nbd_test_server server;
    struct source *src;
    struct error err;

    (void)state;
    if (!program_there("python3"))
        skip();
    nbd_server_start(&server, SERVER("python3", "-c", FLOOD));
    assert_false(source_open(server.uri, &src, &err));
    assert_non_null(strchr(err.text, ':'));
    nbd_server_stop(&server);
}

static void an_export_that_is_too_large_is_refused_with_a_reason(void **state)
{
    static const char huge[] =
        "import socket, struct\n"
        "c = socket.socket(fileno=3).accept()[0]\n"
        "c.sendall(b'NBDMAGIC' + struct.pack('>QQI124x', 0x420281861253, 2**64 - 1, 1))\n"
        "c.recv(1)\n";
    struct nbd_test_server server;
    struct source *src;
    struct error err;

    (void)state;
    if (!program_there("python3"))
        skip();
    nbd_server_start(&server, SERVER("python3", "-c", huge));
    assert_false(source_open(server.uri, &src, &err));
    assert_non_null(strstr(err.text, "2^63"));
    nbd_server_stop(&server);
}

static void a_failing_server_is_an_error_and_zeros(void **state)
{
    struct fixture f;
    uint8_t bytes[4096];
    struct error err;

    (void)state;
    begin(&f, SERVER("nbdkit", "--filter=error", "pattern", "1M", "error-pread=EIO",
                     "error-pread-rate=100%"));
    memset(bytes, 0xee, sizeof bytes);
    assert_false(source_read(f.src, 4096, bytes, sizeof bytes, &err));
    assert_int_equal(err.sys, EIO);
    assert_true(all_zero(bytes, sizeof bytes));
    end(&f);
}

static void what_fails_now_and_then_is_tried_again(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, SERVER("nbdkit", "--filter=error", "pattern", "64M", "error-pread=EIO",
                     "error-pread-rate=5%"));
    /* An error twice for the same request is allowed for; without trying again it would be
     * some 20 of 400. */
    assert_true(read_scattered(f.src, 400, 4096, 100 * KIB, true) < 8);
    end(&f);
}

static void a_bad_sector_costs_that_sector_only(void **state)
{
    struct fixture f;
    char map[] = "/tmp/qcheck-map-XXXXXX", option[64];
    static const char text[] = "0x0 +\n0x000000 0x100200 +\n0x100200 0x200 -\n"
                               "0x100400 0xeffc00 +\n";
    static uint8_t bytes[65536];
    struct source_req req = { .off = MIB, .len = sizeof bytes, .dst = bytes };
    int fd = mkstemp(map);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    snprintf(option, sizeof option, "ddrescue-mapfile=%s", map);
    begin(&f, SERVER("nbdkit", "--filter=ddrescue", "pattern", "16M", option));
    source_read_many(f.src, &req, 1);
    assert_int_equal(req.error, EIO);
    assert_pattern(bytes, MIB, 512);
    assert_true(all_zero(bytes + 512, 512));
    assert_pattern(bytes + 1024, MIB + 1024, sizeof bytes - 1024);
    end(&f);
    close(fd);
    unlink(map);
}

static void a_lost_connection_is_an_error_and_no_wait(void **state)
{
    struct fixture f;
    uint8_t bytes[512];

    (void)state;
    begin(&f, SERVER("nbdkit", "pattern", "1G"));
    assert_true(source_read(f.src, 0, bytes, sizeof bytes, NULL));
    nbd_server_kill(&f.server);
    assert_int_equal(read_scattered(f.src, 100, 65536, 100 * KIB, true), 100);
    assert_false(source_read(f.src, 0, bytes, sizeof bytes, NULL));
    assert_true(all_zero(bytes, sizeof bytes));
    end(&f);
}

static void *read_a_little(void *user)
{
    uint8_t bytes[512];

    return source_read(user, 0, bytes, sizeof bytes, NULL) ? user : NULL;
}

static void an_interrupted_read_ends_at_once(void **state)
{
    struct fixture f;
    struct timespec from, to;
    pthread_t reader;
    void *got;

    (void)state;
    begin(&f, SERVER("nbdkit", "--filter=delay", "pattern", "1M", "rdelay=50"));
    clock_gettime(CLOCK_MONOTONIC, &from);
    assert_int_equal(pthread_create(&reader, NULL, read_a_little, f.src), 0);
    source_interrupt(f.src);
    pthread_join(reader, &got);
    assert_null(got);
    assert_null(read_a_little(f.src));
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true(to.tv_sec - from.tv_sec < 20);
    end(&f);
}

static void a_server_that_is_not_there_is_named(void **state)
{
    struct source *src;
    struct error err;

    (void)state;
    assert_false(source_open("nbd+unix:///?socket=/nowhere\033/socket", &src, &err));
    assert_non_null(strstr(err.text, "/nowhere"));
    assert_null(strchr(err.text, '\033'));
}

static void an_export_of_qemu_nbd_can_be_read(void **state)
{
    struct fixture f;
    char raw[] = "/tmp/qcheck-raw-XXXXXX";
    uint8_t bytes[512] = "first bytes", seen[512];
    int fd = mkstemp(raw);

    (void)state;
    if (!program_there("qemu-nbd")) {
        close(fd);
        unlink(raw);
        print_message("qemu-nbd is not installed\n");
        skip();
    }
    assert_true(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
    assert_int_equal(pwrite(fd, bytes, sizeof bytes, 512), sizeof bytes);
    begin(&f, SERVER("qemu-nbd", "-r", "-t", "-f", "raw", raw));
    assert_int_equal(source_size(f.src), 1 << 20);
    assert_true(source_read(f.src, 512, seen, sizeof seen, NULL));
    assert_memory_equal(seen, bytes, sizeof seen);
    end(&f);
    close(fd);
    unlink(raw);
}

/* Each waits for the one before, on a far server for long. */
static void an_image_is_opened_with_few_reads(void **state)
{
    const char *top = getenv("top_srcdir");
    struct fixture f;
    struct image *img;
    char path[4096];
    uint64_t reads, bytes;

    (void)state;
    snprintf(path, sizeof path, "%s/data/samples/many.qcow2", top ? top : ".");
    begin(&f, SERVER("nbdkit", "--filter=noextents", "file", path));
    assert_true(image_open(f.src, NULL, &img, NULL));
    assert_int_equal(img->snaps.n, 2);
    source_counters(f.src, &reads, &bytes);
    if (reads > 8)
        fail_msg("%llu reads", (unsigned long long)reads);
    f.src = img->src;
    img->src = NULL;
    image_close(img);
    end(&f);
}

static void only_nbd_addresses_are_addresses(void **state)
{
    (void)state;
    assert_true(source_name_is_nbd("nbd://host/export"));
    assert_true(source_name_is_nbd("nbds://host"));
    assert_true(source_name_is_nbd("nbd+unix:///x?socket=/s"));
    assert_false(source_name_is_nbd("nbd:unix:/s"));
    assert_false(source_name_is_nbd("./nbd://host"));
    assert_false(source_name_is_nbd("/images/nbd"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_give_the_bytes_of_the_export),
        cmocka_unit_test(overlapping_requests_are_all_filled),
        cmocka_unit_test(bytes_past_the_end_read_as_zeros),
        cmocka_unit_test(a_server_that_wants_whole_blocks_gets_them),
        cmocka_unit_test(many_requests_are_in_flight),
        cmocka_unit_test(several_connections_are_used_where_they_are_offered),
        cmocka_unit_test(holes_are_known_by_block_status),
        cmocka_unit_test(without_block_status_all_is_data),
        cmocka_unit_test(answers_about_single_bytes_are_not_asked_for_for_ever),
        cmocka_unit_test(a_greeting_without_end_is_ended),
        cmocka_unit_test(an_export_that_is_too_large_is_refused_with_a_reason),
        cmocka_unit_test(a_failing_server_is_an_error_and_zeros),
        cmocka_unit_test(what_fails_now_and_then_is_tried_again),
        cmocka_unit_test(a_bad_sector_costs_that_sector_only),
        cmocka_unit_test(a_lost_connection_is_an_error_and_no_wait),
        cmocka_unit_test(an_interrupted_read_ends_at_once),
        cmocka_unit_test(a_server_that_is_not_there_is_named),
        cmocka_unit_test(an_export_of_qemu_nbd_can_be_read),
        cmocka_unit_test(an_image_is_opened_with_few_reads),
        cmocka_unit_test(only_nbd_addresses_are_addresses),
    };

    if (!program_there("nbdkit")) {
        puts("nbdkit is not installed");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
